// SPDX-License-Identifier: GPL-3.0-or-later
// gdb's way into the guest: who comes over a character device is served by a GdbSession; registers, memory, breakpoints
// and steps are those of the KVM CPUs. One client at a time; the guest stops when it comes. Main thread.
#pragma once

#include "hw/gdb_session.hpp"
#include "hw/mini.hpp"
#include "io/chardev.hpp"
#include "util/task_group.hpp"

namespace minivisor::hw {

class GdbStub final : private GdbTarget {
public:
    /// `mini` must have CPUs; `end` ends the program with status 0.
    GdbStub(boost::asio::any_io_executor executor, Mini& mini, machine::Machine& machine, qapi::EventBus& events,
        std::function<void()> end);
    ~GdbStub() override;

    /// Becomes the device's user.
    Result<void> serve(io::Chardev& device);
    /// The guest has no breakpoints any more; shut_down() comes next.
    void leave_guest();
    boost::asio::awaitable<void> shut_down();

private:
    unsigned cpu_count() const override;
    std::optional<GdbRegisters> read_registers(unsigned cpu) override;
    bool write_registers(unsigned cpu, GdbRegisters const& registers) override;
    bool read_memory(unsigned cpu, std::uint64_t address, std::span<std::uint8_t> into) override;
    bool write_memory(unsigned cpu, std::uint64_t address, std::span<std::uint8_t const> from) override;
    bool insert_breakpoint(std::uint64_t address) override;
    bool remove_breakpoint(std::uint64_t address) override;
    void remove_breakpoints() override;
    bool resume(std::optional<unsigned> step) override;
    void stop() override;
    void kill() override { m_end(); }

    void begin(std::unique_ptr<io::Stream> stream);
    void send(std::string_view bytes);
    void flush();
    boost::asio::awaitable<void> converse();
    void on_stop();
    bool set_debug(std::optional<unsigned> step);
    /// Splits [address, address + size) at pages and calls `visit(physical, offset, size)`.
    template <typename Visit>
    bool for_each_page(unsigned cpu, std::uint64_t address, std::size_t size, Visit visit);

    Mini& m_mini;
    machine::Machine& m_machine;
    std::function<void()> m_end;
    std::unique_ptr<io::Stream> m_stream;
    std::unique_ptr<GdbSession> m_session;
    std::string m_out;
    bool m_gone = false; ///< the client is
    bool m_closing = false;
    accel::CpuDebug m_debug;
    qapi::EventBus::Subscription m_subscription;
    std::shared_ptr<GdbStub*> m_life = std::make_shared<GdbStub*>(this);
    util::TaskGroup m_tasks;
};

} // namespace minivisor::hw
