// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/cmd_authz.hpp"

#include "qapi/schema/authz.hpp"
#include "util/text.hpp"

namespace minivisor::hmp {

namespace {

using boost::asio::awaitable;

awaitable<void> authz_explain(CommandContext& context, qapi::Object args)
{
    qapi::AuthzExplainArguments arguments{text_of(args, "id"), {}, {}};
    (has_flag(args, "file") ? arguments.filename : arguments.identity) = text_of(args, "identity");
    auto const answer = co_await context.call<qapi::AuthzExplain>(std::move(arguments));
    if (!answer) {
        context.error(answer.error());
        co_return;
    }
    context.print(cat(answer->allowed ? "allowed: " : "denied: ", util::printable(answer->identity),
        "\nreason: ", util::printable(answer->reason), "\n"));
    for (auto const& miss : answer->near_misses)
        context.print(cat("close: ", util::printable(miss), "\n"));
}

awaitable<void> x509_identity(CommandContext& context, qapi::Object args)
{
    qapi::X509IdentityArguments arguments{text_of(args, "filename")};
    auto const identity = co_await context.call<qapi::X509Identity>(std::move(arguments));
    if (!identity)
        context.error(identity.error());
    else
        context.print(cat(util::printable(*identity), "\n"));
}

} // namespace

void add_authz_commands(CommandTable& table)
{
    table.add(
        {"authz_explain", {{"file", ArgKind::flag, true, 'f'}, {"id"}, {"identity", ArgKind::rest}}, "[-f] id identity",
            "would this identity come in, by which rule, and what came close\n\t\t\t-f: the identity in a PEM file",
            authz_explain, {Completion::object_id}});
    table.add({"x509_identity", {{"filename", ArgKind::file}}, "filename",
        "show the identity in a PEM file, as authorization rules have to spell it", x509_identity, {Completion::file}});
}

} // namespace minivisor::hmp
