// SPDX-License-Identifier: GPL-3.0-or-later
// The source's engine: moves one guest over one channel, blocking, on a thread that the caller gives it.
// It knows no commands, no monitor and no event loop; it tells what happens through hooks and counters.
// The rule above all others: exactly one side may run the guest (see SendResult::Outcome::unknown).
#pragma once

#include "io/channel.hpp"
#include "migration/progress.hpp"
#include "migration/rate.hpp"
#include "migration/return_path.hpp"
#include "migration/throttle.hpp"
#include "migration/vmstate.hpp"
#include "util/result.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace minivisor::migration {

class RamSave;

/// Limits that may change while a migration runs.
struct SenderLimits {
    /// Bytes a second; 0 is no limit.
    std::atomic<std::uint64_t> max_bandwidth{std::uint64_t{128} << 20};
    std::atomic<std::uint64_t> downtime_limit_ms{300};
    /// Bytes a second while the guest stands still, as far as somebody knows better than what is measured; else 0.
    std::atomic<std::uint64_t> switchover_bandwidth{0};
};

struct SenderOptions {
    /// Whether to ask the destination for its word. `automatic`: on two-way channels, and a peer that
    /// never answers is believed to have taken what it took; `always` waits for the word for ever.
    enum class ReturnPathUse { never, automatic, always };
    ReturnPathUse return_path = ReturnPathUse::automatic;
    /// Stop before the last bytes until continue_switchover().
    bool pause_before_switchover = false;
    /// Do not stop a guest that runs before the destination has said that it is ready; needs a return path.
    bool switchover_ack = false;
    /// Send the UUID for the destination to compare (capability x-validate-uuid).
    bool validate_uuid = false;
    /// Send a word rather than a page of zeros.
    bool finds_zero_pages = true;
    ThrottleOptions throttle;
    /// How long a peer that has not answered is waited for, while the guest runs.
    std::chrono::milliseconds patience{5000};
};

enum class SendPhase {
    /// The stream is open and memory is on its way.
    active,
    /// The guest is stopped and the sender waits for continue_switchover().
    pre_switchover,
    /// Only after pre_switchover: the last bytes are on their way.
    device,
};

/// Called on the sender's thread.
struct SenderHooks {
    std::function<void(SendPhase)> on_phase;
    /// A round over RAM begins; the first is 1.
    std::function<void(std::uint64_t pass)> on_pass;
    /// Must stop the guest and then call `done` once, from any thread, with the name of the run state that
    /// the guest had before ("running", "paused", ...), or with an error. Need not wait itself; the sender does.
    using StopDone = std::function<void(Result<std::string>)>;
    std::function<void(StopDone done)> stop_guest;
};

struct SendResult {
    enum class Outcome {
        /// The destination has the guest (or, without return path, the channel took every byte).
        completed,
        /// The destination cannot have it; `error` says why. The guest may run on here.
        failed,
        cancelled,
        /// The last byte was sent and no word came: the destination may run the guest. It must not be
        /// resumed here but by a person who knows. `error` says so.
        unknown,
    };
    Outcome outcome = Outcome::failed;
    std::optional<Error> error;
    /// stop_guest was called, and said in time that it succeeded. After a cancellation its `done` may be
    /// on its way still: who stops the guest knows best whether it stands.
    bool guest_stopped = false;
};

/// Used once. `vm`'s parts, the channel and the limits outlive it.
class Sender {
public:
    Sender(VmView vm, io::Channel& channel, SenderLimits& limits, SenderOptions options, SenderHooks hooks);
    ~Sender();
    Sender(Sender const&) = delete;
    Sender& operator=(Sender const&) = delete;

    /// The whole migration. The channel is done with afterwards: close it.
    SendResult run();

    /// From any thread, at any time; run() returns soon. Never blocks.
    void cancel();
    /// Ends the pause before the switchover, also before it began.
    void continue_switchover();
    Progress const& progress() const { return m_progress; }

private:
    Result<void> send();
    Result<void> send_guest(StreamWriter& writer, RamSave& ram);
    void send_start(StreamWriter& writer);
    Result<void> iterate(StreamWriter& writer, RamSave& ram);
    Result<void> await_peer(std::uint32_t ping);
    Result<void> check_peer() const;
    bool may_stop_guest() const;
    Result<void> stop_guest();
    Result<void> pause();
    Result<void> send_end(StreamWriter& writer);
    Result<void> await_word();
    void measure(RamSave const& ram);
    double bytes_per_second() const;
    double switchover_bytes_per_second() const;
    void interrupt();
    SendResult conclude(Result<void> sent);
    void phase(SendPhase phase);
    void pass();

    /// What stop_guest's `done` reaches, however late it is called.
    struct Gate {
        std::mutex mutex;
        std::condition_variable changed;
        bool interrupted = false;
        bool may_continue = false;
        std::optional<Result<std::string>> stopped;
    };

    VmView m_vm;
    io::Channel& m_channel;
    SenderLimits& m_limits;
    SenderOptions m_options;
    SenderHooks m_hooks;
    Progress m_progress;
    RateLimiter m_limiter;
    std::shared_ptr<Gate> m_gate = std::make_shared<Gate>();
    std::atomic<bool> m_cancelled{false};
    /// Guards the making of the return path against cancel().
    std::mutex m_return_path_mutex;
    std::unique_ptr<ReturnPath> m_return_path;
    /// From here on the destination may have all it needs. Set under the gate's mutex.
    bool m_committed = false;
    std::uint64_t m_written_before_commit = 0;
    bool m_write_failed = false;
    bool m_guest_stopped = false;
    Progress::Clock::time_point m_stopped_at;
    std::optional<Throttle> m_throttle; ///< while memory is on its way
    /// The window of the rates.
    Progress::Clock::time_point m_measured_at;
    std::uint64_t m_measured_bytes = 0;
    std::uint64_t m_measured_pages = 0;
    double m_bytes_per_second = 0;
};

} // namespace minivisor::migration
