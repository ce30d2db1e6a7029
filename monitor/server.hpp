// SPDX-License-Identifier: GPL-3.0-or-later
// The open monitors: takes in whoever comes over the character devices that monitors have, keeps them, and hands them
// the events. Several clients at once on one device are welcome.
#pragma once

#include "io/chardev.hpp"
#include "monitor/client.hpp"
#include "monitor/throttle.hpp"

#include <boost/asio/io_context.hpp>

#include <list>

namespace minivisor::monitor {

class Server {
public:
    Server(boost::asio::io_context& io, House& house);

    /// Becomes the device's user and serves each stream that it opens. The device must be closed before this goes.
    Result<void> serve(io::Chardev& device, SessionFactory make_session);
    /// Converses over one stream.
    void serve(std::unique_ptr<io::Stream> stream, SessionFactory make_session);

    /// Hangs up on everybody and returns when the last conversation has ended.
    boost::asio::awaitable<void> shut_down();

private:
    boost::asio::awaitable<void> converse(std::list<Client>::iterator client, SessionFactory make_session);

    boost::asio::io_context& m_io;
    House& m_house;
    std::list<Client> m_clients;
    bool m_closing = false;
    util::TaskGroup m_tasks;
    Throttle m_throttle;
    qapi::EventBus::Subscription m_subscription;
};

} // namespace minivisor::monitor
