// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/serial_line.hpp"

#include "util/quietly.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <ranges>

namespace minivisor::hw {

namespace asio = boost::asio;

SerialLine::SerialLine(asio::any_io_executor executor, SerialPort& port)
    : m_port(port)
    , m_room(executor, asio::steady_timer::time_point::max())
    , m_tasks(executor)
{
}

SerialLine::~SerialLine() { m_port.unlisten(); }

Result<void> SerialLine::connect(io::Chardev& device)
{
    auto change = [life = std::weak_ptr(m_life)](io::Chardev& other) -> Result<void> {
        auto const line = life.lock();
        return line ? (*line)->change(other) : Result<void>();
    };
    auto line_break = [life = std::weak_ptr(m_life)] {
        if (auto const line = life.lock())
            (*line)->m_port.give_break();
    };
    TRY(device.claim({std::move(change), std::move(line_break)}));
    TRY(device.open([life = std::weak_ptr(m_life)](std::unique_ptr<io::Stream> stream) {
        if (auto const line = life.lock())
            (*line)->add(std::move(stream));
    }));
    m_device = &device;
    m_port.listen(
        posted([](SerialLine& line) { line.drain(); }), posted([](SerialLine& line) { line.m_room.cancel(); }));
    return {};
}

/// May be called on any thread: does it on the main thread, if the line is still there then.
std::function<void()> SerialLine::posted(void (*what)(SerialLine&)) const
{
    return [executor = m_tasks.executor(), life = std::weak_ptr(m_life), what] {
        asio::post(executor, [life, what] {
            if (auto const line = life.lock())
                what(**line);
        });
    };
}

/// From the streams of the old device nothing comes any more, and nothing goes there.
Result<void> SerialLine::change(io::Chardev& device)
{
    auto const old = m_peers.size();
    TRY(connect(device));
    for (auto& peer : std::views::take(m_peers, static_cast<std::ptrdiff_t>(old)))
        leave(peer);
    m_room.cancel();
    return {};
}

void SerialLine::leave(Peer& peer)
{
    peer.gone = true;
    peer.unsent.clear();
    peer.stream->cancel_input();
}

void SerialLine::add(std::unique_ptr<io::Stream> stream)
{
    if (m_closing)
        return;
    auto& peer = m_peers.emplace_back();
    peer.stream = std::move(stream);
    peer.stream->watch_news([this](io::Stream::News news) {
        if (news == io::Stream::News::line_break)
            m_port.give_break();
    });
    m_tasks.spawn([this, &peer] { return serve(peer); });
}

bool SerialLine::has_peer() const
{
    return std::any_of(m_peers.begin(), m_peers.end(), [](Peer const& peer) { return !peer.gone; });
}

/// Takes what the guest has sent once everybody has got all that was taken before.
void SerialLine::drain()
{
    if (std::any_of(m_peers.begin(), m_peers.end(), [](Peer const& peer) { return !peer.unsent.empty(); }))
        return; // the slowest one comes back here
    if (!has_peer() && m_device && m_device->is_about_to_open()) // before the guest spoke: hears its first word
        return posted([](SerialLine& line) { line.drain(); })();
    auto const output = m_port.take_output();
    for (auto& peer : m_peers) {
        if (peer.gone)
            continue;
        peer.unsent = output;
        write_some(peer);
    }
}

void SerialLine::write_some(Peer& peer)
{
    io::Stream::Moved moved;
    do {
        moved = peer.stream->write(peer.unsent);
        peer.unsent.erase(0, moved.size);
    } while (moved.progress == io::Stream::Progress::some && !peer.unsent.empty());
    if (moved.progress == io::Stream::Progress::end)
        return leave(peer);
    if (moved.progress == io::Stream::Progress::later && !peer.writing) {
        peer.writing = true;
        m_tasks.spawn([this, &peer] { return write_rest(peer); });
    }
}

asio::awaitable<void> SerialLine::write_rest(Peer& peer)
{
    while (!peer.unsent.empty() && !peer.gone) {
        auto const error = co_await peer.stream->wait_output();
        if (error)
            peer.gone = true;
        else
            write_some(peer);
    }
    peer.writing = false;
    m_room.cancel(); // serve() may wait for the end of this
    if (!m_closing)
        drain();
}

asio::awaitable<void> SerialLine::serve(Peer& peer)
{
    std::array<char, 4096> buffer;
    std::vector<util::UniqueFd> passed;
    bool at_end = false;
    while (!peer.gone && !m_closing) {
        if (at_end) { // only output goes on
            co_await m_room.async_wait(quietly);
            continue;
        }
        auto const moved = peer.stream->read(buffer, passed);
        passed.clear(); // a guest has no use for descriptors
        if (moved.progress == io::Stream::Progress::end) {
            at_end = true;
            if (peer.stream->ends_with_input())
                break;
        } else if (moved.progress == io::Stream::Progress::later) {
            auto const error = co_await peer.stream->wait_input();
            if (error)
                break;
        } else if (!co_await give(peer, std::span(buffer).first(moved.size))) {
            break;
        }
    }
    leave(peer);
    while (peer.writing)
        co_await m_room.async_wait(quietly);
    m_peers.remove_if([&peer](Peer const& candidate) { return &candidate == &peer; });
    if (!m_closing)
        drain(); // what waited for this one
}

/// False when the peer went away before the guest had read everything.
asio::awaitable<bool> SerialLine::give(Peer& peer, std::span<char const> bytes)
{
    while (true) {
        bytes = bytes.subspan(m_port.give_input(bytes));
        if (bytes.empty())
            co_return true;
        if (peer.gone || m_closing)
            co_return false;
        co_await m_room.async_wait(quietly);
    }
}

asio::awaitable<void> SerialLine::shut_down()
{
    m_closing = true;
    m_device = nullptr;
    m_life.reset();
    drain(); // the last words
    for (auto& peer : m_peers)
        peer.stream->cancel_input();
    m_room.cancel();
    m_tasks.cancel();
    co_await m_tasks.join();
}

} // namespace minivisor::hw
