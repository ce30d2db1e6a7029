// SPDX-License-Identifier: GPL-3.0-or-later
#include "monitor/server.hpp"

namespace minivisor::monitor {

namespace asio = boost::asio;

Server::Server(asio::io_context& io, House& house)
    : m_io(io)
    , m_house(house)
    , m_tasks(io.get_executor())
    , m_throttle(io.get_executor(), house.registry(), [this](qapi::EventRecord const& event) {
        for (auto& client : m_clients)
            client.deliver(event);
    })
{
    m_subscription = house.events().subscribe([this](qapi::EventRecord const& event) { m_throttle.take(event); });
}

Result<void> Server::serve(io::Chardev& device, SessionFactory make_session)
{
    TRY(device.claim());
    return device.open([this, make_session = std::move(make_session)](
                           std::unique_ptr<io::Stream> stream) { serve(std::move(stream), make_session); });
}

void Server::serve(std::unique_ptr<io::Stream> stream, SessionFactory make_session)
{
    if (m_closing)
        return;
    auto const client = m_clients.emplace(m_clients.end(), m_io, std::move(stream));
    m_tasks.spawn([this, client, make_session = std::move(make_session)] { return converse(client, make_session); });
}

asio::awaitable<void> Server::converse(std::list<Client>::iterator client, SessionFactory make_session)
{
    co_await client->run(m_house, std::move(make_session));
    m_clients.erase(client);
}

asio::awaitable<void> Server::shut_down()
{
    m_closing = true;
    m_throttle.stop();
    m_subscription.reset();
    for (auto& client : m_clients)
        client.stop();
    co_await m_tasks.join();
}

} // namespace minivisor::monitor
