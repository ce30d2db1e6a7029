// SPDX-License-Identifier: GPL-3.0-or-later
// Who may come in: the question that every authorization object answers (QEMU's QAuthZ). Fails
// closed: an object that is missing, or is none, is a no. Objects are looked up at the time of each
// question, so that deleting and adding one anew changes the answer (qmp-surface section 11).
#pragma once

#include "qom/tree.hpp"

namespace minivisor::authz {

/// An answer. Both texts are for the operator, never for the peer.
struct Decision {
    bool allowed = false;
    std::string error; ///< the question could not be answered, and why: takes the place of "is denied"
    std::string detail; ///< what the answer rests on
};

/// Base of the authorization types.
class Authz {
public:
    virtual ~Authz() = default;
    /// May the owner of `identity` come in? An identity is text to be compared byte for byte.
    virtual Decision decide(std::string_view identity) const = 0;
    /// Rules that do not match by little, and by what (see near_miss()); at most `most_near_misses`.
    virtual std::vector<std::string> near_misses(std::string_view) const { return {}; }
    static constexpr std::size_t most_near_misses = 10;
};

/// Asks the object of that id.
Decision decide(qom::Tree& tree, std::string const& authz_id, std::string_view identity);

/// Registers the abstract type "authz".
void register_base(qom::TypeRegistry& types);

} // namespace minivisor::authz
