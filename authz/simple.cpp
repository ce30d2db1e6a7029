// SPDX-License-Identifier: GPL-3.0-or-later
#include "authz/simple.hpp"

#include "util/text.hpp"

namespace minivisor::authz {

Result<std::unique_ptr<AuthZSimple>> AuthZSimple::create(qom::Type const& type, AuthZSimpleOptions options, qom::Tree&)
{
    return std::make_unique<AuthZSimple>(type, std::move(options));
}

Decision AuthZSimple::decide(std::string_view identity) const
{
    if (identity == m_options.identity)
        return {true, {}};
    return {false, cat(name(), " allows only ", util::printable(m_options.identity))};
}

void register_simple(qom::TypeRegistry& types)
{
    qom::UserType<AuthZSimple>("authz-simple").settable("identity").add_to(types, "authz");
}

} // namespace minivisor::authz
