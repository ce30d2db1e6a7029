// SPDX-License-Identifier: GPL-3.0-or-later
// A character device that is a pseudo terminal: whoever opens its other end gets a stream, until nobody has it open.
#pragma once

#include "io/chardev.hpp"
#include "util/task_group.hpp"
#include "util/text.hpp"

namespace minivisor::io {

class PtyChardev final : public Chardev {
public:
    static Result<std::unique_ptr<PtyChardev>> create(boost::asio::io_context& io, std::string label);
    ~PtyChardev() override;

    /// "/dev/pts/3".
    std::string const& path() const { return m_path; }
    std::string filename() const override { return cat("pty:", m_path); }
    Result<void> open(OnStream on_stream) override;
    void close() override;
    boost::asio::awaitable<void> join() override { return m_tasks.join(); }

private:
    PtyChardev(boost::asio::io_context& io, std::string label, std::string path, util::UniqueFd terminal,
        util::UniqueFd opened);
    boost::asio::awaitable<void> follow();
    bool other_end_is_open() const;

    boost::asio::io_context& m_io;
    std::string m_path;
    util::UniqueFd m_terminal;
    boost::asio::posix::stream_descriptor m_opened; ///< inotify: somebody has opened the other end
    OnStream m_on_stream;
    bool m_closed = false;
    std::shared_ptr<bool> m_alive = std::make_shared<bool>(true); ///< streams may end when we are gone
    boost::asio::steady_timer m_stream_gone;
    util::TaskGroup m_tasks;
};

} // namespace minivisor::io
