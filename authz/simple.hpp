// SPDX-License-Identifier: GPL-3.0-or-later
// Type authz-simple: one identity may come in. `identity` may be changed at any time and counts from
// the next question on.
#pragma once

#include "authz/authz.hpp"
#include "qom/user_type.hpp"

namespace minivisor::authz {

struct AuthZSimpleOptions {
    std::string identity;
};
BOOST_DESCRIBE_STRUCT(AuthZSimpleOptions, (), (identity))
constexpr auto docs(AuthZSimpleOptions const*)
{
    return qapi::members({{"identity", "who may come in: a distinguished name or a user name, byte for byte"}});
}

class AuthZSimple final : public qom::OptionsObject<AuthZSimpleOptions>, public PromptAuthz {
public:
    using OptionsObject::OptionsObject;
    static Result<std::unique_ptr<AuthZSimple>> create(qom::Type const& type, AuthZSimpleOptions options, qom::Tree&);

    Result<void> apply(AuthZSimpleOptions changed) override;
    Decision decide(std::string_view identity) const override;
    std::vector<std::string> near_misses(std::string_view identity) const override;
};

void register_simple(qom::TypeRegistry& types);

} // namespace minivisor::authz
