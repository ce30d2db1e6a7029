// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/mux_chardev.hpp"

#include "io/mux_hub.hpp"
#include "util/quietly.hpp"

namespace minivisor::io {

namespace asio = boost::asio;

MuxChardev::MuxChardev(
    asio::io_context& io, std::string label, Chardev& base, unsigned char escape, std::function<void()> on_terminate)
    : Chardev(std::move(label))
    , m_io(io)
    , m_base(base)
    , m_escape(escape)
    , m_on_terminate(std::move(on_terminate))
    , m_arrived(io, asio::steady_timer::time_point::max())
    , m_tasks(io.get_executor())
{
}

MuxChardev::~MuxChardev() = default;

Result<std::unique_ptr<MuxChardev>> MuxChardev::create(
    asio::io_context& io, std::string label, Chardev& base, unsigned char escape, std::function<void()> on_terminate)
{
    std::unique_ptr<MuxChardev> mux(new MuxChardev(io, std::move(label), base, escape, std::move(on_terminate)));
    auto const break_for_all = [device = mux.get()] {
        for (auto const& user : device->users())
            if (user.line_break)
                user.line_break();
    };
    TRY(base.claim({.change = {}, .line_break = break_for_all}));
    return mux;
}

Result<void> MuxChardev::check_change() const { return Error::generic("Mux device hotswap not supported yet"); }

void MuxChardev::give_break()
{
    auto const focus = m_hub ? m_hub->focus() : m_focus;
    if (focus < users().size() && users()[focus].line_break)
        users()[focus].line_break();
}

Result<void> MuxChardev::open(OnStream on_stream)
{
    m_users.push_back(std::move(on_stream));
    m_focus = m_users.size() - 1;
    if (m_hub) {
        m_users.back()(m_hub->add_user());
        m_hub->give_focus(m_focus);
    }
    if (m_users.size() > 1)
        return {};
    m_tasks.spawn([this] { return run(); });
    return m_base.open([life = std::weak_ptr(m_life)](std::unique_ptr<Stream> stream) {
        if (auto const device = life.lock())
            (*device)->take(std::move(stream));
    });
}

void MuxChardev::take(std::unique_ptr<Stream> stream)
{
    if (m_closed)
        return;
    m_waiting.push_back(std::move(stream));
    begin_next(); // at once: nothing that a user writes from now on is lost
    m_arrived.cancel();
}

void MuxChardev::begin_next()
{
    if (m_hub || m_waiting.empty())
        return;
    m_hub = std::make_shared<MuxHub>(m_io, std::move(m_waiting.front()), m_escape, m_on_terminate);
    m_waiting.pop_front();
    std::vector<std::unique_ptr<Stream>> streams;
    for (std::size_t i = 0; i < m_users.size(); ++i)
        streams.push_back(m_hub->add_user());
    m_hub->give_focus(m_focus);
    for (std::size_t i = 0; i < streams.size(); ++i)
        m_users[i](std::move(streams[i]));
}

asio::awaitable<void> MuxChardev::run()
{
    while (!m_closed) {
        if (!m_hub) {
            co_await m_arrived.async_wait(quietly);
            continue;
        }
        auto hub = m_hub;
        co_await hub->read();
        co_await hub->wait_unused();
        m_focus = hub->focus();
        m_hub.reset();
        hub.reset();
        if (!m_closed)
            begin_next();
    }
}

void MuxChardev::close()
{
    m_closed = true;
    m_waiting.clear();
    if (m_hub)
        m_hub->stop();
    m_arrived.cancel();
}

} // namespace minivisor::io
