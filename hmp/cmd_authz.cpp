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

awaitable<void> info_authz(CommandContext& context, qapi::Object)
{
    auto const list = co_await context.call<qapi::QueryAuthz>();
    if (!list) {
        context.error(list.error());
        co_return;
    }
    for (auto const& object : *list) {
        context.print(cat(object.id, ": ", object.type, ", generation ", object.generation, ", allowed ",
            object.allowed, ", denied ", object.denied, ", errors ", object.errors, "\n"));
        for (auto const& refusal : object.refusals)
            context.print(cat("  ", refusal.time, " ", util::printable(refusal.peer), " ",
                util::printable(refusal.identity), "\n      ", util::printable(refusal.reason), "\n"));
    }
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
    return run_with<qapi::TlsCredsReload>(context, {text_of(args, "id")});
}

std::string counted(std::int64_t count, std::string_view what) { return cat(count, ' ', what, count == 1 ? "" : "s"); }

/// "until 2027-01-01T00:00:00Z, 12 days"
std::string validity(std::string_view end, std::int64_t left)
{
    constexpr std::int64_t hour = 3600;
    return cat("until ", end, ", ",
        left <= 0              ? std::string("EXPIRED")
            : left < 24 * hour ? counted(left / hour, "hour")
                               : counted(left / (24 * hour), "day"));
}

std::string_view label_of(qapi::TlsCertificateRole role)
{
    switch (role) {
    case qapi::TlsCertificateRole::own: return "own ";
    case qapi::TlsCertificateRole::issuer: return "by  ";
    case qapi::TlsCertificateRole::ca: break;
    }
    return "CA  ";
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
            context.print(cat("  ", label_of(certificate.role), util::printable(certificate.subject), "\n      ",
                validity(certificate.not_after, certificate.seconds_left), "\n      SHA-256 ", certificate.fingerprint,
                "\n"));
        for (auto const& crl : creds.revocation_lists)
            context.print(cat("  CRL ", util::printable(crl.issuer), "\n      ", counted(crl.revoked, "certificate"),
                " revoked, ",
                crl.next_update ? validity(*crl.next_update, crl.seconds_left.value_or(0)) : "without an end",
                "\n      SHA-256 ", crl.fingerprint, "\n"));
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
    table.add_topic(
        {"authz", {}, "", "how often the authorization objects were asked, and whom they refused last", info_authz});
    table.add_topic({"tls", {}, "", "the TLS credentials that are loaded, and until when they are valid", info_tls});
}

} // namespace minivisor::hmp
