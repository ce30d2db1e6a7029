// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/mux_hub.hpp"

#include "util/quietly.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>

namespace minivisor::io {

namespace asio = boost::asio;

namespace {

long now_in_milliseconds()
{
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

} // namespace

/// One user's view of the hub.
class MuxStream final : public Stream {
public:
    MuxStream(asio::io_context& io, std::shared_ptr<MuxHub> hub)
        : Stream(io, {}, {}, false, hub->m_base->ends_with_input())
        , m_hub(std::move(hub))
        , m_arrived(io, asio::steady_timer::time_point::max())
    {
    }
    ~MuxStream() override { m_hub->leave(*this); }

    Moved read(std::span<char> buffer, std::vector<util::UniqueFd>&) override
    {
        if (m_input.empty())
            return {m_hub->m_ended ? Progress::end : Progress::later};
        auto const size = std::min(buffer.size(), m_input.size());
        std::copy_n(m_input.begin(), size, buffer.begin());
        m_input.erase(0, size);
        m_hub->m_changed.cancel();
        return {Progress::some, size};
    }

    Moved write(std::string_view bytes) override { return m_hub->write(bytes); }

    asio::awaitable<boost::system::error_code> wait_input() override
    {
        if (!has_input())
            co_await m_arrived.async_wait(quietly);
        co_return has_input() ? boost::system::error_code() : make_error_code(asio::error::operation_aborted);
    }
    asio::awaitable<boost::system::error_code> wait_output() override { return m_hub->m_base->wait_output(); }
    void cancel_input() override { m_arrived.cancel(); }

    void watch_news(std::function<void(News)> on_news) override
    {
        m_on_news = std::move(on_news);
        m_on_news(m_hub->m_users[m_hub->m_focus] == this ? News::focus : News::no_focus);
    }

private:
    friend class MuxHub;

    bool has_input() const { return !m_input.empty() || m_hub->m_ended; }
    void tell(News news)
    {
        if (m_on_news)
            m_on_news(news);
    }

    std::shared_ptr<MuxHub> m_hub;
    std::string m_input;
    asio::steady_timer m_arrived;
    std::function<void(News)> m_on_news;
};

MuxHub::MuxHub(
    asio::io_context& io, std::unique_ptr<Stream> base, unsigned char escape, std::function<void()> on_terminate)
    : m_io(io)
    , m_base(std::move(base))
    , m_keys(escape)
    , m_on_terminate(std::move(on_terminate))
    , m_changed(io, asio::steady_timer::time_point::max())
{
}

MuxHub::~MuxHub()
{
    flush();
    m_base->finish();
}

std::unique_ptr<Stream> MuxHub::add_user()
{
    auto user = std::make_unique<MuxStream>(m_io, shared_from_this());
    m_users.push_back(user.get());
    return user;
}

void MuxHub::give_focus(std::size_t user)
{
    if (auto* const before = m_users[m_focus])
        before->tell(Stream::News::no_focus);
    m_focus = user;
    if (auto* const after = m_users[m_focus])
        after->tell(Stream::News::focus);
}

void MuxHub::leave(MuxStream const& user)
{
    std::replace(m_users.begin(), m_users.end(), const_cast<MuxStream*>(&user), static_cast<MuxStream*>(nullptr));
    m_changed.cancel();
    if (!has_users())
        m_base->cancel_input();
}

bool MuxHub::has_users() const
{
    return std::any_of(m_users.begin(), m_users.end(), [](auto const* user) { return user != nullptr; });
}

bool MuxHub::is_full() const { return m_users[m_focus] && m_users[m_focus]->m_input.size() >= input_limit; }

asio::awaitable<void> MuxHub::read()
{
    char buffer[4096];
    std::vector<util::UniqueFd> passed;
    while (has_users() && !m_stopped && !m_ended) {
        if (is_full()) {
            co_await m_changed.async_wait(quietly);
            continue;
        }
        auto const moved = m_base->read(buffer, passed);
        passed.clear(); // nobody could say whose they are
        if (moved.progress == Stream::Progress::some) {
            take({buffer, moved.size});
            co_await asio::post(m_io, asio::use_awaitable); // others want their turn, too
        } else if (moved.progress == Stream::Progress::later) {
            auto const error = co_await m_base->wait_input();
            if (error && error != asio::error::operation_aborted)
                break;
        } else {
            break;
        }
    }
    m_ended = true;
    for (auto* user : m_users)
        if (user)
            user->m_arrived.cancel();
}

void MuxHub::stop()
{
    m_stopped = true;
    m_base->cancel_input();
    m_changed.cancel();
}

asio::awaitable<void> MuxHub::wait_unused()
{
    while (has_users() && !m_stopped)
        co_await m_changed.async_wait(quietly);
}

void MuxHub::take(std::string_view bytes)
{
    for (char const byte : bytes) {
        auto const meaning = m_keys.take(static_cast<unsigned char>(byte));
        if (meaning == MuxKeys::Meaning::data)
            give(byte);
        else if (meaning != MuxKeys::Meaning::nothing)
            obey(meaning);
    }
    wake_focused();
}

void MuxHub::give(char byte)
{
    if (auto* const user = m_users[m_focus])
        user->m_input += byte;
}

void MuxHub::wake_focused()
{
    auto* const user = m_users[m_focus];
    if (user && user->has_input())
        user->m_arrived.cancel();
}

void MuxHub::obey(MuxKeys::Meaning meaning)
{
    using Meaning = MuxKeys::Meaning;
    switch (meaning) {
    case Meaning::help:
        if (m_out.empty()) // else nobody sees what is shown
            m_out = m_keys.help();
        break;
    case Meaning::terminate:
        m_out += "QEMU: Terminated\n\r";
        flush();
        return m_on_terminate();
    case Meaning::toggle_times: m_times.toggle(); break;
    case Meaning::line_break:
        if (auto* const user = m_users[m_focus])
            user->tell(Stream::News::line_break);
        break;
    case Meaning::next_user:
        wake_focused(); // with what came before the key
        give_focus((m_focus + 1) % m_users.size());
        break;
    case Meaning::save_disks: // there is none
    case Meaning::nothing:
    case Meaning::data: break;
    }
    flush();
}

Stream::Moved MuxHub::write(std::string_view bytes)
{
    if (!flush())
        return {Stream::Progress::later};
    if (!m_times.on())
        return m_base->write(bytes);
    constexpr std::size_t piece = 4096;
    bytes = bytes.substr(0, piece);
    m_out = m_times.stamp(bytes, now_in_milliseconds());
    return {flush() ? Stream::Progress::some : Stream::Progress::later, bytes.size()};
}

bool MuxHub::flush()
{
    while (!m_out.empty()) {
        auto const moved = m_base->write(m_out);
        m_out.erase(0, moved.size);
        if (moved.progress == Stream::Progress::later)
            return false;
        if (moved.progress == Stream::Progress::end)
            m_out.clear(); // nobody is there; whoever writes next is told
    }
    return true;
}

} // namespace minivisor::io
