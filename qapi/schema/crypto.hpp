// SPDX-License-Identifier: GPL-3.0-or-later
// Loaded TLS credentials: what is in force, until when, and how to load it anew. QEMU has no such commands; all
// names are our own.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

enum class TlsCertificateRole { own, issuer, ca };
BOOST_DESCRIBE_ENUM(TlsCertificateRole, own, issuer, ca)

struct TlsCertificateInfo {
    TlsCertificateRole role = TlsCertificateRole::own;
    std::string subject;
    std::string not_before;
    std::string not_after;
    std::int64_t seconds_left = 0;
    std::string fingerprint;
};
BOOST_DESCRIBE_STRUCT(TlsCertificateInfo, (), (role, subject, not_before, not_after, seconds_left, fingerprint))
constexpr auto docs(TlsCertificateInfo const*)
{
    return members({{"role", "our own, an issuer that goes with our own, or one that peers are trusted by"},
        {"subject", "whose it is, as access rules spell it; empty where it has no usable name"},
        {"not-before", "valid from, in UTC (RFC 3339)"}, {"not-after", "valid until, in UTC (RFC 3339)"},
        {"seconds-left", "until then; negative once it has expired"},
        {"fingerprint", "SHA-256 of the certificate, in hexadecimal"}});
}

struct TlsRevocationListInfo {
    std::string issuer;
    std::string last_update;
    std::optional<std::string> next_update;
    std::optional<std::int64_t> seconds_left;
    std::int64_t revoked = 0;
    std::string fingerprint;
};
BOOST_DESCRIBE_STRUCT(TlsRevocationListInfo, (), (issuer, last_update, next_update, seconds_left, revoked, fingerprint))
constexpr auto docs(TlsRevocationListInfo const*)
{
    return members({{"issuer", "the authority whose list it is; empty where it has no usable name"},
        {"last-update", "made at, in UTC (RFC 3339)"},
        {"next-update", "the next one is due by then; absent where the list names no time"},
        {"seconds-left", "until then; negative once it is past its time"},
        {"revoked", "how many certificates it names"}, {"fingerprint", "SHA-256 of the list, in hexadecimal"}});
}

struct TlsCredsInfo {
    std::string id;
    std::string type;
    std::string endpoint;
    std::int64_t generation = 0;
    bool refresh = false;
    std::optional<std::string> error;
    std::vector<TlsCertificateInfo> certificates;
    std::vector<TlsRevocationListInfo> revocation_lists;
};
BOOST_DESCRIBE_STRUCT(
    TlsCredsInfo, (), (id, type, endpoint, generation, refresh, error, certificates, revocation_lists))
constexpr auto docs(TlsCredsInfo const*)
{
    return members({{"id", "the object"}, {"type", "its type"}, {"endpoint", "client or server"},
        {"generation", "how often it was loaded, from 1"}, {"refresh", "loaded anew whenever its files change"},
        {"error", "why the files could not be loaded the last time; what was loaded before stays in force"},
        {"certificates", "what is loaded"}, {"revocation-lists", "which certificates do not count any more"}});
}
struct QueryTlsCreds : Command<"__org.minivisor_query-tls-creds", Empty, std::vector<TlsCredsInfo>> {
    static constexpr CommandInfo info{.summary = "The TLS credentials, with the certificates that are in force."};
};

struct TlsCredsReloadArguments {
    std::string id;
};
BOOST_DESCRIBE_STRUCT(TlsCredsReloadArguments, (), (id))
constexpr auto docs(TlsCredsReloadArguments const*) { return members({{"id", "the credentials"}}); }
struct TlsCredsReload : Command<"__org.minivisor_tls-creds-reload", TlsCredsReloadArguments> {
    static constexpr CommandInfo info{
        .summary = "Load the files of TLS credentials anew: all of it or, with an error, nothing."};
};

struct TlsCredsReloadData {
    std::string id;
    std::int64_t generation = 0;
    std::optional<std::string> error;
};
BOOST_DESCRIBE_STRUCT(TlsCredsReloadData, (), (id, generation, error))
constexpr auto docs(TlsCredsReloadData const*)
{
    return members({{"id", "the credentials"}, {"generation", "of what is in force now"},
        {"error", "why the files could not be loaded; what was loaded before stays in force"}});
}
struct TlsCredsReloadEvent : Event<"__org.minivisor_TLS_CREDS_RELOAD", TlsCredsReloadData> {
    static constexpr std::string_view summary
        = "The files of TLS credentials were loaded anew, by command or because they changed, or could not be.";
};

struct TlsCertificateExpiryData {
    std::string id;
    std::int64_t days = 0;
    TlsCertificateInfo certificate;
};
BOOST_DESCRIBE_STRUCT(TlsCertificateExpiryData, (), (id, days, certificate))
constexpr auto docs(TlsCertificateExpiryData const*)
{
    return members({{"id", "the credentials"}, {"days", "30, 7 or 1: so many are left at most; 0: it has expired"},
        {"certificate", "which one it is"}});
}
struct TlsCertificateExpiryEvent : Event<"__org.minivisor_TLS_CERTIFICATE_EXPIRY", TlsCertificateExpiryData> {
    static constexpr std::string_view summary
        = "A certificate that is in force expires in 30, 7 or 1 days, or has expired.";
};

struct TlsRevocationListExpiryData {
    std::string id;
    std::int64_t days = 0;
    TlsRevocationListInfo revocation_list;
};
BOOST_DESCRIBE_STRUCT(TlsRevocationListExpiryData, (), (id, days, revocation_list))
constexpr auto docs(TlsRevocationListExpiryData const*)
{
    return members({{"id", "the credentials"}, {"days", "30, 7 or 1: so many are left at most; 0: it is past its time"},
        {"revocation-list", "which one it is"}});
}
struct TlsRevocationListExpiryEvent : Event<"__org.minivisor_TLS_REVOCATION_LIST_EXPIRY", TlsRevocationListExpiryData> {
    static constexpr std::string_view summary
        = "A revocation list that is in force has to be replaced within 30, 7 or 1 days, or is past its time: it "
          "counts on, but may miss certificates that were revoked since.";
};

} // namespace minivisor::qapi
