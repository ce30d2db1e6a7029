// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/memory_dirtier.hpp"

#include "util/text.hpp"

#include <chrono>
#include <pthread.h>

namespace minivisor::machine {

namespace {

/// How long a burst of writes and the rest after it take.
constexpr std::chrono::milliseconds beat{5};
constexpr std::uint64_t most_pages_a_second = 100'000'000;

/// A guest's write, which the sender's read may overtake or not; the mark that follows brings the page again. That is
/// no race to a program that takes care of it, but TSan would see one, as it would with a CPU of KVM if it could.
__attribute__((no_sanitize_thread, noinline)) void increment(std::byte& byte)
{
    byte = static_cast<std::byte>(std::to_integer<unsigned>(byte) + 1);
}

} // namespace

Result<std::unique_ptr<MemoryDirtier>> MemoryDirtier::create(
    qom::Type const& type, MemoryDirtierOptions options, qom::Tree& tree)
{
    auto* const machine = find_machine(tree);
    if (!machine)
        return Error::generic("there is no machine yet");
    options.address = options.address.value_or(qapi::Size{0});
    if (!options.size) {
        auto const* region = machine->memory().find_region(options.address->bytes);
        options.size = qapi::Size{region ? region->end() - options.address->bytes : 0};
    }
    std::unique_ptr<MemoryDirtier> dirtier(new MemoryDirtier(type, std::move(options), *machine));
    TRY(dirtier->check(dirtier->options()));
    auto* const self = dirtier.get();
    self->m_running = machine->run().running();
    self->m_switch = machine->run().add_cpu_switch([self](bool run) {
        std::lock_guard const lock(self->m_mutex);
        self->m_running = run;
        self->m_changed.notify_all();
    });
    self->m_thread = std::thread([self] { self->main(); });
    return dirtier;
}

MemoryDirtier::MemoryDirtier(qom::Type const& type, MemoryDirtierOptions options, Machine& machine)
    : OptionsObject(type, std::move(options))
    , m_memory(machine.memory())
{
}

MemoryDirtier::~MemoryDirtier()
{
    m_switch.reset();
    {
        std::lock_guard const lock(m_mutex);
        m_ended = true;
    }
    m_changed.notify_all();
    if (m_thread.joinable())
        m_thread.join();
}

Result<void> MemoryDirtier::check(MemoryDirtierOptions const& options) const
{
    auto const begin = options.address->bytes, size = options.size->bytes;
    auto const* region = m_memory.find_region(begin);
    if (begin % page_size != 0 || size % page_size != 0 || size == 0 || !region || size > region->end() - begin)
        return Error::generic("Parameters 'address' and 'size' must be whole pages of one piece of RAM");
    if (options.rate > most_pages_a_second)
        return Error::generic(cat("Parameter 'rate' expects at most ", most_pages_a_second));
    return {};
}

Result<void> MemoryDirtier::apply(MemoryDirtierOptions changed)
{
    TRY(check(changed));
    std::lock_guard const lock(m_mutex);
    return OptionsObject::apply(std::move(changed));
}

std::uint64_t MemoryDirtier::written() const
{
    std::lock_guard const lock(m_mutex);
    return m_written;
}

/// The lock is held while it writes: who has stopped it knows that it stands still.
void MemoryDirtier::main()
{
    using Clock = std::chrono::steady_clock;
    pthread_setname_np(pthread_self(), "memory-dirtier");
    std::unique_lock lock(m_mutex);
    while (!m_ended) {
        m_changed.wait(lock, [this] { return m_ended || m_running; });
        auto last = Clock::now();
        double due = 0;
        while (m_running && !m_ended) {
            m_changed.wait_for(lock, beat, [this] { return m_ended || !m_running; });
            auto const now = Clock::now();
            due += std::chrono::duration<double>(now - last).count() * static_cast<double>(m_options.rate);
            last = now;
            if (!m_running || m_ended)
                break;
            auto const pages = std::min(static_cast<std::uint64_t>(due), m_options.size->bytes / page_size);
            due = std::max(0.0, due - static_cast<double>(pages));
            write(pages);
        }
    }
}

void MemoryDirtier::write(std::uint64_t pages)
{
    auto const all = m_options.size->bytes / page_size;
    for (std::uint64_t i = 0; i < pages; ++i, ++m_written) {
        m_next = m_next + 1 < all ? m_next + 1 : 0;
        auto const address = m_options.address->bytes + m_next * page_size;
        auto const* region = m_memory.find_region(address);
        increment(region->bytes()[address - region->guest_address]);
        m_memory.mark_dirty(address, 1);
    }
}

void register_memory_dirtier(qom::TypeRegistry& types)
{
    qom::UserType<MemoryDirtier> type("memory-dirtier", "Writes to guest memory at a set pace, as a guest would.");
    type.settable("rate").settable("address").settable("size");
    type.read_only("written", "uint64", "pages written to so far",
        [](MemoryDirtier const& dirtier) { return qapi::Value(dirtier.written()); });
    type.needs_machine();
    type.add_to(types);
}

} // namespace minivisor::machine
