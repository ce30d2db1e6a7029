// SPDX-License-Identifier: GPL-3.0-or-later
// The one pump: one client's stream, read into its session and written from it, with bounds on what may
// wait. Speaks no protocol.
#pragma once

#include "io/stream.hpp"
#include "monitor/session.hpp"
#include "monitor/vigil.hpp"
#include "util/fd_sets.hpp"
#include "util/task_group.hpp"

#include <boost/asio/io_context.hpp>

#include <string>

namespace minivisor::monitor {

class Client final : public Wire {
public:
    /// While so much is unread by the client, nothing more is read from it.
    static constexpr std::size_t output_high_water = 1 << 20;
    /// A client that lets so many events pile up is hung up on, ...
    static constexpr std::size_t event_limit = 4 << 20;
    /// ... and at so much of anything: what was asked for in one gulp of input is answered whatever it is.
    static constexpr std::size_t output_limit = 64 << 20;

    Client(boost::asio::io_context& io, std::unique_ptr<io::Stream> stream);
    ~Client() override;

    /// Converses until the client is gone.
    boost::asio::awaitable<void> run(House& house, SessionFactory make_session);
    /// Ends the conversation soon; what can be written without waiting is written.
    void stop();
    void deliver(qapi::EventRecord const& event);

    void send(std::string_view bytes) override;
    void close() override;
    void resume_input() override;
    void spawn(std::function<boost::asio::awaitable<void>()> task) override;
    util::FdTable& descriptors() override { return m_descriptors; }

private:
    enum class Read { some, nothing, end };

    boost::asio::awaitable<void> converse();
    boost::asio::awaitable<void> write_out();
    void take(io::Stream::News news);
    Read read_some();
    void flush();
    void write_some();
    std::size_t unsent() const { return m_out.size() - m_sent; }
    /// The client lets too much pile up: the conversation ends.
    void lose();
    /// Ends the wait for input as well, which resume_input() does not.
    void wake();
    boost::asio::awaitable<void> sleep_until_woken();

    std::unique_ptr<io::Stream> m_stream;
    bool m_closing = false; ///< the session has said goodbye
    bool m_gone = false; ///< the client cannot be reached any more
    bool m_corked = false; ///< a feed is on its way, what is sent waits for its end
    bool m_writing = false; ///< something waits for room
    std::string m_out; ///< up to m_sent it is written already
    std::size_t m_sent = 0;
    util::FdTable m_descriptors;
    Vigil m_vigil;
    boost::asio::steady_timer m_wake;
    util::TaskGroup m_tasks;
    std::unique_ptr<Session> m_session;
};

} // namespace minivisor::monitor
