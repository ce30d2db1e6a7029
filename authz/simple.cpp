// SPDX-License-Identifier: GPL-3.0-or-later
#include "authz/simple.hpp"

#include "authz/near_miss.hpp"
#include "util/text.hpp"

namespace minivisor::authz {

Result<std::unique_ptr<AuthZSimple>> AuthZSimple::create(qom::Type const& type, AuthZSimpleOptions options, qom::Tree&)
{
    return std::make_unique<AuthZSimple>(type, std::move(options));
}

Result<void> AuthZSimple::apply(AuthZSimpleOptions changed)
{
    renew();
    return OptionsObject::apply(std::move(changed));
}

Decision AuthZSimple::decide(std::string_view identity) const
{
    if (identity == m_options.identity)
        return {true, {}, "it is the identity that is allowed"};
    return {false, {}, cat("it allows only '", m_options.identity, "'")};
}

std::vector<std::string> AuthZSimple::near_misses(std::string_view identity) const
{
    if (auto const miss = near_miss(m_options.identity, identity))
        return {cat("'", m_options.identity, "': ", *miss)};
    return {};
}

void register_simple(qom::TypeRegistry& types)
{
    qom::UserType<AuthZSimple>("authz-simple", "One name that may come in.")
        .settable("identity")
        .add_to(types, "authz");
}

} // namespace minivisor::authz
