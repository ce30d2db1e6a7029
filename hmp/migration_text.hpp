// SPDX-License-Identifier: GPL-3.0-or-later
// How HMP writes and reads what migration has to say: QEMU 7.2's layouts (qmp-surface, 13.6), and the
// spelling of parameter values (13.4). Plain functions.
#pragma once

#include "qapi/schema/migration.hpp"
#include "util/result.hpp"

#include <string>
#include <vector>

namespace minivisor::hmp {

/// The text of `info migrate`: QEMU's lines, then the ones it does not have (why it failed, who was refused).
std::string migration_text(qapi::MigrationInfo const& info);
std::string parameters_text(qapi::MigrationParameters const& parameters);
std::string capabilities_text(std::vector<qapi::MigrationCapabilityStatus> const& capabilities);

/// One parameter, set from a typed word.
Result<qapi::MigrationParameters> read_parameter(std::string const& name, std::string const& text);

/// The enumerator of that wire name.
template <typename E>
Result<E> read_enumerator(std::string const& text)
{
    auto const& names = qapi::type_of<E>().values;
    for (std::size_t i = 0; i < names.size(); ++i)
        if (names[i] == text)
            return static_cast<E>(i);
    return Error::generic("invalid parameter value: " + text);
}

} // namespace minivisor::hmp
