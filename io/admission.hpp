// SPDX-License-Identifier: GPL-3.0-or-later
// What a listener that has `tls-creds` and `tls-authz` asks of those who come, whoever owns it.
#pragma once

#include "io/door.hpp"
#include "qapi/schema/authz.hpp"
#include "qom/tree.hpp"

namespace minivisor::io {

/// Looked up for each connection, since objects come and go while a listener waits. Credentials that are not there are
/// an error, and so a no; without `authz_id` whoever has a valid certificate may come in.
Result<Admission> find_admission(
    qom::Tree& tree, std::string const& creds_id, std::optional<std::string> const& authz_id);

/// A refusal as events and queries report it.
qapi::PeerRefusal to_wire(Refusal const& refusal);

} // namespace minivisor::io
