// SPDX-License-Identifier: GPL-3.0-or-later
// Type authz-list: rules in order, the first one that matches decides. Both properties may be changed at any time and
// count from the next question on.
#pragma once

#include "authz/authz.hpp"
#include "authz/rules.hpp"
#include "qom/user_type.hpp"

namespace minivisor::authz {

/// The words for a decision of rules: which rule, or that there was none.
Decision decide_by(Rules const& rules, std::string_view identity);

class AuthZList final : public qom::OptionsObject<AuthZListOptions>, public PromptAuthz {
public:
    AuthZList(qom::Type const& type, AuthZListOptions options);
    static Result<std::unique_ptr<AuthZList>> create(qom::Type const& type, AuthZListOptions options, qom::Tree&);

    Result<void> apply(AuthZListOptions changed) override;
    Decision decide(std::string_view identity) const override { return decide_by(m_rules, identity); }
    std::vector<std::string> near_misses(std::string_view identity) const override
    {
        return m_rules.near_misses(identity, most_near_misses);
    }

private:
    Rules m_rules;
};

void register_list(qom::TypeRegistry& types);

} // namespace minivisor::authz
