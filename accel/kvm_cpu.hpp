// SPDX-License-Identifier: GPL-3.0-or-later
// One CPU of a KVM machine on a thread of its own. It stands still until it is told to run; when it is told to stand
// still again, or the guest does what somebody else must decide about, it completes the instruction it is in and rests.
#pragma once

#include "accel/cpu_state.hpp"
#include "accel/kvm_vm.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>

struct kvm_run;

namespace minivisor::accel {

/// What a port access leads to.
enum class Then { go_on, rest };

/// The guest's input and output ports. Called on CPU threads, several at once.
class PortSpace {
public:
    virtual ~PortSpace() = default;
    /// `size` is 1, 2 or 4 bytes.
    virtual Then write(std::uint16_t port, unsigned size, std::uint32_t value) = 0;
    virtual std::uint32_t read(std::uint16_t port, unsigned size) = 0;
};

/// The interrupt controller of a machine in which KVM plays none. It tells the first CPU by KvmCpu::set_interrupt().
class InterruptController {
public:
    virtual ~InterruptController() = default;
    /// The CPU takes an interrupt: its vector, or nothing if nobody asks any more. On the CPU's thread.
    virtual std::optional<std::uint8_t> acknowledge() = 0;
};

/// Why a CPU has come to rest by itself.
struct CpuStop {
    enum class Reason {
        /// A fault that it could not handle: the PC resets itself.
        triple_fault,
        /// KVM cannot go on; `text` says why.
        internal_error,
        /// A breakpoint or a step of the debugger.
        debug,
    };
    Reason reason;
    unsigned cpu = 0;
    std::string text;
};

/// Where and how a CPU stops for a debugger.
struct CpuDebug {
    bool step = false; ///< after each instruction
    std::array<std::optional<std::uint64_t>, 4> breakpoints{}; ///< linear addresses, in the CPU's debug registers
};

class KvmCpu final : public CpuIo {
public:
    /// Called on the CPU's thread; must not wait for the CPU.
    using OnStop = std::function<void(CpuStop)>;

    /// Makes CPU `index` of `count` and its thread. `vm` and `ports` outlive it.
    static Result<std::unique_ptr<KvmCpu>> create(
        KvmVm& vm, PortSpace& ports, unsigned index, unsigned count, OnStop on_stop);
    ~KvmCpu() override;
    KvmCpu(KvmCpu const&) = delete;
    KvmCpu& operator=(KvmCpu const&) = delete;

    unsigned index() const { return m_index; }
    /// The kernel's number of the thread.
    std::int64_t thread_id() const { return m_thread_id; }

    void run();
    /// Returns at once; await_rest() returns when it stands still. A CPU inside a port access completes it first.
    void ask_to_rest();
    void await_rest();
    /// It does not run until let_go(), whatever else it is told, and goes on by itself then. Any thread; at once.
    void hold_up();
    void let_go();
    /// Whose interrupts it takes; before it runs for the first time. `controller` outlives its runs.
    void set_interrupt_controller(InterruptController& controller) { m_controller = &controller; }
    /// Its INTR pin: the controller asks, or does so no more. Any thread; at once.
    void set_interrupt(bool level);
    /// Back to the state after power-on. It stands still.
    Result<void> reset(CpuStart const& start);

    /// All three while it stands still.
    Result<void> read_state(CpuState& into) override;
    Result<void> write_state(CpuState const& from) override;
    /// Where a linear address of this CPU is in guest-physical memory; nothing where it is not mapped.
    std::optional<std::uint64_t> translate(std::uint64_t linear_address);
    /// While it stands still. The guest does not have its own debug registers while any of it is in force.
    Result<void> set_debug(CpuDebug const& debug);
    /// Lets a guest with KVM's clock know that it was paused, so that it takes the gap for no hang.
    void tell_of_pause();

    /// What is saved in a migration; its io is this CPU.
    CpuState& saved() { return m_saved; }

private:
    enum class Want { rest, run, end };

    KvmCpu(KvmVm& vm, PortSpace& ports, unsigned index, OnStop on_stop);
    Result<void> open(unsigned count);
    Result<void> set_cpuid(unsigned count);
    void main();
    void run_until_rest();
    bool prepare_entry();
    void take_interrupt();
    void call_out();
    void handle_exit();
    void handle_ports();
    void fail(std::string text);
    void rest_now(std::optional<CpuStop> why);

    KvmVm& m_vm;
    PortSpace& m_ports;
    unsigned m_index;
    OnStop m_on_stop;
    InterruptController* m_controller = nullptr;
    util::UniqueFd m_fd;
    kvm_run* m_run = nullptr;
    std::size_t m_run_size = 0;
    CpuState m_power_on, m_saved;
    unsigned m_full_rings = 0;
    std::atomic<std::int64_t> m_thread_id{0};

    std::mutex m_mutex;
    std::condition_variable m_changed;
    Want m_want = Want::rest;
    bool m_held = false;
    bool m_resting = true;
    std::atomic<bool> m_leave{false};
    bool m_interrupt = false; ///< the INTR pin
    bool m_listens = false; ///< and it has to be called when that rises

    // Of the CPU's thread, and of others while it rests; without KVM's interrupt controllers only.
    bool m_halted = false;
    bool m_between = false; ///< no access is half done since KVM has told whether it takes an interrupt

    std::thread m_thread;
};

} // namespace minivisor::accel
