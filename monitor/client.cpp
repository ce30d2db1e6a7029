// SPDX-License-Identifier: GPL-3.0-or-later
#include "monitor/client.hpp"

#include "util/log.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace minivisor::monitor {

namespace asio = boost::asio;
constexpr auto quietly = asio::as_tuple(asio::use_awaitable);

namespace {

bool is_socket(util::UniqueFd const& fd)
{
    struct stat status { };
    return fstat(fd.get(), &status) == 0 && S_ISSOCK(status.st_mode);
}

} // namespace

Client::Client(asio::io_context& io, util::UniqueFd input, util::UniqueFd output, bool leave_at_eof)
    : m_input(io)
    , m_output(io)
    , m_leave_at_eof(leave_at_eof)
    , m_reads_socket(is_socket(input))
    , m_writes_socket(is_socket(output))
    , m_wake(io, asio::steady_timer::time_point::max())
    , m_tasks(io.get_executor())
    , m_buffer(64 << 10, '\0')
{
    m_input.assign(input.release());
    m_output.assign(output.release());
}

Client::~Client() = default;

asio::awaitable<void> Client::run(House& house, SessionFactory const& make_session)
{
    m_session = make_session(house, *this);
    m_corked = true;
    m_session->start();
    m_corked = false;
    flush();
    co_await converse();
    m_closing = true;
    m_tasks.cancel();
    co_await m_tasks.join();
    m_session.reset();
}

asio::awaitable<void> Client::converse()
{
    bool at_end = false;
    while (!m_gone && !(m_closing && m_out.empty())) {
        if (at_end || m_closing || !m_session->wants_input() || m_out.size() > output_high_water) {
            co_await sleep_until_woken();
            continue;
        }
        auto const got = read_some();
        if (got == Read::end) {
            at_end = true;
            if (m_leave_at_eof)
                break;
        } else if (got == Read::nothing) {
            auto const [error] = co_await m_input.async_wait(asio::posix::descriptor_base::wait_read, quietly);
            if (error == asio::error::operation_aborted && !m_closing && !m_gone)
                break;
        }
    }
}

Client::Read Client::read_some()
{
    ssize_t size = 0;
    auto const fd = m_input.native_handle();
    if (m_reads_socket) {
        auto received = util::recv_with_fds(fd, {reinterpret_cast<std::uint8_t*>(m_buffer.data()), m_buffer.size()});
        if (!received)
            return Read::end;
        if (!*received)
            return Read::nothing;
        for (auto& passed : (*received)->fds)
            m_descriptors.received(std::move(passed));
        size = static_cast<ssize_t>((*received)->size);
    } else {
        size = read(fd, m_buffer.data(), m_buffer.size());
        if (size < 0)
            return errno == EAGAIN || errno == EINTR ? Read::nothing : Read::end;
    }
    if (size == 0)
        return Read::end;
    m_corked = true;
    m_session->feed({m_buffer.data(), static_cast<std::size_t>(size)});
    m_corked = false;
    flush();
    return Read::some;
}

void Client::send(std::string_view bytes)
{
    if (m_gone)
        return;
    if (m_out.size() + bytes.size() > output_limit) {
        util::log::warn("a monitor client does not read what it is sent; hanging up on it");
        lose();
        return;
    }
    m_out += bytes;
    if (!m_corked)
        flush();
}

void Client::flush()
{
    if (m_writing || m_out.empty() || m_gone)
        return;
    m_writing = true;
    std::size_t written = 0;
    auto const fd = m_output.native_handle();
    while (written < m_out.size()) {
        auto const count = m_writes_socket ? ::send(fd, m_out.data() + written, m_out.size() - written, MSG_NOSIGNAL)
                                           : ::write(fd, m_out.data() + written, m_out.size() - written);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            break;
        if (count < 0) {
            m_writing = false;
            lose();
            return;
        }
        written += static_cast<std::size_t>(count);
    }
    m_out.erase(0, written);
    if (m_out.empty())
        m_writing = false;
    else
        m_tasks.spawn([this] { return write_out(); });
}

/// The client is slow: waits until it takes more.
asio::awaitable<void> Client::write_out()
{
    auto const [error] = co_await m_output.async_wait(asio::posix::descriptor_base::wait_write, quietly);
    m_writing = false;
    if (error == asio::error::operation_aborted)
        co_return;
    flush();
    if (m_out.size() <= output_high_water)
        resume_input();
}

void Client::deliver(qapi::EventRecord const& event)
{
    if (m_session && !m_closing)
        m_session->deliver(event);
}

void Client::close()
{
    m_closing = true;
    wake();
}

void Client::stop()
{
    flush();
    m_gone = true;
    wake();
}

void Client::lose()
{
    m_gone = true;
    m_out.clear();
    wake();
}

void Client::wake()
{
    boost::system::error_code ignored;
    m_input.cancel(ignored);
    resume_input();
}

void Client::resume_input() { m_wake.cancel(); }

void Client::spawn(std::function<asio::awaitable<void>()> task) { m_tasks.spawn(std::move(task)); }

asio::awaitable<void> Client::sleep_until_woken()
{
    // Only this client's own steps change what it waits for, and each of them wakes it.
    co_await m_wake.async_wait(quietly);
}

} // namespace minivisor::monitor
