// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_transport.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace minivisor::crypto {

/// The functions of the BIO; OpenSSL gives each the BIO, whose data is the transport.
struct TransportBio {
    static TlsTransport& transport(BIO* bio) { return *static_cast<TlsTransport*>(BIO_get_data(bio)); }

    static int read(BIO* bio, char* buffer, std::size_t size, std::size_t* got)
    {
        auto& self = transport(bio);
        BIO_clear_retry_flags(bio);
        for (;;) {
            auto const count = ::recv(self.m_fd, buffer, size, MSG_DONTWAIT);
            if (count > 0) {
                *got = static_cast<std::size_t>(count);
                return 1;
            }
            if (count == 0) {
                self.m_at_end = true;
                return 0;
            }
            if (errno == EINTR)
                continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                BIO_set_retry_read(bio);
            else
                self.m_last_error = errno;
            return -1;
        }
    }

    static int write(BIO* bio, char const* bytes, std::size_t size, std::size_t* taken)
    {
        auto& self = transport(bio);
        BIO_clear_retry_flags(bio);
        if (self.unsent() >= TlsTransport::limit) {
            BIO_set_retry_write(bio);
            return -1;
        }
        auto const* const begin = reinterpret_cast<std::byte const*>(bytes);
        self.m_unsent.insert(self.m_unsent.end(), begin, begin + size);
        *taken = size;
        return 1;
    }

    static long control(BIO* bio, int command, long, void*)
    {
        switch (command) {
        // Bytes leave by TlsTransport::send() only.
        case BIO_CTRL_FLUSH: return 1;
        case BIO_CTRL_EOF: return transport(bio).m_at_end ? 1 : 0;
        default: return 0;
        }
    }

    static BIO_METHOD const* method()
    {
        static BioMethodPtr const instance = [] {
            BioMethodPtr made(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "minivisor socket"));
            if (made) {
                BIO_meth_set_read_ex(made.get(), read);
                BIO_meth_set_write_ex(made.get(), write);
                BIO_meth_set_ctrl(made.get(), control);
            }
            return made;
        }();
        return instance.get();
    }
};

TlsTransport::TlsTransport(int fd)
    : m_fd(fd)
{
}

BioPtr TlsTransport::make_bio()
{
    auto const* const method = TransportBio::method();
    BioPtr bio(method ? BIO_new(method) : nullptr);
    if (bio) {
        BIO_set_data(bio.get(), this);
        BIO_set_init(bio.get(), 1);
    }
    return bio;
}

TlsTransport::Sent TlsTransport::send()
{
    while (unsent() > 0) {
        auto const count = ::send(m_fd, m_unsent.data() + m_sent, unsent(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count >= 0) {
            m_sent += static_cast<std::size_t>(count);
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            // Moved to the front now and then, so that a slow peer does not make the buffer grow for ever.
            if (m_sent >= comfortable) {
                m_unsent.erase(m_unsent.begin(), m_unsent.begin() + static_cast<std::ptrdiff_t>(m_sent));
                m_sent = 0;
            }
            return Sent::some;
        }
        m_last_error = errno;
        return Sent::error;
    }
    m_unsent.clear();
    m_sent = 0;
    return Sent::all;
}

} // namespace minivisor::crypto
