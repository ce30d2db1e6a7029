// SPDX-License-Identifier: GPL-3.0-or-later
// A stream of bytes on the main thread: nothing here waits, but for the awaitables. What character devices open and
// monitors talk over. The blocking counterpart, for threads, is io/channel.
#pragma once

#include "io/connection.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace minivisor::io {

class Stream {
public:
    enum class Progress {
        /// Some bytes were moved.
        some,
        /// Nothing more can be done before wait_input(), or wait_output(), returns.
        later,
        /// The peer has finished, or is gone.
        end,
    };
    struct Moved {
        Progress progress = Progress::some;
        std::size_t size = 0;
    };

    /// What reaches the user of a stream that shares its device with others (io/mux_chardev) beside the bytes.
    enum class News {
        /// What comes in is for this user from now on, ...
        focus,
        /// ... and for another one.
        no_focus,
        /// A break on a serial line.
        line_break,
    };

    virtual ~Stream() = default;
    Stream(Stream const&) = delete;
    Stream& operator=(Stream const&) = delete;

    /// Takes what is there. Descriptors that came beside the bytes are appended to `passed`.
    virtual Moved read(std::span<char> buffer, std::vector<util::UniqueFd>& passed) = 0;
    /// Takes `size` of the bytes. With `later` it may hold taken ones that are not sent: call again, if with none.
    virtual Moved write(std::string_view bytes) = 0;
    /// Tells the peer, as far as that goes without waiting, that this is the end.
    virtual void finish() { }

    /// An error means that the wait was cancelled, or that the stream cannot be waited for.
    virtual boost::asio::awaitable<boost::system::error_code> wait_input();
    virtual boost::asio::awaitable<boost::system::error_code> wait_output();
    virtual void cancel_input();
    /// For the user: `on_news` is called while the stream is there, and at once if the stream is shared. That of one
    /// that is not never comes.
    virtual void watch_news(std::function<void(News)>) { }
    /// Of a socket, whether its peer has finished and nothing is left to read.
    bool peer_is_gone();

    /// Whether the end of what comes in is the end of the conversation; that of a terminal's is not.
    bool ends_with_input() const { return m_ends_with_input; }
    /// Keeps `token` until the stream is gone.
    void keep(std::shared_ptr<void> token) { m_token = std::move(token); }

protected:
    /// Either may be missing; if both are one socket, pass it as `input` and set `one_for_both`.
    Stream(boost::asio::io_context& io, util::UniqueFd input, util::UniqueFd output, bool one_for_both,
        bool ends_with_input);
    int input() { return m_input.native_handle(); }
    int output() { return m_one_for_both ? m_input.native_handle() : m_output.native_handle(); }
    /// The next wait for input is one for room to write (TLS).
    void set_input_needs_output(bool needs) { m_input_needs_output = needs; }

private:
    boost::asio::posix::stream_descriptor m_input;
    boost::asio::posix::stream_descriptor m_output;
    boost::asio::steady_timer m_no_input; ///< waited for where there is nothing to read from
    bool m_one_for_both;
    bool m_ends_with_input;
    bool m_input_needs_output = false;
    std::shared_ptr<void> m_token;
};

/// Over one descriptor for both directions: a socket or a terminal.
Result<std::unique_ptr<Stream>> make_stream(boost::asio::io_context& io, util::UniqueFd fd);
/// Over one descriptor for each direction; `input` may be none.
Result<std::unique_ptr<Stream>> make_stream(
    boost::asio::io_context& io, util::UniqueFd input, util::UniqueFd output, bool ends_with_input);
Result<std::unique_ptr<Stream>> make_stream(boost::asio::io_context& io, Connection connection);

} // namespace minivisor::io
