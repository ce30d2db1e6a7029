// SPDX-License-Identifier: GPL-3.0-or-later
// A character device: a name, and streams of bytes that open and end behind it. One user at most gets them, a
// monitor or a serial port; a multiplexer has several. Which kinds there are and how they are made is in io/chardevs.
#pragma once

#include "io/stream.hpp"
#include "io/yank.hpp"

#include <functional>
#include <string>
#include <vector>

namespace minivisor::io {

class Chardev {
public:
    using OnStream = std::function<void(std::unique_ptr<Stream>)>;

    explicit Chardev(std::string label)
        : m_label(std::move(label))
    {
    }
    virtual ~Chardev() = default;
    Chardev(Chardev const&) = delete;
    Chardev& operator=(Chardev const&) = delete;

    std::string const& label() const { return m_label; }
    /// What it is at the moment, as query-chardev has it: "null", "disconnected:unix:/x,server=on".
    virtual std::string filename() const = 0;

    /// What is left of making the device and may take long: connecting, or waiting for the first client. Once: before
    /// the main loop runs, waiting, ...
    virtual Result<void> settle_now() { return {}; }
    /// ... or while it does.
    virtual boost::asio::awaitable<Result<void>> settle() { co_return Result<void>(); }
    /// The device is in the list.
    virtual void start() { }
    /// Enters it in `yank` until it is closed, if it can have connections that are to be ended by force.
    virtual void enter(Yank&) { }

    /// What a user does beside taking streams; either may be missing.
    struct User {
        /// The device gives way to `other`: becomes a user of that one and lets go of all streams. Without it the user
        /// keeps what it has.
        std::function<Result<void>(Chardev& other)> change;
        /// A break on the line.
        std::function<void()> line_break;
    };
    bool used() const { return !m_users.empty(); }
    /// Makes the caller a user of the device, which has one, but for a multiplexer.
    Result<void> claim(User user = {});
    /// Whether another device can take its place: "Mux device hotswap not supported yet".
    virtual Result<void> check_change() const;
    /// After check_change(): the user goes on with `other`. Without a user, nothing.
    Result<void> give_way_to(Chardev& other);
    /// A break for the user; of a multiplexer's, for the one who has the focus.
    virtual void give_break();
    /// For the user: its streams from now on, the one that is open first. They may outlive the device. Nothing is
    /// handed over after close().
    virtual Result<void> open(OnStream on_stream) = 0;
    /// Whether somebody has connected whose stream opens within the next turns of the main loop.
    virtual bool is_about_to_open() const { return false; }

    /// No stream opens any more; join() returns when nothing of the device runs.
    virtual void close() { }
    virtual boost::asio::awaitable<void> join() { co_return; }

protected:
    /// How many users there may be.
    virtual std::size_t places() const { return 1; }
    /// In the order in which they came.
    std::vector<User> const& users() const { return m_users; }

private:
    std::string m_label;
    std::vector<User> m_users;
};

} // namespace minivisor::io
