// SPDX-License-Identifier: GPL-3.0-or-later
// The source's ear: reads what the destination answers, on a thread of its own, and lets the sender
// wait for it. Also the one place that knows how answers look on the wire, for both sides.
#pragma once

#include "io/channel.hpp"
#include "migration/format.hpp"
#include "util/result.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace minivisor::migration {

/// SHUT or PONG with its value; SWITCHOVER_ACK has none.
std::vector<std::byte> encode_answer(Answer answer, std::optional<std::uint32_t> value = {});

class ReturnPath {
public:
    /// `on_lost` is called on the reading thread when the path ends before a SHUT that says all is well.
    ReturnPath(io::Channel& channel, std::function<void()> on_lost);
    /// The channel must have been cancelled, or the path have ended; waits for the thread.
    ~ReturnPath();

    /// Any PONG came.
    bool answered() const;
    /// The destination has said that the guest may be stopped. It may say so often, and unasked.
    bool approved() const;
    /// The destination's last word, 0 for success.
    std::optional<std::uint32_t> shut() const;
    /// What ended it: an error of the channel, a broken message, or "closed the connection". Not set by a SHUT of 0.
    std::optional<Error> failure() const;
    /// It was ended by the peer's orderly close, with no word.
    bool closed() const;

    /// Waits for this PONG, the end of the path, or cancel(); at most so long. True when the PONG came.
    bool wait_for_pong(std::uint32_t value, std::chrono::milliseconds at_most);
    /// The same for the destination's approval.
    bool wait_for_approval(std::chrono::milliseconds at_most);
    /// Waits until the path has ended, however, or cancel(). False when the time was over first.
    bool wait_for_end(std::optional<std::chrono::milliseconds> at_most);
    /// Ends waits, now and later. The channel's cancel() ends the reading.
    void cancel();

private:
    void run();
    Result<void> read_answers();
    Result<bool> fill(std::size_t length);
    void note(Answer answer, std::uint32_t value);

    io::Channel& m_channel;
    std::function<void()> m_on_lost;
    mutable std::mutex m_mutex;
    std::condition_variable m_changed;
    std::optional<std::uint32_t> m_pong;
    bool m_approved = false;
    std::optional<std::uint32_t> m_shut;
    std::optional<Error> m_failure;
    bool m_closed = false;
    bool m_ended = false;
    bool m_cancelled = false;
    std::vector<std::byte> m_buffer;
    std::thread m_thread;
};

} // namespace minivisor::migration
