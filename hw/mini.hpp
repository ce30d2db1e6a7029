// SPDX-License-Identifier: GPL-3.0-or-later
// The machine "mini": a small PC that runs guests. Its CPUs are KVM's, or there are none; its devices are a serial
// port, power, reset and clock. It gives the machine's run control something to stop and start. Main thread.
#pragma once

#include "accel/kvm.hpp"
#include "hw/boot.hpp"
#include "hw/cpu_registers.hpp"
#include "hw/mtree.hpp"
#include "hw/pc_chips.hpp"
#include "hw/ports.hpp"
#include "hw/serial.hpp"
#include "machine/machine.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace minivisor::hw {

struct MiniOptions {
    BootOptions boot;
    /// -accel, the first that works: "kvm", or "tcg", "qtest" and "none" for no CPU. Empty: kvm, else none.
    std::vector<std::string> accelerators;
    /// Where the first CPU begins, if no image says so: in real mode below 1 MiB, else in 32-bit protected mode.
    std::optional<std::uint64_t> start_address;
    bool incoming = false; ///< a guest is awaited: there need not be anything to begin with
    unsigned cpus = 1;
    bool kernel_irqchip = true;
    std::uint32_t dirty_ring_size = 0; ///< see accel::KvmOptions
    struct DebugExit {
        std::uint16_t iobase = 0x501, iosize = 2;
    };
    std::optional<DebugExit> debug_exit;
    std::int64_t rtc_offset = 0; ///< seconds by which the guest's clock is ahead of UTC at the start
    bool no_reboot = false; ///< a guest that resets itself ends the program
    bool no_shutdown = false; ///< one that ends keeps the program, with the guest stopped
};

class Mini {
public:
    /// Called once, with the exit status, when the guest ends the program.
    using Exit = std::function<void(int status)>;

    /// All images of `machine`'s loaders are in its memory already. What is passed in outlives it.
    static Result<std::unique_ptr<Mini>> create(MiniOptions options, machine::Machine& machine, qom::Tree& tree,
        boost::asio::any_io_executor executor, Exit exit);
    ~Mini();

    /// The CPUs stand still from here on, whatever the run state says: the program ends.
    void end() { switch_cpus(false); }

    SerialPort& serial() { return m_serial; }
    /// Null where no CPU runs.
    accel::Kvm* kvm() { return m_kvm.get(); }
    /// Calls `look` while the CPUs stand still; a guest that runs is held up for that time and does not notice.
    void while_resting(std::function<void()> const& look);
    /// What all CPUs hold at the moment, looked at likewise.
    Result<std::vector<accel::CpuState>> cpu_states();
    /// The same for a core file; empty, with a word in the log, where they cannot be read.
    std::vector<CpuRegisters> cpu_registers();
    /// The CPU that stopped last for a breakpoint or a step.
    unsigned debugged_cpu() const { return m_debugged_cpu; }
    /// What `info mtree` shows beside RAM.
    AddressSpaces address_spaces() const;

private:
    static constexpr std::uint16_t com1 = 0x3f8;
    static constexpr unsigned com1_irq = 4;

    Mini(MiniOptions options, machine::Machine& machine, boost::asio::any_io_executor executor, Exit exit);
    Result<void> choose_accelerator();
    std::vector<IoRange> board_ports() const;
    Result<void> add_debug_exit();
    Result<void> add_to_tree(qom::Tree& tree);
    /// Who plays the interrupt controllers and the timer; null where no CPU runs.
    accel::ChipIo* chips() const;
    Result<void> add_saved_devices();
    void switch_cpus(bool run);
    void set_irq(unsigned line, bool level);
    void reset();
    void on_wish(GuestWish wish);
    void on_stop(accel::CpuStop stop);
    void fulfil();
    void on_internal_error(accel::CpuStop const& stop);
    void guest_reset();
    void guest_end(qapi::ShutdownCause cause, int status);
    /// Runs `what` on the main thread, if this is still there then.
    void post(std::function<void(Mini&)> what);

    /// What the guest has asked for and has not got yet. It moves with the guest: nobody else would remember.
    struct Wish {
        std::uint8_t what = 0; ///< GuestWish::What + 1; 0 is nothing
        std::int32_t status = 0;
        Mini* mini = nullptr;

        static machine::SavedState const saved_state;
    };

    MiniOptions m_options;
    machine::Machine& m_machine;
    boost::asio::any_io_executor m_executor;
    Exit m_exit;
    std::shared_ptr<Mini*> m_life = std::make_shared<Mini*>(this);
    PortBus m_bus;
    SerialPort m_serial;
    ResetPort m_keyboard_reset, m_control_reset;
    PowerPorts m_power;
    RealTimeClock m_clock;
    DebugExitPort m_debug_exit;
    BootPlan m_boot; ///< loaded at the start and at each reset
    machine::RunControl::CpuSwitch m_switch;
    Wish m_wish; ///< guarded by the bus's lock
    Wish m_saved_wish{.mini = this}; ///< what goes with the guest, or has come with it
    unsigned m_debugged_cpu = 0;
    std::unique_ptr<PcChips> m_chips; ///< where CPUs run and KVM plays none
    std::unique_ptr<accel::Kvm> m_kvm;
};

void register_mini(qom::TypeRegistry& types);

} // namespace minivisor::hw
