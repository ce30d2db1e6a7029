// SPDX-License-Identifier: GPL-3.0-or-later
// When to say that certificates and revocation lists end: 30, 7 and 1 days before, and when they have. It is told what
// there is and what time it is; it knows no clock, no timer and no event.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace minivisor::crypto {

/// A certificate or revocation list in force, by the object that uses it and its fingerprint.
struct Lasting {
    std::string creds;
    std::string fingerprint;
    std::chrono::sys_seconds end;
};

/// How many days are left at most; 0: it has ended. nullopt: more than 30.
std::optional<int> days_of_warning(std::chrono::sys_seconds end, std::chrono::sys_seconds now);

class Expiry {
public:
    /// The indexes of those that are to be announced now: each of `all` once at every stage that it reaches, and only
    /// at the latest where it reaches several. What is not among `all` any more is forgotten; a clock that was set back
    /// lets stages come again.
    std::vector<std::size_t> due(std::vector<Lasting> const& all, std::chrono::sys_seconds now);

private:
    /// By object and fingerprint: the stage that was announced.
    std::map<std::pair<std::string, std::string>, int> m_announced;
};

} // namespace minivisor::crypto
