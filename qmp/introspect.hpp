// SPDX-License-Identifier: GPL-3.0-or-later
// query-qmp-schema, derived from what is registered (qmp-surface section 2.6).
#pragma once

#include "qapi/registry.hpp"

namespace minivisor::qmp {

/// The array of SchemaInfo for all commands and events; types other than built-in ones have opaque names.
qapi::Value schema_of(qapi::Registry const& registry);
/// The same for one command or event alone.
Result<qapi::Value> schema_of(qapi::Registry const& registry, std::string const& name);

} // namespace minivisor::qmp
