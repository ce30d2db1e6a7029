// SPDX-License-Identifier: GPL-3.0-or-later
// Decisions a second of an access list's rules, asked as an authorization object asks them.
// usage: decisions exact|glob COUNT [CALLERS]; prints decisions a second of so many rules.
// Those who ask are exact rules drawn by chance, 65536 without another number: of a large list most looks go to memory
// then, and few callers show what the rules themselves cost. Of the patterns none matches, so that all of them are
// tried.
#include "authz/rules.hpp"
#include "util/text.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

using namespace minivisor;

namespace {

std::string identity(std::size_t number)
{
    return cat("CN=client-", number, ".example.com,OU=Migration,O=Example Org,L=London,C=GB");
}

authz::Rules make_rules(std::size_t count, bool globs)
{
    authz::Rules rules;
    authz::QAuthZListRule rule;
    rule.policy = authz::QAuthZListPolicy::allow;
    rule.format = globs ? authz::QAuthZListFormat::glob : authz::QAuthZListFormat::exact;
    for (std::size_t i = 0; i < count; ++i) {
        rule.match = globs ? cat("CN=host-", i, ".*,O=Example Org,*C=GB") : identity(i);
        rules.add(rule);
    }
    rules.close(authz::QAuthZListPolicy::deny);
    return rules;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc < 3)
        return 2;
    bool const globs = std::string_view(argv[1]) == "glob";
    auto const count = util::parse_uint64(argv[2]).value_or(1);
    auto const callers = argc > 3 ? util::parse_uint64(argv[3]).value_or(1) : 65536;
    auto const rules = make_rules(count, globs);
    std::vector<std::string> asking;
    std::mt19937_64 random(1);
    for (std::uint64_t i = 0; i < callers; ++i)
        asking.push_back(identity(random() % count));

    auto const began = std::chrono::steady_clock::now();
    std::chrono::duration<double> taken{};
    std::size_t asked = 0, allowed = 0;
    do {
        for (int i = 0; i < (globs ? 1 : 4096); ++i)
            allowed += rules.ask(asking[asked++ % asking.size()]).allowed;
        taken = std::chrono::steady_clock::now() - began;
    } while (taken.count() < 0.5);
    if (allowed != (globs ? 0 : asked))
        std::abort();
    std::printf("%.0f\n", static_cast<double>(asked) / taken.count());
    return 0;
}
