// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/sender.hpp"

#include "migration/ram_save.hpp"
#include "migration/stream_writer.hpp"
#include "migration/vmdesc.hpp"
#include "util/text.hpp"

#include <algorithm>

namespace minivisor::migration {

using Clock = Progress::Clock;
using std::chrono::milliseconds;

namespace {

constexpr auto slice = milliseconds(50);
constexpr auto measuring_period = milliseconds(100);
// How long a thread that reads from a broken connection may take to say what it saw.
constexpr auto last_words = milliseconds(1000);

Error interrupted() { return Error::generic("The migration was interrupted"); }

} // namespace

Sender::Sender(VmView vm, io::Channel& channel, SenderLimits& limits, SenderOptions options, SenderHooks hooks)
    : m_vm(std::move(vm))
    , m_channel(channel)
    , m_limits(limits)
    , m_options(options)
    , m_hooks(std::move(hooks))
    , m_limiter(limits.max_bandwidth)
{
}

Sender::~Sender() = default;

void Sender::interrupt()
{
    m_limiter.cancel();
    m_channel.cancel();
    std::lock_guard lock(m_gate->mutex);
    m_gate->interrupted = true;
    m_gate->changed.notify_all();
}

void Sender::cancel()
{
    m_cancelled.store(true);
    interrupt();
    std::lock_guard lock(m_return_path_mutex);
    if (m_return_path)
        m_return_path->cancel();
}

void Sender::continue_switchover()
{
    std::lock_guard lock(m_gate->mutex);
    m_gate->may_continue = true;
    m_gate->changed.notify_all();
}

void Sender::phase(SendPhase phase)
{
    if (m_hooks.on_phase)
        m_hooks.on_phase(phase);
}

void Sender::pass()
{
    if (m_hooks.on_pass)
        m_hooks.on_pass(m_progress.dirty_sync_count);
}

SendResult Sender::run()
{
    m_progress.began = Clock::now();
    m_progress.expected_downtime_ms = m_limits.downtime_limit_ms.load();
    auto result = conclude(send());
    m_throttle.reset();
    auto const now = Clock::now();
    if (m_progress.stopped)
        m_progress.downtime_ms = Progress::milliseconds(now - m_stopped_at);
    m_progress.ended = now;
    auto const seconds = std::chrono::duration<double>(now - m_progress.began.load()).count();
    m_progress.mbps = static_cast<double>(m_progress.transferred.load()) * 8 / 1e6 / std::max(seconds, 1e-3);
    return result;
}

Result<void> Sender::send()
{
    StreamWriter writer(m_channel, &m_limiter, &m_progress.transferred);
    RamSave ram(*m_vm.memory, writer, m_progress, m_options.finds_zero_pages);
    auto sent = send_guest(writer, ram);
    m_write_failed = writer.failed();
    return sent;
}

Result<void> Sender::send_guest(StreamWriter& writer, RamSave& ram)
{
    send_start(writer);
    if (m_options.switchover_ack && !m_return_path)
        return Error::generic("Capability 'switchover-ack' is on, and nothing can come back from there");
    TRY(ram.start());
    pass();
    TRY(writer.flush());
    m_progress.setup_ms = Progress::milliseconds(Clock::now() - m_progress.began.load());
    phase(SendPhase::active);

    TRY(iterate(writer, ram));
    TRY(stop_guest());
    m_limiter.lift();
    if (m_options.pause_before_switchover)
        TRY(pause());
    ram.sync();
    pass();
    ram.finish();
    TRY(send_end(writer));
    return await_word();
}

void Sender::send_start(StreamWriter& writer)
{
    writer.be32(file_magic);
    writer.be32(file_version);
    writer.mark(Mark::configuration);
    writer.be32(static_cast<std::uint32_t>(m_vm.machine_name.size()));
    writer.text(m_vm.machine_name);
    if (m_options.validate_uuid && m_vm.uuid) {
        writer.mark(Mark::subsection);
        writer.str8(uuid_subsection);
        writer.be32(1);
        writer.bytes(std::as_bytes(std::span(*m_vm.uuid)));
    }
    using Use = SenderOptions::ReturnPathUse;
    if (m_options.return_path == Use::never || !m_channel.two_way())
        return;
    writer.command(Command::open_return_path);
    writer.ping(1);
    std::lock_guard lock(m_return_path_mutex);
    m_return_path = std::make_unique<ReturnPath>(m_channel, [this] { interrupt(); });
    if (m_cancelled)
        m_return_path->cancel();
}

Result<void> Sender::iterate(StreamWriter& writer, RamSave& ram)
{
    m_measured_at = Clock::now();
    m_measured_bytes = m_progress.transferred;
    m_throttle.emplace(m_options.throttle, m_vm.throttle, Clock::now());
    while (true) {
        // One whole round: a guest that idles is then almost done, and its downtime is a moment.
        while (ram.remaining() > 0) {
            ram.send_some(Clock::now() + slice);
            if (writer.failed())
                return writer.flush();
            measure(ram);
        }
        if (m_progress.total > 0) { // else no second look at it
            auto const dirtied = ram.sync();
            pass();
            m_throttle->look(m_progress.transferred, dirtied * machine::page_size, Clock::now());
            m_progress.throttle_percent = m_throttle->percent();
            auto const acceptable
                = switchover_bytes_per_second() * static_cast<double>(m_limits.downtime_limit_ms.load()) / 1000;
            if (static_cast<double>(ram.remaining()) > acceptable)
                continue;
        }
        if (may_stop_guest())
            break;
        TRY(writer.flush());
        if (!m_return_path->wait_for_approval(measuring_period))
            TRY(check_peer()); // and on with what the guest has written meanwhile
    }
    TRY(writer.flush());
    if (m_return_path) {
        // Whoever answers at all is asked once more before the guest is stopped: by then it has taken
        // everything so far, and if it does not like it, the guest never notices.
        TRY(await_peer(1));
        if (m_return_path->answered()) {
            writer.ping(2);
            TRY(writer.flush());
            TRY(await_peer(2));
        }
    }
    return {};
}

Result<void> Sender::await_peer(std::uint32_t ping)
{
    if (m_return_path->wait_for_pong(ping, m_options.patience))
        return {};
    return check_peer();
}

/// Fails when it is known that the guest cannot get there any more.
Result<void> Sender::check_peer() const
{
    if (m_cancelled)
        return interrupted();
    if (m_return_path->shut() == 0u)
        return Error::generic("The destination said that it has the guest before it can have it");
    if (auto failure = m_return_path->failure())
        return *failure;
    return {};
}

bool Sender::may_stop_guest() const
{
    return !m_options.switchover_ack || m_return_path->approved() || (m_vm.running && !m_vm.running());
}

double Sender::bytes_per_second() const
{
    if (m_bytes_per_second > 0)
        return m_bytes_per_second;
    auto const seconds = std::chrono::duration<double>(Clock::now() - m_progress.began.load()).count();
    return static_cast<double>(m_progress.transferred.load()) / std::max(seconds, 1e-4);
}

double Sender::switchover_bytes_per_second() const
{
    auto const known = m_limits.switchover_bandwidth.load();
    return known > 0 ? static_cast<double>(known) : bytes_per_second();
}

void Sender::measure(RamSave const& ram)
{
    auto const now = Clock::now();
    if (now - m_measured_at < measuring_period)
        return;
    auto const seconds = std::chrono::duration<double>(now - m_measured_at).count();
    auto const bytes = m_progress.transferred.load();
    auto const pages = m_progress.normal.load() + m_progress.duplicate.load();
    m_bytes_per_second = static_cast<double>(bytes - m_measured_bytes) / seconds;
    m_progress.mbps = m_bytes_per_second * 8 / 1e6;
    m_progress.pages_per_second = static_cast<std::uint64_t>(static_cast<double>(pages - m_measured_pages) / seconds);
    if (m_progress.dirty_pages_rate > 0 && m_bytes_per_second > 0) {
        m_progress.expected_downtime_ms
            = static_cast<std::uint64_t>(static_cast<double>(ram.remaining()) * 1000 / switchover_bytes_per_second());
    }
    m_measured_at = now;
    m_measured_bytes = bytes;
    m_measured_pages = pages;
}

Result<void> Sender::stop_guest()
{
    m_stopped_at = Clock::now();
    m_progress.sent_at_stop = m_progress.transferred.load();
    m_hooks.stop_guest([gate = m_gate](Result<std::string> state) {
        std::lock_guard lock(gate->mutex);
        gate->stopped = std::move(state);
        gate->changed.notify_all();
    });
    std::unique_lock lock(m_gate->mutex);
    m_gate->changed.wait(lock, [&] { return m_gate->stopped || m_gate->interrupted; });
    if (!m_gate->stopped)
        return interrupted();
    auto state = std::move(*m_gate->stopped);
    lock.unlock();
    if (!state)
        return std::move(state).error();
    m_guest_stopped = true;
    m_progress.stopped = true;
    m_vm.global_state->set(*state);
    return {};
}

Result<void> Sender::pause()
{
    phase(SendPhase::pre_switchover);
    std::unique_lock lock(m_gate->mutex);
    m_gate->changed.wait(lock, [&] { return m_gate->may_continue || m_gate->interrupted; });
    if (m_gate->interrupted)
        return interrupted();
    lock.unlock();
    phase(SendPhase::device);
    return {};
}

Result<void> Sender::send_end(StreamWriter& writer)
{
    auto const devices = m_vm.devices->devices();
    for (std::size_t i = 0; i < devices.size(); ++i)
        TRY(save_device(writer, devices[i], device_section_id(i)));
    TRY(writer.flush());
    auto const description = describe_devices(*m_vm.devices);
    writer.mark(Mark::eof);
    writer.mark(Mark::description);
    writer.be32(static_cast<std::uint32_t>(description.size()));
    writer.text(description);
    {
        std::lock_guard lock(m_gate->mutex);
        if (m_gate->interrupted)
            return interrupted();
        m_committed = true;
        m_written_before_commit = m_channel.bytes_written();
    }
    return writer.flush();
}

Result<void> Sender::await_word()
{
    if (!m_return_path) {
        m_channel.close_write();
        return {};
    }
    auto const mute = m_options.return_path == SenderOptions::ReturnPathUse::automatic && !m_return_path->answered();
    if (mute)
        m_channel.close_write();
    auto const heard = m_return_path->wait_for_end(mute ? std::optional(m_options.patience) : std::nullopt);
    if (m_return_path->shut() == 0u)
        return {};
    if (m_cancelled)
        return interrupted();
    // A peer that never said a word, took all bytes and went away in order, or is still silent: one that
    // does not speak the return path. With QEMU that is success as well.
    if (mute && !m_return_path->answered() && (!heard || (m_return_path->closed() && m_channel.bytes_in_flight() == 0)))
        return {};
    if (auto failure = m_return_path->failure())
        return *failure;
    m_return_path->wait_for_end(std::nullopt);
    if (m_return_path->shut() == 0u)
        return {};
    return m_return_path->failure().value_or(interrupted());
}

SendResult Sender::conclude(Result<void> sent)
{
    using Outcome = SendResult::Outcome;
    // A write that fails says little ("Broken pipe"); what the peer said before it went says more.
    if (m_write_failed && m_return_path && !m_cancelled)
        m_return_path->wait_for_end(last_words);
    auto const word = m_return_path ? m_return_path->shut() : std::nullopt;
    auto const refused = m_channel.refused() || word.value_or(0) != 0;
    auto failure = m_return_path ? m_return_path->failure() : std::nullopt;
    m_limiter.cancel();
    if (m_return_path) {
        m_channel.cancel();
        std::unique_ptr<ReturnPath> path;
        std::lock_guard lock(m_return_path_mutex);
        path = std::move(m_return_path);
    }
    SendResult result;
    result.guest_stopped = m_guest_stopped;
    if (sent || (m_committed && word == 0u)) {
        result.outcome = Outcome::completed;
        return result;
    }
    auto error = failure ? *failure : sent.error();
    auto const on_its_way = m_committed && m_channel.bytes_written() > m_written_before_commit;
    if (on_its_way && !refused) {
        result.outcome = Outcome::unknown;
        result.error
            = Error::generic(cat("The outcome of the migration is unknown, the destination may run the guest: ",
                m_cancelled ? std::string("cancelled after the last byte was sent") : error.desc()));
        return result;
    }
    if (m_cancelled) {
        result.outcome = Outcome::cancelled;
        return result;
    }
    result.outcome = Outcome::failed;
    result.error = std::move(error);
    return result;
}

} // namespace minivisor::migration
