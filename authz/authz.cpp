// SPDX-License-Identifier: GPL-3.0-or-later
#include "authz/authz.hpp"

#include "util/trace.hpp"

namespace minivisor::authz {

Decision decide(qom::Tree& tree, std::string const& authz_id, std::string_view identity)
{
    auto const* object = tree.find_user_object(authz_id);
    if (!object)
        return {false, cat("Cannot find QAuthZ object ID ", authz_id), {}};
    auto const* authz = dynamic_cast<Authz const*>(object);
    if (!authz)
        return {false, cat("Object '", authz_id, "' is not a QAuthZ subclass"), {}};
    auto decision = authz->decide(identity);
    trace::pass(trace::Point::qauthz_is_allowed, "AuthZ ", authz_id, " check identity=", identity,
        " allowed=", decision.allowed ? 1 : 0);
    return decision;
}

void register_base(qom::TypeRegistry& types)
{
    qom::Type base;
    base.name = "authz";
    base.abstract = true;
    types.add(std::move(base));
}

} // namespace minivisor::authz
