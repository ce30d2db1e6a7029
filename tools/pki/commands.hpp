// SPDX-License-Identifier: GPL-3.0-or-later
// What minivisor-pki does, one function a command. They print what was made to standard output.
#pragma once

#include "crypto/x509.hpp"
#include "util/result.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::tools {

/// A command's line, taken apart.
struct Arguments {
    std::vector<std::string> words{};
    std::multimap<std::string, std::string, std::less<>> options{};
    bool force = false;

    std::string option(std::string_view name, std::string fallback) const;
    /// A whole number from `lowest` to `highest`.
    Result<int> number(std::string_view name, int fallback, int lowest, int highest) const;
};

Result<void> init(Arguments const& arguments);
Result<void> server(Arguments const& arguments);
Result<void> client(Arguments const& arguments);
Result<void> psk(Arguments const& arguments);
Result<void> revoke(Arguments const& arguments);
Result<void> show(Arguments const& arguments);

/// "2027-01-01T00:00:00Z (364 days left)".
std::string until(X509 const* certificate);
/// The certificate's identity, harmless to print; in brackets why there is none.
std::string shown_identity(X509 const* certificate);
/// Prints "  LABEL    TEXT".
void print_line(std::string_view label, std::string_view text);
/// Prints an object ready to paste: on a command line and, with `object_add`, on the console.
void print_object(std::string_view label, std::string const& object);
/// `text` as a member's value in such an object: commas are doubled.
std::string as_value(std::string_view text);
std::string absolute(std::string const& path);
std::string_view role_of(crypto::Endpoint endpoint);

} // namespace minivisor::tools
