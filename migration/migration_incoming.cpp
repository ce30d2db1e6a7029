// SPDX-License-Identifier: GPL-3.0-or-later
// The destination's half of Migration.
#include "crypto/tls_creds.hpp"
#include "io/doorman.hpp"
#include "io/open_channel.hpp"
#include "migration/migration.hpp"
#include "util/fd_sets.hpp"
#include "util/log.hpp"
#include "util/text.hpp"

#include <fcntl.h>

namespace minivisor::migration {

using qapi::MigrationStatus;
using qapi::RunState;

Result<io::Address> Migration::check_incoming(std::string_view uri) const
{
    if (m_machine.run().state() != RunState::inmigrate && !m_incoming_done)
        return Error::generic("'-incoming' was not specified on the command line");
    bool const failed = m_incoming && m_status == MigrationStatus::failed; // then another may be awaited
    if ((m_incoming && !failed) || m_incoming_done)
        return Error::generic("The incoming migration has already been started");
    auto const address = TRY(io::parse_uri(uri));
    if (!address)
        return Error::generic(cat("unknown migration protocol: ", uri));
    TRY(m_settings.check_supported());
    TRY(check_authorization_possible());
    return *address;
}

void Migration::fail_open()
{
    m_fails_open = true;
    util::log::warn(
        "-authz-fail-open: where nobody's identity can be known, 'tls-authz' is ignored and everybody gets in");
}

std::optional<std::string> Migration::authz_in_force() const
{
    auto id = m_settings.tls_authz();
    if (!id || !m_fails_open)
        return id;
    if (m_settings.tls_creds().empty())
        return std::nullopt;
    auto const context = crypto::find_tls_context(m_tree, m_settings.tls_creds(), crypto::Endpoint::server);
    return context && !(*context)->verify_peer() ? std::nullopt : id;
}

/// What can never let anybody in, or would let everybody in, is refused before anyone comes.
Result<void> Migration::check_authorization_possible() const
{
    if (!authz_in_force())
        return {};
    if (m_settings.tls_creds().empty())
        return Error::generic(
            "Parameter 'tls-authz' is set, but 'tls-creds' is not: without TLS there is nobody to authorize");
    auto const context = crypto::find_tls_context(m_tree, m_settings.tls_creds(), crypto::Endpoint::server);
    if (context && !(*context)->verify_peer())
        return Error::generic(cat("Parameter 'tls-authz' is set, but the TLS credentials ",
            (*context)->why_nobody_is_known(), ": nobody's identity would be known"));
    return {}; // credentials that are not there yet may come before the sender does
}

Result<void> Migration::start_incoming(io::Address const& address, std::optional<io::ListeningSocket> socket,
    bool exit_on_error, util::FdTable* descriptors)
{
    Incoming::Hooks hooks;
    hooks.admission = [this] { return admission(); };
    hooks.on_refusal = [this](io::Refusal const& refusal) { on_refusal(refusal); };
    hooks.options = [this] { return ReceiverOptions{m_settings.has(qapi::MigrationCapability::switchover_ack)}; };
    hooks.on_begin = [this] { set_status(MigrationStatus::active); };
    hooks.on_end = [this](LoadResult result) { on_loaded(std::move(result)); };
    auto incoming = std::make_unique<Incoming>(m_io, vm(), std::move(hooks));
    m_creds_expected = !m_settings.tls_creds().empty();
    if (socket) {
        incoming->wait_at(*std::move(socket));
    } else if (auto const* file = std::get_if<io::FileAddress>(&address)) {
        util::UniqueFd fd;
        if (util::FdSets::is_path(file->path))
            fd = TRY(m_fd_sets.open(file->path, O_RDONLY));
        incoming->load_from(TRY(io::open_file_for_reading(*file, std::move(fd))));
    } else if (auto const* command = std::get_if<io::ExecAddress>(&address)) {
        auto const wanted = TRY(admission());
        auto running = TRY(io::start_command(*command));
        incoming->load_from_socket(std::move(running.socket), wanted, running.child);
    } else {
        auto const& name = std::get<io::FdAddress>(address).name;
        auto const wanted = TRY(admission());
        if (!descriptors)
            return Error::generic(cat("File descriptor named '", name, "' has not been found"));
        incoming->load_from_socket(TRY(descriptors->take(name)), wanted);
    }
    m_incoming = std::move(incoming);
    m_yankable = m_yank.add({}, [this] { m_incoming->pull(); });
    m_exit_on_error = exit_on_error;
    m_error.reset();
    m_refusals = 0;
    m_last_refusal.reset();
    m_status = MigrationStatus::none;
    set_status(MigrationStatus::setup);
    return {};
}

Result<void> Migration::await_incoming(std::string const& uri, bool exit_on_error, util::FdTable* descriptors)
{
    m_exit_on_error = exit_on_error;
    if (uri == "defer")
        return {};
    auto const address = TRY(check_incoming(uri));
    std::optional<io::ListeningSocket> socket;
    if (std::holds_alternative<io::InetAddress>(address) || std::holds_alternative<io::UnixAddress>(address))
        socket.emplace(TRY(io::ListeningSocket::create(address)));
    return start_incoming(address, std::move(socket), exit_on_error, descriptors);
}

/// What is asked of a sender: looked up for each connection, since objects and parameters may change
/// while it is awaited. Whenever authorization cannot be applied, the answer is no.
Result<io::Admission> Migration::admission()
{
    TRY(m_settings.check_supported()); // it may have been switched on since the wait began
    auto const authz_id = authz_in_force();
    if (!authz_id && m_settings.tls_authz())
        util::log::warn("-authz-fail-open: a sender comes in without being authorized");
    auto const creds_id = m_settings.tls_creds();
    if (creds_id.empty()) {
        if (authz_id)
            return Error::generic("Parameter 'tls-authz' is set, but 'tls-creds' is not: nobody can be authorized");
        if (m_creds_expected && !m_fails_open)
            return Error::generic("Parameter 'tls-creds' was set when the wait began and is not any more");
        return io::Admission();
    }
    return m_doorman.admission(creds_id, authz_id);
}

void Migration::on_refusal(io::Refusal const& refusal)
{
    auto const wire = io::to_wire(refusal);
    bool const waits = m_incoming && m_incoming->listening_at() != nullptr;
    ++m_refusals;
    m_last_refusal = wire;
    if (waits)
        util::log::error(refusal.reason); // else the failed load says it
    util::log::info(cat("migration: ", io::refusal_text(wire), waits ? "; still waiting" : ""));
    m_events.emit<qapi::MigrationRefusedEvent>(wire);
}

void Migration::on_loaded(LoadResult result)
{
    m_yankable = {};
    if (result.outcome != LoadResult::Outcome::loaded)
        return on_load_failed(result);
    for (auto const& line : result.lines)
        util::log::warn(line);
    m_incoming_done = true;
    auto& run = m_machine.run();
    auto const& names = qapi::type_of<RunState>().values;
    auto const found = std::find(names.begin(), names.end(), result.run_state);
    auto const state = found == names.end() ? RunState::running : static_cast<RunState>(found - names.begin());
    if (state != RunState::running)
        run.enter(state);
    else if (run.autostart())
        run.resume();
    else
        run.enter(RunState::paused);
    set_status(MigrationStatus::completed);
}

void Migration::on_load_failed(LoadResult const& result)
{
    for (auto const& line : result.lines)
        util::log::error(line);
    auto const why = result.error ? result.error->desc() : std::string("cancelled");
    m_error = why;
    set_status(MigrationStatus::failed);
    if (m_exit_on_error)
        m_exit(1);
}

} // namespace minivisor::migration
