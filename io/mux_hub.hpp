// SPDX-License-Identifier: GPL-3.0-or-later
// One stream that several users share: each has a stream of its own over it. The hub lives as long as any of them.
#pragma once

#include "io/mux_keys.hpp"
#include "io/stream.hpp"

namespace minivisor::io {

class MuxStream;

class MuxHub : public std::enable_shared_from_this<MuxHub> {
public:
    /// While so much waits for the user who has the focus, nothing more is read.
    static constexpr std::size_t input_limit = 64 << 10;

    MuxHub(boost::asio::io_context& io, std::unique_ptr<Stream> base, unsigned char escape,
        std::function<void()> on_terminate);
    ~MuxHub();

    /// A stream for a further user.
    std::unique_ptr<Stream> add_user();
    void give_focus(std::size_t user);
    std::size_t focus() const { return m_focus; }
    /// Reads until the peer is gone, or no user is left, or stop() is called.
    boost::asio::awaitable<void> read();
    void stop();
    /// Returns when no user is left, or after stop().
    boost::asio::awaitable<void> wait_unused();

private:
    friend class MuxStream;

    void take(std::string_view bytes);
    void obey(MuxKeys::Meaning meaning);
    void give(char byte);
    void wake_focused();
    bool is_full() const;
    bool has_users() const;
    void leave(MuxStream const& user);
    Stream::Moved write(std::string_view bytes);
    /// Of the hub's own words; with times, of the users' too.
    bool flush();

    boost::asio::io_context& m_io;
    std::unique_ptr<Stream> m_base;
    MuxKeys m_keys;
    LineTimes m_times;
    std::function<void()> m_on_terminate;
    std::vector<MuxStream*> m_users; ///< null: gone
    std::size_t m_focus = 0;
    std::string m_out; ///< not yet taken by the base
    bool m_ended = false; ///< nothing more comes in
    bool m_stopped = false;
    boost::asio::steady_timer m_changed; ///< a user has read, or is gone
};

} // namespace minivisor::io
