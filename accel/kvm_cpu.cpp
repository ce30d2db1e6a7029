// SPDX-License-Identifier: GPL-3.0-or-later
#include "accel/kvm_cpu.hpp"

#include "util/log.hpp"
#include "util/text.hpp"

#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <linux/kvm.h>
#include <pthread.h>
#include <semaphore>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace minivisor::accel {

namespace {

/// The signal that calls a thread out of KVM_RUN; it does nothing else.
constexpr int wake_signal = SIGUSR1;

/// So often a CPU may say in a row that its ring is full when there is nothing in it.
constexpr unsigned most_full_rings = 10;

constexpr std::uint64_t apic_enabled = 1 << 11; // of the APIC's base address

void install_wake_signal()
{
    struct sigaction action { };
    action.sa_handler = [](int) {};
    sigaction(wake_signal, &action, nullptr);
}

std::string suberror_text(kvm_run const& run)
{
    auto text = cat("KVM internal error. Suberror: ", run.internal.suberror, "\n");
    for (unsigned i = 0; i < std::min<unsigned>(run.internal.ndata, 16); ++i)
        text += cat("extra data[", i, "]: 0x", util::hex(run.internal.data[i]), "\n");
    if (run.internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
        text += "emulation failure\n";
    return text;
}

} // namespace

KvmCpu::KvmCpu(KvmVm& vm, PortSpace& ports, unsigned index, OnStop on_stop)
    : m_vm(vm)
    , m_ports(ports)
    , m_index(index)
    , m_on_stop(std::move(on_stop))
{
}

Result<std::unique_ptr<KvmCpu>> KvmCpu::create(
    KvmVm& vm, PortSpace& ports, unsigned index, unsigned count, OnStop on_stop)
{
    std::unique_ptr<KvmCpu> cpu(new KvmCpu(vm, ports, index, std::move(on_stop)));
    TRY(cpu->open(count));
    return cpu;
}

Result<void> KvmCpu::open(unsigned count)
{
    install_wake_signal();
    m_fd.reset(TRY(kvm_ioctl(m_vm.fd(), KVM_CREATE_VCPU, static_cast<unsigned long>(m_index),
        cat("kvm_init_vcpu: kvm_get_vcpu failed (", m_index, ")"))));
    m_run_size = static_cast<std::size_t>(
        TRY(kvm_ioctl(m_vm.device(), KVM_GET_VCPU_MMAP_SIZE, 0UL, "KVM_GET_VCPU_MMAP_SIZE failed")));
    auto* const mapped = mmap(nullptr, m_run_size, PROT_READ | PROT_WRITE, MAP_SHARED, m_fd.get(), 0);
    if (mapped == MAP_FAILED)
        return Error::system("mmap'ing vcpu state failed", errno);
    m_run = static_cast<kvm_run*>(mapped);
    TRY(m_vm.add_dirty_ring(m_fd.get()));
    TRY(set_cpuid(count));
    TRY(read_state(m_power_on));
    if (!m_vm.has_irqchip())
        m_power_on.apic_base &= ~apic_enabled; // else KVM has CPUID offer one
    m_saved.io = this;
    std::binary_semaphore started(0);
    m_thread = std::thread([this, &started] {
        m_thread_id = gettid();
        started.release();
        main();
    });
    started.acquire();
    return {};
}

KvmCpu::~KvmCpu()
{
    if (m_thread.joinable()) {
        ask_to_rest();
        await_rest();
        {
            std::lock_guard const lock(m_mutex);
            m_want = Want::end;
        }
        m_changed.notify_all();
        m_thread.join();
    }
    if (m_run != nullptr)
        munmap(m_run, m_run_size);
}

void KvmCpu::run()
{
    {
        std::lock_guard const lock(m_mutex);
        m_want = Want::run;
    }
    m_changed.notify_all();
}

void KvmCpu::ask_to_rest()
{
    std::lock_guard const lock(m_mutex);
    m_want = Want::rest;
    call_out();
}

void KvmCpu::hold_up()
{
    std::lock_guard const lock(m_mutex);
    m_held = true;
    call_out();
}

void KvmCpu::let_go()
{
    {
        std::lock_guard const lock(m_mutex);
        m_held = false;
    }
    m_changed.notify_all();
}

/// With the lock held: if it runs, it stops soon.
void KvmCpu::call_out()
{
    if (m_resting)
        return;
    m_leave = true;
    // A CPU that enters the guest after this leaves it at once; one that is inside is called out.
    __atomic_store_n(&m_run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    pthread_kill(m_thread.native_handle(), wake_signal);
    m_changed.notify_all(); // one that halts for ever without interrupts waits for that
}

void KvmCpu::set_interrupt(bool level)
{
    std::lock_guard const lock(m_mutex);
    m_interrupt = level;
    if (!level || !m_listens)
        return;
    m_listens = false; // one call is enough
    __atomic_store_n(&m_run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    pthread_kill(m_thread.native_handle(), wake_signal);
    m_changed.notify_all();
}

void KvmCpu::await_rest()
{
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [this] { return m_resting; });
}

void KvmCpu::main()
{
    pthread_setname_np(pthread_self(), cat("CPU ", m_index, "/KVM").c_str());
    sigset_t signals;
    sigfillset(&signals);
    for (int const deadly : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, wake_signal})
        sigdelset(&signals, deadly);
    pthread_sigmask(SIG_SETMASK, &signals, nullptr);
    std::unique_lock lock(m_mutex);
    while (true) {
        m_changed.wait(lock, [this] { return m_want == Want::end || (m_want == Want::run && !m_held); });
        if (m_want == Want::end)
            return;
        m_resting = false;
        m_leave = false;
        __atomic_store_n(&m_run->immediate_exit, 0, __ATOMIC_SEQ_CST);
        lock.unlock();
        run_until_rest();
        lock.lock();
        m_resting = true;
        m_changed.notify_all();
    }
}

/// Leaves only when KVM says that it was interrupted: then what the last port access began is complete.
void KvmCpu::run_until_rest()
{
    bool const has_irqchip = m_vm.has_irqchip();
    m_between = false; // what KVM has told may be of another time
    while (has_irqchip || prepare_entry()) {
        if (ioctl(m_fd.get(), KVM_RUN, 0) == 0) {
            m_between = m_run->exit_reason != KVM_EXIT_IO && m_run->exit_reason != KVM_EXIT_MMIO;
            handle_exit();
        } else if (errno == EINTR || errno == EAGAIN) {
            m_between = true;
            if (m_leave)
                return;
        } else {
            fail(cat("error: kvm run failed ", std::generic_category().message(errno), "\n"));
            return;
        }
    }
}

/// Without KVM's interrupt controllers, before each KVM_RUN: gives the CPU the interrupt that its own controller asks
/// for, or has KVM tell when it would take it; sleeps while it halts. False if it is to rest and there is nothing to
/// complete.
bool KvmCpu::prepare_entry()
{
    std::unique_lock lock(m_mutex);
    while (m_halted) {
        bool const wakes = m_run->if_flag != 0;
        if (m_leave)
            return false;
        if (wakes && m_interrupt) {
            lock.unlock();
            take_interrupt();
            lock.lock();
            continue;
        }
        m_listens = wakes; // each time: the pin may have gone up and down since it was called
        m_changed.wait(lock);
        m_listens = false;
    }
    // Whoever calls from here on calls this entry out.
    __atomic_store_n(&m_run->immediate_exit, m_leave ? 1 : 0, __ATOMIC_SEQ_CST);
    if (m_interrupt && m_between && m_run->ready_for_interrupt_injection != 0 && m_run->if_flag != 0) {
        lock.unlock();
        take_interrupt();
        lock.lock();
    }
    m_run->request_interrupt_window = m_interrupt;
    m_listens = !m_interrupt;
    return true;
}

void KvmCpu::take_interrupt()
{
    auto const vector = m_controller->acknowledge();
    if (!vector)
        return;
    m_halted = false;
    m_between = false;
    kvm_interrupt interrupt{};
    interrupt.irq = *vector;
    if (ioctl(m_fd.get(), KVM_INTERRUPT, &interrupt) != 0)
        fail(cat("KVM: an interrupt cannot be given to the CPU: ", std::generic_category().message(errno), "\n"));
}

void KvmCpu::handle_exit()
{
    switch (m_run->exit_reason) {
    case KVM_EXIT_IO: return handle_ports();
    case KVM_EXIT_MMIO: // nothing is there: reads see zeros, as in QEMU
        if (m_run->mmio.is_write == 0)
            std::memset(m_run->mmio.data, 0, sizeof m_run->mmio.data);
        return;
    case KVM_EXIT_INTR:
    case KVM_EXIT_IRQ_WINDOW_OPEN:
    case KVM_EXIT_SET_TPR: return;
    case KVM_EXIT_HLT: m_halted = true; return; // only without KVM's interrupt controllers
    case KVM_EXIT_DIRTY_RING_FULL:
        // The first time another thread may have emptied it in between.
        if (m_vm.reap_dirty_rings(m_full_rings > 0 ? std::optional(m_index) : std::nullopt))
            m_full_rings = 0;
        else if (++m_full_rings == most_full_rings)
            fail("KVM: the dirty ring stays full\n");
        return;
    case KVM_EXIT_SHUTDOWN: return rest_now(CpuStop{CpuStop::Reason::triple_fault, m_index, {}});
    case KVM_EXIT_DEBUG: return rest_now(CpuStop{CpuStop::Reason::debug, m_index, {}});
    case KVM_EXIT_FAIL_ENTRY:
        return fail(cat(
            "KVM: entry failed, hardware error 0x", util::hex(m_run->fail_entry.hardware_entry_failure_reason), "\n"));
    case KVM_EXIT_INTERNAL_ERROR: return fail(suberror_text(*m_run));
    case KVM_EXIT_UNKNOWN:
        return fail(cat("KVM: unknown exit, hardware reason ", util::hex(m_run->hw.hardware_exit_reason), "\n"));
    default: return fail(cat("KVM: unknown exit reason ", m_run->exit_reason, "\n"));
    }
}

void KvmCpu::handle_ports()
{
    auto const& io = m_run->io;
    auto* data = reinterpret_cast<unsigned char*>(m_run) + io.data_offset;
    assert(io.data_offset + std::size_t{io.count} * io.size <= m_run_size);
    auto then = Then::go_on;
    for (std::uint32_t i = 0; i < io.count; ++i, data += io.size) {
        std::uint32_t value = 0;
        if (io.direction == KVM_EXIT_IO_OUT) {
            std::memcpy(&value, data, io.size);
            if (m_ports.write(io.port, io.size, value) == Then::rest)
                then = Then::rest;
        } else {
            value = m_ports.read(io.port, io.size);
            std::memcpy(data, &value, io.size);
        }
    }
    if (then == Then::rest)
        rest_now(std::nullopt);
}

void KvmCpu::fail(std::string text) { rest_now(CpuStop{CpuStop::Reason::internal_error, m_index, std::move(text)}); }

/// On the CPU's own thread: it will not go on before it is told to.
void KvmCpu::rest_now(std::optional<CpuStop> why)
{
    {
        std::lock_guard const lock(m_mutex);
        if (m_want == Want::run)
            m_want = Want::rest;
        m_leave = true;
        __atomic_store_n(&m_run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    }
    if (why)
        m_on_stop(*std::move(why));
}

Result<void> KvmCpu::reset(CpuStart const& start)
{
    auto state = m_power_on;
    if (m_index == 0)
        state.begin_at(start);
    return write_state(state);
}

std::optional<std::uint64_t> KvmCpu::translate(std::uint64_t linear_address)
{
    kvm_translation translation{};
    translation.linear_address = linear_address;
    if (ioctl(m_fd.get(), KVM_TRANSLATE, &translation) != 0 || translation.valid == 0)
        return std::nullopt;
    return translation.physical_address;
}

Result<void> KvmCpu::set_debug(CpuDebug const& debug)
{
    kvm_guest_debug wanted{};
    std::uint64_t enabled = 0;
    for (std::size_t i = 0; i < debug.breakpoints.size(); ++i)
        if (auto const& address = debug.breakpoints[i]) {
            wanted.arch.debugreg[i] = *address;
            enabled |= std::uint64_t{2} << (2 * i); // for all tasks; the kind is execution
        }
    if (debug.step)
        wanted.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
    if (enabled != 0) {
        constexpr std::uint64_t exact = 0x600;
        wanted.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
        wanted.arch.debugreg[7] = enabled | exact;
    }
    TRY(kvm_ioctl(m_fd.get(), KVM_SET_GUEST_DEBUG, &wanted, "KVM_SET_GUEST_DEBUG"));
    return {};
}

void KvmCpu::tell_of_pause()
{
    ioctl(m_fd.get(), KVM_KVMCLOCK_CTRL, 0); // fails for a guest without that clock, which has nothing to be told
}

} // namespace minivisor::accel
