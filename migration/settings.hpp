// SPDX-License-Identifier: GPL-3.0-or-later
// The parameters and capabilities of migration: defaults, ranges and dependencies with QEMU's texts
// (qmp-surface sections 5 and 6), and which of them this program cannot honour yet. What is stored is
// what is reported; what has no engine here makes a migration refuse to start, naming it.
#pragma once

#include "qapi/schema/migration_settings.hpp"
#include "util/result.hpp"

#include <array>
#include <functional>

namespace minivisor::migration {

class Settings {
public:
    /// `cpus_have_rings`: whether each CPU of the guest notes by itself what it writes; without an answer, none does.
    explicit Settings(std::function<bool()> cpus_have_rings = {});

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

    /// Fails while a capability or a mode is in force that has no engine here.
    Result<void> check_supported() const;

    /// tls-creds; empty means plain.
    std::string tls_creds() const { return m_parameters.tls_creds->text.value_or(""); }
    std::string tls_hostname() const { return m_parameters.tls_hostname->text.value_or(""); }
    /// tls-authz, if it counts as set: "" does only together with credentials.
    std::optional<std::string> tls_authz() const;

private:
    using Capabilities = std::array<bool, 24>;

    Result<void> check(Capabilities const& capabilities, qapi::MigrationParameters const& parameters) const;

    std::function<bool()> m_cpus_have_rings;
    qapi::MigrationParameters m_parameters;
    Capabilities m_capabilities{};
};

} // namespace minivisor::migration
