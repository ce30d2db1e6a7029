// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/answers.hpp"

#include "io/audit.hpp"
#include "io/commands.hpp"
#include "qapi/keyval.hpp"
#include "qom/user_object.hpp"
#include "util/task_group.hpp"
#include "util/text.hpp"

#include <cstdio>

namespace minivisor::main {

namespace {

constexpr int denied = 2;

/// `status`, unless the lines do not reach whoever asked.
Result<int> print(std::vector<std::string> const& lines, int status)
{
    for (auto const& line : lines)
        std::puts(line.c_str());
    return std::fflush(stdout) == 0 ? status : 1;
}

} // namespace

Result<int> print_object_help(qom::TypeRegistry const& types, std::string const& text)
{
    auto const type = std::string_view(text).substr(0, text.find(','));
    return print(text == "help" ? qom::creatable_types_help(types) : TRY(qom::type_help(types, type)), 0);
}

Result<int> print_identity(std::string const& path)
{
    return print({util::printable(TRY(io::identity_of_file(path)))}, 0);
}

Result<int> print_audit_check(std::string const& path)
{
    auto const check = TRY(io::check_audit(path));
    std::vector<std::string> lines{cat("good lines: ", check.lines),
        check.begins_after.empty() ? std::string("begins: anew") : cat("begins: after ", check.begins_after),
        cat("last hash: ", check.last_hash)};
    if (!check.fault.empty())
        lines.push_back(cat("fault: line ", check.lines + 1, ": ", check.fault));
    return print(lines, check.fault.empty() ? 0 : denied);
}

Result<int> print_authz_answer(boost::asio::io_context& io, qom::Tree& tree, std::string const& question)
{
    auto const parsed = TRY(qapi::parse_keyval(question, "id"));
    auto const about
        = TRY(qapi::decode<qapi::AuthzExplainArguments>(qapi::Value(parsed.object), qapi::Spelling::keyval));
    std::optional<Result<qapi::AuthzExplanation>> explained;
    util::TaskGroup tasks(io.get_executor());
    tasks.spawn([&]() -> boost::asio::awaitable<void> {
        auto explaining = io::explain(tree, about);
        explained = co_await std::move(explaining);
    });
    io.run();
    auto const answer = TRY(*std::move(explained));
    std::vector<std::string> lines{cat(answer.allowed ? "allowed: " : "denied: ", util::printable(answer.identity)),
        cat("reason: ", util::printable(answer.reason))};
    for (auto const& miss : answer.near_misses)
        lines.push_back(cat("close: ", util::printable(miss)));
    return print(lines, answer.allowed ? 0 : denied);
}

Result<int> print_manual(ManualSources const& sources, std::string const& page)
{
    auto const text = TRY(manual_page(sources, page));
    std::fputs(text.c_str(), stdout);
    return std::fflush(stdout) == 0 ? 0 : 1;
}

} // namespace minivisor::main
