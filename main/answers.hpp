// SPDX-License-Identifier: GPL-3.0-or-later
// The options that ask something, print the answer on standard output and end the program. Each gives its exit status.
#pragma once

#include "main/manual.hpp"
#include "qom/tree.hpp"

#include <boost/asio/io_context.hpp>

#include <string>

namespace minivisor::main {

/// -object help, or -object TYPE,help.
Result<int> print_object_help(qom::TypeRegistry const& types, std::string const& text);

/// -identity FILE: the identity in the certificate of a PEM file.
Result<int> print_identity(std::string const& path);

/// -check-audit FILE: whether a file of an audit trail is as it was written: 0 for yes, 2 for no.
Result<int> print_audit_check(std::string const& path);

/// -check-authz ID,identity=NAME: whether an object would let NAME in: 0 for yes, 2 for no.
/// Runs `io` until there is an answer.
Result<int> print_authz_answer(boost::asio::io_context& io, qom::Tree& tree, std::string const& question);

/// -manual PAGE: a page of the reference manual.
Result<int> print_manual(ManualSources const& sources, std::string const& page);

} // namespace minivisor::main
