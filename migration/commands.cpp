// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/commands.hpp"

#include "util/fd_sets.hpp"

namespace minivisor::migration {

namespace {

boost::asio::awaitable<Result<void>> migrate_incoming(
    Migration& migration, util::Worker& worker, qapi::MigrateIncomingArguments arguments, qapi::CallContext& context)
{
    CO_TRY(auto address, migration.check_incoming(arguments.uri));
    std::optional<io::ListeningSocket> socket;
    if (std::holds_alternative<io::InetAddress>(address) || std::holds_alternative<io::UnixAddress>(address)) {
        std::function<Result<io::ListeningSocket>()> const create
            = [address] { return io::ListeningSocket::create(address); };
        auto creating = worker.run(create);
        CO_TRY(auto created, co_await std::move(creating));
        socket.emplace(std::move(created));
        CO_TRY(auto still, migration.check_incoming(arguments.uri)); // another monitor may have been faster
        static_cast<void>(still);
    }
    co_return migration.start_incoming(
        address, std::move(socket), arguments.exit_on_error.value_or(true), context.descriptors);
}

/// Postcopy is not there yet, so that these find nothing to act on; the texts are QEMU's.
void bind_postcopy(qapi::Registry& registry, Settings const& settings)
{
    registry.bind<qapi::MigrateStartPostcopy>([&settings]() -> Result<void> {
        // Either of them is postcopy to QEMU.
        if (settings.has(qapi::MigrationCapability::postcopy_ram)
            || settings.has(qapi::MigrationCapability::dirty_bitmaps))
            return Error::generic("Postcopy must be started after migration has been started");
        return Error::generic("Enable postcopy with migrate_set_capability before the start of migration");
    });
    registry.bind<qapi::MigratePause>([]() -> Result<void> {
        return Error::generic("migrate-pause is currently only supported during postcopy-active state");
    });
    registry.bind<qapi::MigrateRecover>([](qapi::MigrateRecoverArguments) -> Result<void> {
        return Error::generic("Migrate recover can only be run when postcopy is paused.");
    });
}

} // namespace

void bind_commands(qapi::Registry& registry, Migration& migration, util::Worker& worker)
{
    registry.bind<qapi::Migrate>([&migration](qapi::MigrateArguments arguments, qapi::CallContext& context) {
        return migration.migrate(arguments, context.descriptors);
    });
    registry.bind<qapi::MigrateIncoming>(
        [&migration, &worker](qapi::MigrateIncomingArguments arguments, qapi::CallContext& context) {
            return migrate_incoming(migration, worker, std::move(arguments), context);
        });
    registry.bind<qapi::MigrateCancel>([&migration]() -> Result<void> { return migration.cancel(), Result<void>(); });
    registry.bind<qapi::MigrateContinue>(
        [&migration](qapi::MigrateContinueArguments arguments) { return migration.go_on(arguments.state); });
    registry.bind<qapi::QueryMigrate>([&migration]() -> Result<qapi::MigrationInfo> { return migration.query(); });
    registry.bind<qapi::MigrateSetParameters>(
        [&migration](qapi::MigrationParameters changes) { return migration.change_parameters(changes); });
    registry.bind<qapi::QueryMigrateParameters>([&migration]() -> Result<qapi::MigrationParameters> {
        auto parameters = migration.settings().parameters();
        for (auto* text : {&parameters.tls_creds, &parameters.tls_hostname, &parameters.tls_authz})
            (*text)->text = (*text)->text.value_or(""); // unset reads as the empty text
        return parameters;
    });
    registry.bind<qapi::MigrateSetCapabilities>([&migration](qapi::MigrateSetCapabilitiesArguments arguments) {
        return migration.change_capabilities(arguments.capabilities);
    });
    registry.bind<qapi::QueryMigrateCapabilities>(
        [&migration]() -> Result<std::vector<qapi::MigrationCapabilityStatus>> {
            return migration.settings().capabilities();
        });
    bind_postcopy(registry, migration.settings());
    registry.declare_event<qapi::MigrationEvent>();
    registry.declare_event<qapi::MigrationPassEvent>();
    registry.declare_event<qapi::MigrationRefusedEvent>();
}

} // namespace minivisor::migration
