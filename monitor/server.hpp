// SPDX-License-Identifier: GPL-3.0-or-later
// The open monitors: takes clients in on sockets and standard input, keeps them, and hands them the
// events. Several clients at once on one socket are welcome.
#pragma once

#include "io/sockets.hpp"
#include "monitor/chardevs.hpp"
#include "monitor/client.hpp"
#include "monitor/throttle.hpp"

#include <boost/asio/io_context.hpp>

#include <list>

namespace minivisor::monitor {

class Server {
public:
    Server(boost::asio::io_context& io, House& house);

    /// Serves whoever connects to the socket. With `wait_for_first` it returns only when somebody has. The result
    /// describes the socket and, of its clients, the first one; it is good as long as this is.
    Result<Describe> serve_socket(io::ListeningSocket socket, SessionFactory make_session, bool wait_for_first);
    /// Converses over descriptors that are open already.
    Result<void> serve_descriptors(
        util::UniqueFd input, util::UniqueFd output, SessionFactory make_session, bool leave_at_eof);

    /// Hangs up on everybody and returns when the last conversation has ended.
    boost::asio::awaitable<void> shut_down();

private:
    struct Door {
        Door(boost::asio::io_context& io, io::ListeningSocket listening, SessionFactory factory);
        io::ListeningSocket socket;
        boost::asio::posix::stream_descriptor ready; // a duplicate to wait on
        SessionFactory make_session;
    };

    struct Guest {
        Guest(boost::asio::io_context& io, util::UniqueFd input, util::UniqueFd output, bool leave_at_eof,
            Door const* through);
        Door const* door; ///< null for one that came through none
        std::string described;
        Client client;
    };

    boost::asio::awaitable<void> accept_at(Door& door);
    boost::asio::awaitable<void> converse(std::list<Guest>::iterator guest, SessionFactory const& make_session);
    void admit(util::UniqueFd input, util::UniqueFd output, SessionFactory const& make_session, bool leave_at_eof,
        Door const* door);

    boost::asio::io_context& m_io;
    House& m_house;
    std::list<Door> m_doors;
    std::list<SessionFactory> m_factories; // of descriptors; sessions refer to them
    std::list<Guest> m_guests;
    util::TaskGroup m_tasks;
    Throttle m_throttle;
    qapi::EventBus::Subscription m_subscription;
};

} // namespace minivisor::monitor
