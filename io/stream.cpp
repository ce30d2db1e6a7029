// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/stream.hpp"

#include "util/quietly.hpp"

#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace minivisor::io {

namespace asio = boost::asio;

namespace {

bool is_socket(int fd)
{
    struct stat status { };
    return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

Stream::Moved moved_or_why_not(ssize_t count)
{
    if (count >= 0)
        return {Stream::Progress::some, static_cast<std::size_t>(count)};
    return {errno == EAGAIN || errno == EINTR ? Stream::Progress::later : Stream::Progress::end};
}

class FdStream final : public Stream {
public:
    FdStream(asio::io_context& io, util::UniqueFd in, util::UniqueFd out, bool one_for_both, bool ends_with_input)
        : Stream(io, std::move(in), std::move(out), one_for_both, ends_with_input)
        , m_reads_socket(is_socket(input()))
        , m_writes_socket(is_socket(output()))
    {
    }

    Moved read(std::span<char> buffer, std::vector<util::UniqueFd>& passed) override
    {
        if (input() < 0)
            return {Progress::later};
        if (!m_reads_socket) {
            auto const moved = moved_or_why_not(::read(input(), buffer.data(), buffer.size()));
            return moved.progress == Progress::some && moved.size == 0 ? Moved{Progress::end} : moved;
        }
        auto received = util::recv_with_fds(input(), {reinterpret_cast<std::uint8_t*>(buffer.data()), buffer.size()});
        if (!received)
            return {Progress::end};
        if (!*received)
            return {Progress::later};
        for (auto& fd : (*received)->fds)
            passed.push_back(std::move(fd));
        auto const size = (*received)->size;
        return {size > 0 ? Progress::some : Progress::end, size};
    }

    Moved write(std::string_view bytes) override
    {
        return moved_or_why_not(m_writes_socket ? ::send(output(), bytes.data(), bytes.size(), MSG_NOSIGNAL)
                                                : ::write(output(), bytes.data(), bytes.size()));
    }

private:
    bool m_reads_socket;
    bool m_writes_socket;
};

class TlsStream final : public Stream {
public:
    TlsStream(asio::io_context& io, Connection connection)
        : Stream(io, std::move(connection.socket), {}, true, true)
        , m_tls(std::move(connection.tls))
    {
    }
    ~TlsStream() override { m_tls.reset(); } // before its socket

    Moved read(std::span<char> buffer, std::vector<util::UniqueFd>&) override
    {
        auto const got = m_tls->try_read(std::as_writable_bytes(buffer));
        set_input_needs_output(got.step == crypto::Step::want_write);
        if (got.bytes > 0)
            return {Progress::some, got.bytes};
        return {got.step == crypto::Step::want_read || got.step == crypto::Step::want_write ? Progress::later
                                                                                            : Progress::end};
    }

    Moved write(std::string_view bytes) override
    {
        auto const taken = m_tls->try_write(std::as_bytes(std::span(bytes)));
        m_all_sent = taken.step == crypto::Step::done;
        return {taken.step == crypto::Step::done     ? Progress::some
                : taken.step == crypto::Step::failed ? Progress::end
                                                     : Progress::later,
            taken.bytes};
    }

    void finish() override
    {
        // Saying goodbye may wait for room; where there is none, the peer does not read and gets none.
        pollfd room{output(), POLLOUT, 0};
        if (m_all_sent && poll(&room, 1, 0) == 1 && room.revents == POLLOUT)
            m_tls->shutdown_write().ignore("the peer is gone, and so are we");
    }

private:
    std::unique_ptr<crypto::TlsSession> m_tls;
    bool m_all_sent = true;
};

} // namespace

Stream::Stream(
    asio::io_context& io, util::UniqueFd input, util::UniqueFd output, bool one_for_both, bool ends_with_input)
    : m_input(io)
    , m_output(io)
    , m_no_input(io, asio::steady_timer::time_point::max())
    , m_one_for_both(one_for_both)
    , m_ends_with_input(ends_with_input)
{
    if (input)
        m_input.assign(input.release());
    if (output)
        m_output.assign(output.release());
}

asio::awaitable<boost::system::error_code> Stream::wait_input()
{
    if (!m_input.is_open()) {
        auto const [error] = co_await m_no_input.async_wait(quietly);
        co_return error;
    }
    auto const what
        = m_input_needs_output ? asio::posix::descriptor_base::wait_write : asio::posix::descriptor_base::wait_read;
    auto const [error] = co_await m_input.async_wait(what, quietly);
    co_return error;
}

asio::awaitable<boost::system::error_code> Stream::wait_output()
{
    auto& descriptor = m_one_for_both ? m_input : m_output;
    auto const [error] = co_await descriptor.async_wait(asio::posix::descriptor_base::wait_write, quietly);
    co_return error;
}

void Stream::cancel_input()
{
    boost::system::error_code ignored;
    if (m_input.is_open())
        m_input.cancel(ignored);
    m_no_input.cancel();
}

bool Stream::peer_is_gone()
{
    char byte = 0;
    auto const count = recv(input(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
}

Result<std::unique_ptr<Stream>> make_stream(asio::io_context& io, util::UniqueFd fd)
{
    TRY(util::set_nonblocking(fd.get()));
    return std::unique_ptr<Stream>(std::make_unique<FdStream>(io, std::move(fd), util::UniqueFd(), true, true));
}

Result<std::unique_ptr<Stream>> make_stream(
    asio::io_context& io, util::UniqueFd input, util::UniqueFd output, bool ends_with_input)
{
    if (input)
        TRY(util::set_nonblocking(input.get()));
    TRY(util::set_nonblocking(output.get()));
    return std::unique_ptr<Stream>(
        std::make_unique<FdStream>(io, std::move(input), std::move(output), false, ends_with_input));
}

Result<std::unique_ptr<Stream>> make_stream(asio::io_context& io, Connection connection)
{
    TRY(util::set_nonblocking(connection.socket.get()));
    if (!connection.tls)
        return make_stream(io, std::move(connection.socket));
    return std::unique_ptr<Stream>(std::make_unique<TlsStream>(io, std::move(connection)));
}

} // namespace minivisor::io
