// SPDX-License-Identifier: GPL-3.0-or-later
// The one pump: one client's descriptors, read into its session and written from it, with bounds on
// what may wait. Speaks no protocol.
#pragma once

#include "monitor/session.hpp"
#include "util/fd_sets.hpp"
#include "util/task_group.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <string>

namespace minivisor::monitor {

class Client final : public Wire {
public:
    /// While so much is unread by the client, nothing more is read from it.
    static constexpr std::size_t output_high_water = 1 << 20;
    /// A client that lets so much pile up (events, for the most part) is hung up on.
    static constexpr std::size_t output_limit = 64 << 20;

    /// `output` may be the same open file as `input` (a socket) or another (standard output).
    /// `leave_at_eof` is whether the end of input ends the client; a console's does not.
    Client(boost::asio::io_context& io, util::UniqueFd input, util::UniqueFd output, bool leave_at_eof);
    ~Client() override;

    /// Converses until the client is gone.
    boost::asio::awaitable<void> run(House& house, SessionFactory const& make_session);
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
    Read read_some();
    void flush();
    /// The client cannot be reached any more: the conversation ends.
    void lose();
    /// Ends the wait for input as well, which resume_input() does not.
    void wake();
    boost::asio::awaitable<void> sleep_until_woken();

    boost::asio::posix::stream_descriptor m_input;
    boost::asio::posix::stream_descriptor m_output;
    bool m_leave_at_eof;
    bool m_reads_socket;
    bool m_writes_socket;
    bool m_closing = false; ///< the session has said goodbye
    bool m_gone = false; ///< the client cannot be reached any more
    bool m_corked = false; ///< a feed is on its way, what is sent waits for its end
    bool m_writing = false;
    std::string m_out;
    util::FdTable m_descriptors;
    boost::asio::steady_timer m_wake;
    util::TaskGroup m_tasks;
    std::unique_ptr<Session> m_session;
    std::string m_buffer;
};

} // namespace minivisor::monitor
