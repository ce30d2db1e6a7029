// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/cmd_authz.hpp"

#include "qapi/schema/authz.hpp"
#include "qapi/schema/crypto.hpp"
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

awaitable<void> tls_creds_reload(CommandContext& context, qapi::Object args)
{
    qapi::TlsCredsReloadArguments arguments{text_of(args, "id")};
    auto const done = co_await context.call<qapi::TlsCredsReload>(std::move(arguments));
    if (!done)
        context.error(done.error());
}

std::string counted(std::int64_t count, std::string_view what) { return cat(count, ' ', what, count == 1 ? "" : "s"); }

/// "until 2027-01-01T00:00:00Z, 12 days"
std::string validity(qapi::TlsCertificateInfo const& certificate)
{
    constexpr std::int64_t hour = 3600;
    auto const left = certificate.seconds_left;
    return cat("until ", certificate.not_after, ", ",
        left <= 0              ? std::string("EXPIRED")
            : left < 24 * hour ? counted(left / hour, "hour")
                               : counted(left / (24 * hour), "day"));
}

awaitable<void> info_tls(CommandContext& context, qapi::Object)
{
    auto const list = co_await context.call<qapi::QueryTlsCreds>();
    if (!list) {
        context.error(list.error());
        co_return;
    }
    for (auto const& creds : *list) {
        context.print(cat(creds.id, ": ", creds.type, ", ", creds.endpoint, ", generation ", creds.generation,
            creds.refresh ? ", follows its files" : "", "\n"));
        if (creds.error)
            context.print(cat("  loading it anew failed: ", util::printable(*creds.error), "\n"));
        for (auto const& certificate : creds.certificates)
            context.print(cat("  ", certificate.role == qapi::TlsCertificateRole::own ? "own " : "CA  ",
                util::printable(certificate.subject), "\n      ", validity(certificate), "\n      SHA-256 ",
                certificate.fingerprint, "\n"));
    }
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
    table.add({"tls_creds_reload", {{"id"}}, "id",
        "load the files of TLS credentials anew; with an error the last ones stay in force", tls_creds_reload,
        {Completion::object_id}});
    table.add_topic({"tls", {}, "", "the TLS credentials that are loaded, and until when they are valid", info_tls});
}

} // namespace minivisor::hmp
