// SPDX-License-Identifier: GPL-3.0-or-later
#include "monitor/server.hpp"

#include "util/log.hpp"
#include "util/text.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace minivisor::monitor {

namespace asio = boost::asio;

Server::Door::Door(asio::io_context& io, io::ListeningSocket listening, SessionFactory factory)
    : socket(std::move(listening))
    , ready(io, dup(socket.fd()))
    , make_session(std::move(factory))
{
}

Server::Server(asio::io_context& io, House& house)
    : m_io(io)
    , m_house(house)
    , m_tasks(io.get_executor())
    , m_throttle(io.get_executor(), house.registry(), [this](qapi::EventRecord const& event) {
        for (auto& guest : m_guests)
            guest.client.deliver(event);
    })
{
    m_subscription = house.events().subscribe([this](qapi::EventRecord const& event) { m_throttle.take(event); });
}

Result<Describe> Server::serve_socket(io::ListeningSocket socket, SessionFactory make_session, bool wait_for_first)
{
    auto& door = m_doors.emplace_back(m_io, std::move(socket), std::move(make_session));
    if (wait_for_first) {
        pollfd wait{door.socket.fd(), POLLIN, 0};
        while (poll(&wait, 1, -1) < 0)
            if (errno != EINTR)
                return Error::system("Failed to wait for a monitor's client", errno);
    }
    m_tasks.spawn([this, &door] { return accept_at(door); });
    return Describe([this, &door] {
        for (auto const& guest : m_guests)
            if (guest.door == &door)
                return guest.described;
        return cat("disconnected:", io::chardev_text(door.socket.address(), true));
    });
}

Result<void> Server::serve_descriptors(
    util::UniqueFd input, util::UniqueFd output, SessionFactory make_session, bool leave_at_eof)
{
    TRY(util::set_nonblocking(input.get()));
    TRY(util::set_nonblocking(output.get()));
    m_factories.push_back(std::move(make_session));
    admit(std::move(input), std::move(output), m_factories.back(), leave_at_eof, nullptr);
    return {};
}

asio::awaitable<void> Server::accept_at(Door& door)
{
    for (;;) {
        auto const [error] = co_await door.ready.async_wait(
            asio::posix::descriptor_base::wait_read, asio::as_tuple(asio::use_awaitable));
        if (error)
            co_return;
        util::UniqueFd fd(accept4(door.socket.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd) {
            if (errno == EMFILE || errno == ENFILE) {
                // No descriptor is free: wait for one of ours to be closed rather than spin.
                util::log::warn(cat("cannot take in a monitor client: ", Error::system("accept", errno).desc()));
                asio::steady_timer pause(m_io, std::chrono::milliseconds(100));
                auto const [stopped] = co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
                if (stopped)
                    co_return;
            }
            continue;
        }
        auto output = fd.duplicate();
        if (output)
            admit(std::move(fd), *std::move(output), door.make_session, true, &door);
    }
}

Server::Guest::Guest(
    asio::io_context& io, util::UniqueFd input, util::UniqueFd output, bool leave_at_eof, Door const* through)
    : door(through)
    , described(through ? io::chardev_text(through->socket.address(), true, input.get()) : std::string())
    , client(io, std::move(input), std::move(output), leave_at_eof)
{
}

void Server::admit(util::UniqueFd input, util::UniqueFd output, SessionFactory const& make_session, bool leave_at_eof,
    Door const* door)
{
    auto const guest = m_guests.emplace(m_guests.end(), m_io, std::move(input), std::move(output), leave_at_eof, door);
    m_tasks.spawn([this, guest, &make_session] { return converse(guest, make_session); });
}

asio::awaitable<void> Server::converse(std::list<Guest>::iterator guest, SessionFactory const& make_session)
{
    co_await guest->client.run(m_house, make_session);
    m_guests.erase(guest);
}

asio::awaitable<void> Server::shut_down()
{
    m_throttle.stop();
    m_subscription.reset();
    for (auto& door : m_doors)
        door.ready.close();
    for (auto& guest : m_guests)
        guest.client.stop();
    co_await m_tasks.join();
    m_doors.clear();
}

} // namespace minivisor::monitor
