// SPDX-License-Identifier: GPL-3.0-or-later
// The rules of an access list, as QEMU's authz-list declares them, and in the form in which they are asked.
#pragma once

#include "qapi/describe.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::authz {

enum class QAuthZListPolicy { deny, allow };
BOOST_DESCRIBE_ENUM(QAuthZListPolicy, deny, allow)

enum class QAuthZListFormat { exact, glob };
BOOST_DESCRIBE_ENUM(QAuthZListFormat, exact, glob)

struct QAuthZListRule {
    std::string match;
    QAuthZListPolicy policy = QAuthZListPolicy::deny;
    std::optional<QAuthZListFormat> format;
};
BOOST_DESCRIBE_STRUCT(QAuthZListRule, (), (match, policy, format))
constexpr auto docs(QAuthZListRule const*)
{
    return qapi::members({{"match", "the identity, or a pattern of it"}, {"policy", "what is done with who matches"},
        {"format", "exact: byte for byte (the default); glob: * is any text, ? one character"}});
}

struct AuthZListOptions {
    std::optional<QAuthZListPolicy> policy;
    std::optional<std::vector<QAuthZListRule>> rules;
};
BOOST_DESCRIBE_STRUCT(AuthZListOptions, (), (policy, rules))
constexpr auto docs(AuthZListOptions const*)
{
    return qapi::members({{"policy", "what is done with those that no rule matches (default deny)"},
        {"rules", "the rules; the first one that matches decides"}});
}

/// Rules made ready to be asked. An identity that an exact rule names is found in a time that does not
/// depend on their number; only the patterns in front of that rule are tried one by one.
class Rules {
public:
    /// `options.rules` are looked at here only.
    explicit Rules(AuthZListOptions const& options);

    /// For rules that come one by one: add() each, then close(), and ask only then. `text_size`: so long may all their
    /// texts be together, if that is known.
    explicit Rules(std::size_t text_size = 0) { m_text.reserve(text_size); }
    void add(QAuthZListRule const& rule);
    void close(QAuthZListPolicy default_policy);

    struct Answer {
        bool allowed = false;
        /// The number of the rule that decided, from 0; absent where the default policy did.
        std::optional<std::size_t> rule;
    };
    Answer ask(std::string_view identity) const;

    std::size_t size() const { return m_rules.size(); }
    /// Exact rules that do not match by little: "rule 3 ('cn=a'): upper and lower case". Looks at all of them.
    std::vector<std::string> near_misses(std::string_view identity, std::size_t most) const;

private:
    /// The text of a rule, in m_text: what brings rules here takes no 4 GiB of them.
    struct Rule {
        std::uint32_t begin = 0;
        std::uint32_t size = 0;
        bool allow = false;
    };
    std::string_view text(Rule const& rule) const { return {m_text.data() + rule.begin, rule.size}; }

    std::string m_text;
    std::vector<Rule> m_rules;
    /// The first exact rule of a text: its number plus 1, 0 in an empty slot, some of the text's hash, so that rules
    /// that only fall on the same place are not looked at, and the rule: in a large list each look at another place is
    /// a wait for memory.
    struct Slot {
        std::uint32_t number = 0;
        std::uint32_t hash = 0;
        Rule rule;
    };
    std::size_t place(std::string_view identity, std::size_t hash) const;
    /// Open addressing; a power of two, at most half full.
    std::vector<Slot> m_exact;
    /// The numbers of the patterns, in order.
    std::vector<std::uint32_t> m_globs;
    bool m_allow_by_default = false;
};

} // namespace minivisor::authz
