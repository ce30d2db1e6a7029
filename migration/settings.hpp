// SPDX-License-Identifier: GPL-3.0-or-later
// The parameters and capabilities of migration: defaults, ranges and dependencies with QEMU's texts
// (qmp-surface sections 5 and 6), and which of them this program cannot honour yet. What is stored is
// what is reported; what has no engine here makes a migration refuse to start, naming it.
#pragma once

#include "qapi/schema/migration_settings.hpp"
#include "util/result.hpp"

#include <array>

namespace minivisor::migration {

class Settings {
public:
    Settings();

    qapi::MigrationParameters const& parameters() const { return m_parameters; }
    /// All or nothing.
    Result<void> change_parameters(qapi::MigrationParameters const& changes);

    bool has(qapi::MigrationCapability capability) const
    {
        return m_capabilities[static_cast<std::size_t>(capability)];
    }
    std::vector<qapi::MigrationCapabilityStatus> capabilities() const;
    /// All or nothing; the check runs on the merged result.
    Result<void> change_capabilities(std::vector<qapi::MigrationCapabilityStatus> const& changes);

    /// Fails while a capability is on that has no engine here.
    Result<void> check_supported() const;

    /// tls-creds; empty means plain.
    std::string tls_creds() const { return m_parameters.tls_creds->text.value_or(""); }
    std::string tls_hostname() const { return m_parameters.tls_hostname->text.value_or(""); }
    /// tls-authz, if it counts as set: "" does only together with credentials.
    std::optional<std::string> tls_authz() const;

private:
    using Capabilities = std::array<bool, 21>;

    Result<void> check(Capabilities const& capabilities, qapi::MigrationParameters const& parameters) const;

    qapi::MigrationParameters m_parameters;
    Capabilities m_capabilities{};
};

} // namespace minivisor::migration
