// SPDX-License-Identifier: GPL-3.0-or-later
// Any text as a file of access rules, asked about the names that stand in it: the compiled rules decide as a plain look
// at one rule after the other does.
#include "authz/glob.hpp"
#include "authz/rules.hpp"
#include "qapi/codec.hpp"
#include "qapi/json.hpp"
#include "tests/fuzz/check.hpp"

#include <algorithm>

using namespace minivisor;
using fuzz::require;

namespace {

authz::Rules::Answer plain_answer(authz::AuthZListOptions const& options, std::string_view identity)
{
    if (options.rules) {
        for (std::size_t i = 0; i < options.rules->size(); ++i) {
            auto const& rule = (*options.rules)[i];
            bool const glob = rule.format == authz::QAuthZListFormat::glob;
            if (glob ? authz::glob_match(rule.match, identity) : rule.match == identity)
                return {rule.policy == authz::QAuthZListPolicy::allow, i};
        }
    }
    return {options.policy == authz::QAuthZListPolicy::allow, std::nullopt};
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    auto const value = qapi::parse_json(fuzz::as_text(data, size), {.nesting = 16, .trailing_comma = true});
    if (!value || !value->is_object())
        return 0;
    auto const options = qapi::decode<authz::AuthZListOptions>(*value);
    if (!options)
        return 0;
    authz::Rules const rules(*options);
    std::vector<std::string> names{"", "CN=a", "CN=a,O=b"};
    constexpr std::size_t most_names = 20;
    for (std::size_t i = 0; options->rules && i < std::min(options->rules->size(), most_names); ++i)
        names.push_back((*options->rules)[i].match);
    for (auto const& name : names) {
        auto const answer = rules.ask(name);
        auto const wanted = plain_answer(*options, name);
        require(answer.allowed == wanted.allowed && answer.rule == wanted.rule, "the first rule that matches decides",
            name);
        require(rules.near_misses(name, 4).size() <= 4, "no more near misses than were asked for", name);
    }
    return 0;
}
