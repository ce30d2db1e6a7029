// SPDX-License-Identifier: GPL-3.0-or-later
// A character device that several users share: what any of them writes goes out, and what comes in goes to the one who
// has the focus, which a key passes on (io/mux_keys). As QEMU's "mux": one peer at a time, the last user begins.
#pragma once

#include "io/chardev.hpp"
#include "io/mux_keys.hpp"
#include "util/task_group.hpp"

#include <deque>

namespace minivisor::io {

class MuxHub;

class MuxChardev final : public Chardev {
public:
    static constexpr std::size_t most_users = 4;

    /// Becomes the user of `base`, which must live as long. `on_terminate`: somebody has asked for the end.
    static Result<std::unique_ptr<MuxChardev>> create(boost::asio::io_context& io, std::string label, Chardev& base,
        unsigned char escape, std::function<void()> on_terminate);
    ~MuxChardev() override;

    std::string filename() const override { return "mux"; }
    Chardev& base() const { return m_base; }
    Result<void> check_change() const override;
    void give_break() override;
    Result<void> open(OnStream on_stream) override;
    bool is_about_to_open() const override { return m_base.is_about_to_open(); }
    void close() override;
    boost::asio::awaitable<void> join() override { return m_tasks.join(); }

private:
    MuxChardev(boost::asio::io_context& io, std::string label, Chardev& base, unsigned char escape,
        std::function<void()> on_terminate);
    std::size_t places() const override { return most_users; }
    void take(std::unique_ptr<Stream> stream);
    void begin_next();
    boost::asio::awaitable<void> run();

    boost::asio::io_context& m_io;
    Chardev& m_base;
    unsigned char m_escape;
    std::function<void()> m_on_terminate;
    std::vector<OnStream> m_users;
    std::size_t m_focus = 0; ///< of the next stream
    std::deque<std::unique_ptr<Stream>> m_waiting; ///< streams of the base that have not had their turn
    std::shared_ptr<MuxHub> m_hub; ///< around the stream whose turn it is
    bool m_closed = false;
    boost::asio::steady_timer m_arrived;
    std::shared_ptr<MuxChardev*> m_life = std::make_shared<MuxChardev*>(this);
    util::TaskGroup m_tasks;
};

} // namespace minivisor::io
