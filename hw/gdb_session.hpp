// SPDX-License-Identifier: GPL-3.0-or-later
// The remote protocol of gdb, as the side that has the CPUs. No I/O: bytes are fed in, bytes are sent, and the guest is
// reached through GdbTarget. A thread is a CPU; numbers of threads begin with 1. What is not known here gets the empty
// answer, which tells gdb so. Facts: GDB's manual, "Remote Protocol".
#pragma once

#include "hw/gdb_registers.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace minivisor::hw {

/// The guest. All but stop() is called while it stands still.
class GdbTarget {
public:
    virtual ~GdbTarget() = default;

    virtual unsigned cpu_count() const = 0;
    virtual std::optional<GdbRegisters> read_registers(unsigned cpu) = 0;
    /// False where one of them cannot be changed.
    virtual bool write_registers(unsigned cpu, GdbRegisters const& registers) = 0;
    /// As that CPU sees it; false where not all of it is there.
    virtual bool read_memory(unsigned cpu, std::uint64_t address, std::span<std::uint8_t> into) = 0;
    virtual bool write_memory(unsigned cpu, std::uint64_t address, std::span<std::uint8_t const> from) = 0;
    /// False where there are too many, or there is no such one.
    virtual bool insert_breakpoint(std::uint64_t address) = 0;
    virtual bool remove_breakpoint(std::uint64_t address) = 0;
    virtual void remove_breakpoints() = 0;
    /// Lets the guest go on, with one instruction only on CPU `step` if that is given. False where it cannot.
    virtual bool resume(std::optional<unsigned> step) = 0;
    virtual void stop() = 0;
    /// Ends the program.
    virtual void kill() = 0;
};

class GdbSession {
public:
    static constexpr std::size_t max_packet = 4096;

    GdbSession(GdbTarget& target, std::function<void(std::string_view)> send);

    void feed(std::string_view bytes);
    /// The guest has come to rest; `cpu` is the one that has to do with it.
    void stopped(unsigned cpu, int signal);
    /// The program ends.
    void exited(int status);

    static constexpr int interrupt = 2, trap = 5;

private:
    enum class State { idle, packet, sum_high, sum_low };

    void take(char c);
    void run_packet();
    void reply(std::string_view text);
    void reply_error() { reply("E22"); }
    void reply_done(bool done) { done ? reply("OK") : reply_error(); }

    void handle(std::string_view packet);
    void query(std::string_view packet);
    void read_features(std::string_view range);
    void read_registers();
    void write_registers(std::string_view hex);
    void read_register(std::string_view number);
    void write_register(std::string_view text);
    void read_memory(std::string_view text);
    void write_memory(std::string_view text);
    void breakpoint(std::string_view text, bool insert);
    void resume_at(std::string_view address, bool step);
    void resume_by_threads(std::string_view actions);
    void go_on(std::optional<unsigned> step);
    void choose_thread(std::string_view text);
    /// The CPU that a thread's number in hexadecimal means; "0" and "-1" are the one chosen.
    std::optional<unsigned> find_cpu(std::string_view thread) const;
    std::string stop_text() const;

    GdbTarget& m_target;
    std::function<void(std::string_view)> m_send;
    State m_state = State::idle;
    std::string m_packet;
    bool m_escaped = false;
    unsigned m_sum = 0, m_wanted_sum = 0;
    bool m_too_long = false;
    bool m_acks = true;
    std::string m_last; ///< what was sent last, for a peer that has not understood
    bool m_running = false; ///< the peer waits for a stop
    unsigned m_cpu = 0; ///< for registers and memory
    unsigned m_stop_cpu = 0;
    int m_stop_signal = trap;
};

} // namespace minivisor::hw
