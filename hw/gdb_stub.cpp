// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/gdb_stub.hpp"

#include "util/log.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <csignal>
#include <cstring>

namespace minivisor::hw {

namespace asio = boost::asio;

namespace {

using accel::Register;
using accel::Segment;

constexpr std::size_t page_size = machine::page_size;
constexpr std::array general_order{Register::rax, Register::rbx, Register::rcx, Register::rdx, Register::rsi,
    Register::rdi, Register::rbp, Register::rsp, Register::r8, Register::r9, Register::r10, Register::r11,
    Register::r12, Register::r13, Register::r14, Register::r15, Register::rip, Register::rflags};
constexpr std::array segment_order{Segment::cs, Segment::ss, Segment::ds, Segment::es, Segment::fs, Segment::gs};
static_assert(general_order.size() + segment_order.size() == GdbRegisters::integer_count);

// Where FXSAVE, and with it XSAVE, puts things.
constexpr std::size_t at_mxcsr = 24, at_stack = 32, at_vector = 160, slot_size = 16;

GdbRegisters to_gdb(accel::CpuState const& state)
{
    GdbRegisters r;
    for (std::size_t i = 0; i < general_order.size(); ++i)
        r.integer[i] = state[general_order[i]];
    for (std::size_t i = 0; i < segment_order.size(); ++i)
        r.integer[general_order.size() + i] = state.segment_selector[static_cast<std::size_t>(segment_order[i])];
    auto const* const area = state.xsave.data();
    auto const word = [area](std::size_t at) { return static_cast<std::uint32_t>(area[at] | area[at + 1] << 8); };
    std::uint32_t tags = 0; // two bits each: 3 is empty
    for (unsigned i = 0; i < 8; ++i)
        tags |= (area[4] >> i & 1) != 0 ? 0 : 3u << (2 * i);
    r.fpu = {word(0), word(2), tags, 0, 0, 0, 0, word(6)};
    for (std::size_t i = 0; i < r.stack.size(); ++i)
        std::memcpy(r.stack[i].data(), area + at_stack + i * slot_size, r.stack[i].size());
    for (std::size_t i = 0; i < r.vector.size(); ++i)
        std::memcpy(r.vector[i].data(), area + at_vector + i * slot_size, r.vector[i].size());
    std::memcpy(&r.mxcsr, area + at_mxcsr, sizeof r.mxcsr);
    return r;
}

/// False where something is changed that cannot be: a segment, or the FPU's words.
bool from_gdb(GdbRegisters const& r, accel::CpuState& state)
{
    auto const before = to_gdb(state);
    if (r.fpu != before.fpu
        || !std::equal(
            r.integer.begin() + general_order.size(), r.integer.end(), before.integer.begin() + general_order.size()))
        return false;
    for (std::size_t i = 0; i < general_order.size(); ++i)
        state[general_order[i]] = r.integer[i];
    constexpr unsigned x87 = 1, sse = 2;
    unsigned used = 0; // parts that XSAVE would say are in their first state do not count otherwise
    auto* const area = state.xsave.data();
    if (r.stack != before.stack)
        used |= x87;
    if (r.vector != before.vector || r.mxcsr != before.mxcsr)
        used |= sse;
    for (std::size_t i = 0; i < r.stack.size(); ++i)
        std::memcpy(area + at_stack + i * slot_size, r.stack[i].data(), r.stack[i].size());
    for (std::size_t i = 0; i < r.vector.size(); ++i)
        std::memcpy(area + at_vector + i * slot_size, r.vector[i].data(), r.vector[i].size());
    std::memcpy(area + at_mxcsr, &r.mxcsr, sizeof r.mxcsr);
    constexpr std::size_t at_header = 512;
    area[at_header] = static_cast<std::uint8_t>(area[at_header] | used);
    return true;
}

} // namespace

GdbStub::GdbStub(asio::any_io_executor executor, Mini& mini, machine::Machine& machine, qapi::EventBus& events,
    std::function<void()> end)
    : m_mini(mini)
    , m_machine(machine)
    , m_end(std::move(end))
    , m_tasks(executor)
{
    m_subscription = events.subscribe([this](qapi::EventRecord const& event) {
        if (event.name == qapi::StopEvent::name)
            on_stop();
    });
}

GdbStub::~GdbStub() = default;

Result<void> GdbStub::serve(io::Chardev& device)
{
    TRY(device.claim());
    return device.open([life = std::weak_ptr(m_life)](std::unique_ptr<io::Stream> stream) {
        if (auto const stub = life.lock())
            (*stub)->begin(std::move(stream));
    });
}

void GdbStub::begin(std::unique_ptr<io::Stream> stream)
{
    if (m_closing)
        return;
    if (m_stream) {
        util::log::warn("gdbstub: a second client was hung up on");
        return;
    }
    m_stream = std::move(stream);
    m_out.clear();
    m_gone = false;
    if (auto& run = m_machine.run(); run.running())
        run.halt(qapi::RunState::paused);
    m_session
        = std::make_unique<GdbSession>(static_cast<GdbTarget&>(*this), [this](std::string_view bytes) { send(bytes); });
    m_tasks.spawn([this] { return converse(); });
}

asio::awaitable<void> GdbStub::converse()
{
    std::array<char, 512> buffer; // a byte may be answered with a whole packet
    std::vector<util::UniqueFd> passed;
    while (!m_gone && !m_closing) {
        if (!m_out.empty()) { // nothing more is read before
            if (co_await m_stream->wait_output())
                break;
            flush();
            continue;
        }
        auto const moved = m_stream->read(buffer, passed);
        passed.clear();
        if (moved.progress == io::Stream::Progress::end)
            break;
        if (moved.progress == io::Stream::Progress::some) {
            if (m_session)
                m_session->feed({buffer.data(), moved.size});
            co_await asio::post(m_tasks.executor(), asio::use_awaitable);
            continue;
        }
        co_await m_stream->wait_input(); // cancelled when there is something to write
    }
    m_session.reset();
    m_stream.reset();
    if (!m_closing)
        remove_breakpoints();
}

void GdbStub::send(std::string_view bytes)
{
    m_out += bytes;
    flush();
    if (!m_out.empty())
        m_stream->cancel_input();
}

void GdbStub::flush()
{
    while (!m_out.empty() && !m_gone) {
        auto const moved = m_stream->write(m_out);
        m_out.erase(0, moved.size);
        m_gone = moved.progress == io::Stream::Progress::end;
        if (moved.progress != io::Stream::Progress::some)
            return;
    }
}

void GdbStub::leave_guest()
{
    m_session.reset();
    remove_breakpoints();
}

asio::awaitable<void> GdbStub::shut_down()
{
    m_closing = true;
    m_subscription.reset();
    if (m_session)
        m_session->exited(0);
    if (m_stream)
        m_stream->cancel_input();
    m_tasks.cancel();
    co_await m_tasks.join();
    m_session.reset();
    m_stream.reset();
}

/// The guest has stopped, whoever has stopped it.
void GdbStub::on_stop()
{
    if (!m_session)
        return;
    using qapi::RunState;
    switch (m_machine.run().state()) {
    case RunState::debug: return m_session->stopped(m_mini.debugged_cpu(), GdbSession::trap);
    case RunState::internal_error: return m_session->stopped(0, SIGABRT);
    case RunState::shutdown: return m_session->stopped(0, SIGQUIT);
    case RunState::finish_migrate: return m_session->stopped(0, SIGXCPU);
    default: return m_session->stopped(0, GdbSession::interrupt);
    }
}

unsigned GdbStub::cpu_count() const { return static_cast<unsigned>(m_mini.kvm()->cpus().size()); }

std::optional<GdbRegisters> GdbStub::read_registers(unsigned cpu)
{
    std::optional<GdbRegisters> registers;
    m_mini.while_resting([&] {
        accel::CpuState state;
        if (m_mini.kvm()->cpus()[cpu]->read_state(state))
            registers = to_gdb(state);
    });
    return registers;
}

bool GdbStub::write_registers(unsigned cpu, GdbRegisters const& registers)
{
    bool written = false;
    m_mini.while_resting([&] {
        accel::CpuState state;
        auto& target = *m_mini.kvm()->cpus()[cpu];
        written = target.read_state(state) && from_gdb(registers, state) && target.write_state(state);
    });
    return written;
}

template <typename Visit>
bool GdbStub::for_each_page(unsigned cpu, std::uint64_t address, std::size_t size, Visit visit)
{
    bool there = true;
    m_mini.while_resting([&] {
        for (std::size_t done = 0; there && done < size;) {
            auto const here = address + done;
            auto const piece = std::min<std::size_t>(page_size - here % page_size, size - done);
            auto const physical = m_mini.kvm()->cpus()[cpu]->translate(here);
            there = physical && visit(*physical, done, piece);
            done += piece;
        }
    });
    return there;
}

bool GdbStub::read_memory(unsigned cpu, std::uint64_t address, std::span<std::uint8_t> into)
{
    return for_each_page(cpu, address, into.size(), [&](std::uint64_t physical, std::size_t offset, std::size_t size) {
        return m_machine.memory().read(physical, std::as_writable_bytes(into.subspan(offset, size))).has_value();
    });
}

bool GdbStub::write_memory(unsigned cpu, std::uint64_t address, std::span<std::uint8_t const> from)
{
    return for_each_page(cpu, address, from.size(), [&](std::uint64_t physical, std::size_t offset, std::size_t size) {
        return m_machine.memory().write(physical, std::as_bytes(from.subspan(offset, size))).has_value();
    });
}

/// All breakpoints are those of the CPU: the guest's memory stays as it is, in a migration too.
bool GdbStub::insert_breakpoint(std::uint64_t address)
{
    auto& places = m_debug.breakpoints;
    if (std::find(places.begin(), places.end(), address) != places.end())
        return true;
    auto const free = std::find(places.begin(), places.end(), std::nullopt);
    if (free == places.end())
        return false;
    *free = address;
    return set_debug(std::nullopt);
}

bool GdbStub::remove_breakpoint(std::uint64_t address)
{
    std::replace(
        m_debug.breakpoints.begin(), m_debug.breakpoints.end(), std::optional(address), std::optional<std::uint64_t>());
    return set_debug(std::nullopt);
}

void GdbStub::remove_breakpoints()
{
    m_debug.breakpoints = {};
    set_debug(std::nullopt);
}

bool GdbStub::set_debug(std::optional<unsigned> step)
{
    bool done = true;
    m_mini.while_resting([&] {
        auto const& cpus = m_mini.kvm()->cpus();
        for (std::size_t i = 0; i < cpus.size(); ++i) {
            m_debug.step = step == i;
            auto const set = cpus[i]->set_debug(m_debug);
            if (!set)
                util::log::error(set.error());
            done = done && set;
        }
    });
    return done;
}

bool GdbStub::resume(std::optional<unsigned> step) { return set_debug(step) && m_machine.run().cont(); }

void GdbStub::stop() { m_machine.run().stop(); }

} // namespace minivisor::hw
