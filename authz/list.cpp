// SPDX-License-Identifier: GPL-3.0-or-later
#include "authz/list.hpp"

#include "util/trace.hpp"

namespace minivisor::authz {

Decision decide_by(Rules const& rules, std::string_view identity)
{
    auto const answer = rules.ask(identity);
    if (answer.rule)
        trace::pass(trace::Point::qauthz_list_check_rule, "AuthZ list check rule=", *answer.rule,
            " identity=", identity, " policy=", answer.allowed ? 1 : 0);
    else
        trace::pass(trace::Point::qauthz_list_default_policy, "AuthZ list default identity=", identity,
            " policy=", answer.allowed ? 1 : 0);
    if (!answer.rule)
        return {
            answer.allowed, {}, answer.allowed ? "no rule matches it, and the policy is allow" : "no rule matches it"};
    return {answer.allowed, {}, cat("rule ", *answer.rule, answer.allowed ? " allows it" : " denies it")};
}

AuthZList::AuthZList(qom::Type const& type, AuthZListOptions options)
    : OptionsObject(type, std::move(options))
    , m_rules(m_options)
{
}

Result<std::unique_ptr<AuthZList>> AuthZList::create(qom::Type const& type, AuthZListOptions options, qom::Tree&)
{
    // An absent member means its default, and reads as such.
    options.policy = options.policy.value_or(QAuthZListPolicy::deny);
    if (!options.rules)
        options.rules.emplace();
    return std::make_unique<AuthZList>(type, std::move(options));
}

Result<void> AuthZList::apply(AuthZListOptions changed)
{
    m_rules = Rules(changed);
    return OptionsObject::apply(std::move(changed));
}

void register_list(qom::TypeRegistry& types)
{
    qom::UserType<AuthZList>(
        "authz-list", "Rules in order; the first that matches a name decides whether it may come in.")
        .settable("policy")
        .settable("rules")
        .add_to(types, "authz");
}

} // namespace minivisor::authz
