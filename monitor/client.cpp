// SPDX-License-Identifier: GPL-3.0-or-later
#include "monitor/client.hpp"

#include "util/log.hpp"
#include "util/quietly.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <thread>

namespace minivisor::monitor {

namespace asio = boost::asio;

Client::Client(asio::io_context& io, std::unique_ptr<io::Stream> stream)
    : m_stream(std::move(stream))
    , m_wake(io, asio::steady_timer::time_point::max())
    , m_tasks(io.get_executor())
{
}

Client::~Client() = default;

asio::awaitable<void> Client::run(House& house, SessionFactory make_session)
{
    m_session = make_session(house, *this);
    m_corked = true;
    m_stream->watch_news([this](io::Stream::News news) { take(news); });
    m_session->start();
    m_corked = false;
    flush();
    co_await converse();
    m_closing = true;
    m_tasks.cancel();
    co_await m_tasks.join();
    m_session.reset();
    m_stream->finish();
}

void Client::take(io::Stream::News news)
{
    if (m_session && news != io::Stream::News::line_break)
        m_session->focus(news == io::Stream::News::focus);
}

asio::awaitable<void> Client::converse()
{
    bool at_end = false;
    while (!m_gone && !(m_closing && !m_writing)) {
        if (at_end || m_closing || !m_session->wants_input() || unsent() > output_high_water) {
            co_await sleep_until_woken();
            continue;
        }
        auto const got = read_some();
        if (got == Read::end) {
            at_end = true;
            if (m_stream->ends_with_input())
                break;
        } else if (got == Read::nothing && m_vigil.goes_on(std::chrono::steady_clock::now())) {
            std::this_thread::yield(); // the client may need this processor
            co_await asio::post(m_tasks.executor(), asio::use_awaitable);
        } else if (got == Read::nothing) {
            auto const error = co_await m_stream->wait_input();
            if (error == asio::error::operation_aborted && !m_closing && !m_gone)
                break;
        } else {
            co_await asio::post(m_tasks.executor(), asio::use_awaitable); // others want their turn, too
        }
    }
}

Client::Read Client::read_some()
{
    // Small, since all that is read is also answered, at whatever length, before the client is looked at again.
    std::array<char, 4096> buffer;
    std::vector<util::UniqueFd> passed;
    auto const moved = m_stream->read(buffer, passed);
    for (auto& fd : passed)
        m_descriptors.received(std::move(fd));
    if (moved.progress != io::Stream::Progress::some)
        return moved.progress == io::Stream::Progress::end ? Read::end : Read::nothing;
    m_vigil.asked(std::chrono::steady_clock::now());
    m_corked = true;
    m_session->feed({buffer.data(), moved.size});
    m_corked = false;
    flush();
    return Read::some;
}

void Client::send(std::string_view bytes)
{
    if (m_gone)
        return;
    if (unsent() + bytes.size() > output_limit)
        return lose();
    m_out += bytes;
    if (!m_corked)
        flush();
}

void Client::flush()
{
    if (m_writing || unsent() == 0 || m_gone)
        return;
    write_some();
}

/// Writes what goes at once; for the rest a task waits.
void Client::write_some()
{
    io::Stream::Moved moved;
    do {
        moved = m_stream->write(std::string_view(m_out).substr(m_sent));
        m_sent += moved.size;
    } while (moved.progress == io::Stream::Progress::some && unsent() > 0);
    m_vigil.answered(std::chrono::steady_clock::now());
    if (moved.progress == io::Stream::Progress::end) {
        m_writing = false;
        m_gone = true;
        m_out.clear();
        m_sent = 0;
        return wake();
    }
    // What is written goes when it is the larger part: else each piece would cost moving all that is left.
    if (m_sent * 2 >= m_out.size()) {
        m_out.erase(0, m_sent);
        m_sent = 0;
    }
    bool const was_writing = std::exchange(m_writing, moved.progress == io::Stream::Progress::later);
    if (m_writing && !was_writing)
        m_tasks.spawn([this] { return write_out(); });
}

/// The client is slow: waits until it takes more.
asio::awaitable<void> Client::write_out()
{
    while (m_writing) {
        auto const error = co_await m_stream->wait_output();
        if (error == asio::error::operation_aborted || m_gone)
            co_return;
        write_some();
        if (unsent() <= output_high_water)
            resume_input();
    }
}

void Client::deliver(qapi::EventRecord const& event)
{
    if (!m_session || m_closing || m_gone)
        return;
    if (unsent() > event_limit)
        return lose();
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
    util::log::warn("a monitor client does not read what it is sent; hanging up on it");
    m_gone = true;
    m_out = {};
    m_sent = 0;
    wake();
}

void Client::wake()
{
    m_stream->cancel_input();
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
