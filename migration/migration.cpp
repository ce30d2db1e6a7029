// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/migration.hpp"

#include "crypto/tls_creds.hpp"
#include "io/open_channel.hpp"
#include "util/fd_sets.hpp"
#include "util/log.hpp"
#include "util/text.hpp"
#include "util/trace.hpp"

namespace minivisor::migration {

using qapi::MigrationCapability;
using qapi::MigrationStatus;
using qapi::RunState;

Migration::Migration(boost::asio::io_context& io, machine::Machine& machine, qom::Tree& tree, qapi::EventBus& events,
    io::Doorman& doorman, util::FdSets const& fd_sets, io::Yank& yank, std::function<void(int)> exit)
    : m_io(io)
    , m_machine(machine)
    , m_tree(tree)
    , m_events(events)
    , m_doorman(doorman)
    , m_fd_sets(fd_sets)
    , m_yank(yank)
    , m_exit(std::move(exit))
    , m_settings([&machine] { return machine.memory().dirty_log_knows_cpus(); })
{
    auto& devices = machine.devices();
    devices.add({"timer", 0, &TimerState::saved_state, &m_timer}).ignore("the list is new");
    devices.add({"globalstate", 0, &GlobalState::saved_state, &m_global_state}).ignore("the list is new");
    m_guest_runs = machine.run().running();
    m_cpu_switch = machine.run().add_cpu_switch([this](bool run) { m_guest_runs = run; });
    machine.migration_blockers().set_moving([this] { return in_progress(); });
}

Migration::~Migration()
{
    m_machine.migration_blockers().set_moving(nullptr);
    m_machine.devices().remove(&m_timer);
    m_machine.devices().remove(&m_global_state);
}

VmView Migration::vm()
{
    VmView view;
    view.machine_name = m_machine.kind();
    view.memory = &m_machine.memory();
    view.devices = &m_machine.devices();
    view.global_state = &m_global_state;
    view.throttle = m_machine.throttle();
    view.uuid = m_machine.uuid();
    view.running = [this] { return m_guest_runs.load(); };
    return view;
}

/// On the way out, that is: a guest that is awaited, or on its way in, changes nothing for the settings.
bool Migration::in_progress() const
{
    if (!m_outgoing)
        return false;
    switch (m_status) {
    case MigrationStatus::setup:
    case MigrationStatus::active:
    case MigrationStatus::pre_switchover:
    case MigrationStatus::device:
    case MigrationStatus::cancelling: return true;
    default: return false;
    }
}

void Migration::set_status(MigrationStatus status)
{
    if (m_status == status)
        return;
    m_status = status;
    trace::pass(trace::Point::migrate_set_state, "new state ", qapi::wire_name(status));
    if (m_settings.has(MigrationCapability::events))
        m_events.emit<qapi::MigrationEvent>({status});
}

Result<void> Migration::change_parameters(qapi::MigrationParameters const& changes)
{
    TRY(m_settings.change_parameters(changes));
    m_limits.max_bandwidth = m_settings.parameters().max_bandwidth->bytes;
    m_limits.downtime_limit_ms = *m_settings.parameters().downtime_limit;
    m_limits.switchover_bandwidth = m_settings.parameters().avail_switchover_bandwidth->bytes;
    return {};
}

Result<void> Migration::change_capabilities(std::vector<qapi::MigrationCapabilityStatus> const& changes)
{
    if (in_progress())
        return Error::generic("There's a migration process in progress");
    return m_settings.change_capabilities(changes);
}

Result<void> Migration::check_migrate(qapi::MigrateArguments const& arguments) const
{
    if (arguments.resume.value_or(false))
        return Error::generic("Cannot resume if there is no paused migration");
    if (in_progress())
        return Error::generic("There's a migration process in progress");
    if (m_machine.run().state() == RunState::inmigrate)
        return Error::generic("Guest is waiting for an incoming migration");
    if (m_machine.run().state() == RunState::postmigrate)
        return Error::generic("Can't migrate the vm that was paused due to previous migration");
    if (auto const& reasons = m_machine.migration_blockers().reasons(); !reasons.empty())
        return Error::generic(reasons.front());
    if (arguments.blk.value_or(false) || arguments.inc.value_or(false))
        return Error::generic("There are no disks that could be migrated (blk, inc)");
    return m_settings.check_supported();
}

ThrottleOptions Migration::throttle_options() const
{
    auto const& parameters = m_settings.parameters();
    ThrottleOptions options;
    options.enabled = m_settings.has(MigrationCapability::auto_converge);
    options.initial = static_cast<int>(*parameters.cpu_throttle_initial);
    options.increment = static_cast<int>(*parameters.cpu_throttle_increment);
    options.maximum = static_cast<int>(*parameters.max_cpu_throttle);
    options.trigger = static_cast<int>(*parameters.throttle_trigger_threshold);
    options.tailslow = *parameters.cpu_throttle_tailslow;
    return options;
}

Result<void> Migration::migrate(qapi::MigrateArguments const& arguments, util::FdTable* descriptors)
{
    TRY(check_migrate(arguments));
    auto const address = TRY(io::parse_uri(arguments.uri));
    if (!address)
        return Error::generic("Parameter 'uri' expects a valid migration protocol");
    OutgoingOptions options;
    options.address = *address;
    if (auto const* named = std::get_if<io::FdAddress>(&options.address)) {
        if (!descriptors)
            return Error::generic(cat("File descriptor named '", named->name, "' has not been found"));
        options.fd = TRY(descriptors->take(named->name));
    } else if (auto const* file = std::get_if<io::FileAddress>(&options.address);
               file && util::FdSets::is_path(file->path)) {
        options.fd = TRY(m_fd_sets.open(file->path, io::flags_for_writing(*file)));
    }
    options.tls_hostname = m_settings.tls_hostname();
    options.sender.return_path = m_settings.has(MigrationCapability::return_path)
        ? SenderOptions::ReturnPathUse::always
        : SenderOptions::ReturnPathUse::automatic;
    options.sender.pause_before_switchover = m_settings.has(MigrationCapability::pause_before_switchover);
    options.sender.switchover_ack = m_settings.has(MigrationCapability::switchover_ack);
    options.sender.throttle = throttle_options();
    options.sender.finds_zero_pages = m_settings.parameters().zero_page_detection != qapi::ZeroPageDetection::none;
    options.sender.validate_uuid = m_settings.has(MigrationCapability::validate_uuid);

    m_outgoing.reset();
    m_error.reset();
    set_status(MigrationStatus::setup);
    if (auto const id = m_settings.tls_creds(); !id.empty()) {
        auto context = std::holds_alternative<io::FileAddress>(*address)
            ? Error::generic("TLS needs a peer: it is not possible with file:")
            : crypto::find_tls_context(m_tree, id, crypto::Endpoint::client);
        if (!context) {
            // As in QEMU this is no error of the command but of the migration that it began.
            on_sent({SendResult::Outcome::failed, std::move(context).error(), false});
            return {};
        }
        options.tls = *std::move(context);
    }
    Outgoing::Hooks hooks;
    hooks.on_phase = [this](SendPhase phase) { on_phase(phase); };
    hooks.on_pass = [this](std::uint64_t pass) {
        if (m_settings.has(MigrationCapability::events))
            m_events.emit<qapi::MigrationPassEvent>({static_cast<std::int64_t>(pass)});
    };
    hooks.stop_guest = [this] { return stop_guest(); };
    hooks.on_end = [this](SendResult result) { on_sent(std::move(result)); };
    m_outgoing = std::make_unique<Outgoing>(m_io, vm(), m_limits, std::move(options), std::move(hooks));
    m_yankable = m_yank.add({}, [this] { m_outgoing->pull(); });
    return {};
}

void Migration::on_phase(SendPhase phase)
{
    if (m_status == MigrationStatus::cancelling)
        return;
    switch (phase) {
    case SendPhase::active: return set_status(MigrationStatus::active);
    case SendPhase::pre_switchover: return set_status(MigrationStatus::pre_switchover);
    case SendPhase::device: return set_status(MigrationStatus::device);
    }
}

/// The sender has little left to send: the guest stands still from here on.
std::string Migration::stop_guest()
{
    m_state_before_stop = m_machine.run().state();
    m_machine.run().halt(RunState::finish_migrate);
    return qapi::wire_name(*m_state_before_stop);
}

/// The guest is as it was before the move.
void Migration::return_guest()
{
    if (!m_state_before_stop)
        return;
    if (*m_state_before_stop == RunState::running)
        m_machine.run().resume();
    else
        m_machine.run().enter(*m_state_before_stop);
    m_state_before_stop.reset();
}

void Migration::on_sent(SendResult result)
{
    using Outcome = SendResult::Outcome;
    m_yankable = {};
    if (result.error)
        m_error = result.error->desc();
    switch (result.outcome) {
    case Outcome::completed:
        m_state_before_stop.reset();
        m_machine.run().enter(RunState::postmigrate);
        return set_status(MigrationStatus::completed);
    case Outcome::unknown:
        // The destination may run the guest. Only a person who knows may let it run here.
        m_state_before_stop.reset();
        m_machine.run().enter(RunState::paused);
        util::log::error(m_error.value_or("the outcome of the migration is unknown"));
        return set_status(
            m_status == MigrationStatus::cancelling ? MigrationStatus::cancelled : MigrationStatus::failed);
    case Outcome::cancelled:
        return_guest();
        set_status(MigrationStatus::cancelling);
        return set_status(MigrationStatus::cancelled);
    case Outcome::failed: break;
    }
    return_guest();
    if (m_error)
        util::log::error(*m_error);
    trace::pass(trace::Point::migrate_fd_error, "error=", m_error.value_or(""));
    set_status(m_status == MigrationStatus::cancelling ? MigrationStatus::cancelled : MigrationStatus::failed);
}

void Migration::cancel()
{
    if (!m_outgoing || !in_progress())
        return;
    trace::pass(trace::Point::migrate_fd_cancel);
    set_status(MigrationStatus::cancelling);
    m_outgoing->cancel();
}

Result<void> Migration::go_on(MigrationStatus expected)
{
    if (m_status != expected)
        return Error::generic(cat("Migration not in expected state: ", qapi::wire_name(m_status)));
    if (m_outgoing && m_status == MigrationStatus::pre_switchover)
        m_outgoing->continue_switchover();
    return {};
}

qapi::MigrationStats Migration::ram_stats(Progress const& progress) const
{
    qapi::MigrationStats stats;
    auto const number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
    stats.transferred = number(progress.transferred);
    stats.remaining = number(progress.remaining);
    stats.total = number(progress.total);
    stats.duplicate = number(progress.duplicate);
    stats.normal = number(progress.normal);
    stats.normal_bytes = number(progress.normal * machine::page_size);
    stats.dirty_pages_rate = number(progress.dirty_pages_rate);
    stats.mbps = progress.mbps;
    stats.dirty_sync_count = number(progress.dirty_sync_count);
    stats.page_size = number(machine::page_size);
    stats.pages_per_second = progress.pages_per_second;
    stats.precopy_bytes = progress.precopy_bytes();
    stats.downtime_bytes = progress.downtime_bytes();
    return stats;
}

qapi::MigrationInfo Migration::query() const
{
    qapi::MigrationInfo info;
    if (m_status != MigrationStatus::none && !(m_incoming && m_incoming->listening_at()))
        info.status = m_status;
    auto const* progress = m_outgoing ? m_outgoing->progress() : nullptr;
    bool const moving = in_progress() && m_status != MigrationStatus::setup;
    if (progress && (moving || m_status == MigrationStatus::completed)) {
        info.ram = ram_stats(*progress);
        info.total_time = static_cast<std::int64_t>(progress->total_ms());
        info.setup_time = static_cast<std::int64_t>(progress->setup_ms);
        if (moving)
            info.expected_downtime = static_cast<std::int64_t>(progress->expected_downtime_ms);
        else
            info.downtime = static_cast<std::int64_t>(progress->downtime_ms);
    }
    if (moving && progress && progress->throttle_percent > 0)
        info.cpu_throttle_percentage = progress->throttle_percent.load();
    if (m_status == MigrationStatus::failed || m_status == MigrationStatus::cancelled)
        info.error_desc = m_error;
    if (m_incoming)
        if (auto const* address = m_incoming->listening_at())
            info.socket_address = std::vector{io::to_wire(*address)};
    if (m_last_refusal && info.socket_address)
        info.error_desc = m_last_refusal->reason; // still waiting; this is why the last one did not come in
    if (auto const& reasons = m_machine.migration_blockers().reasons(); !reasons.empty())
        info.blocked_reasons = reasons;
    info.last_refusal = m_last_refusal;
    if (m_refusals > 0)
        info.refusals = m_refusals;
    return info;
}

boost::asio::awaitable<void> Migration::shut_down()
{
    m_yankable = {};
    m_outgoing.reset();
    if (m_incoming)
        co_await m_incoming->shut_down();
    m_incoming.reset();
}

} // namespace minivisor::migration
