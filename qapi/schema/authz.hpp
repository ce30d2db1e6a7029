// SPDX-License-Identifier: GPL-3.0-or-later
// Questions about access control that QEMU has no words for; all names are our own.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

struct X509IdentityArguments {
    std::string filename;
};
BOOST_DESCRIBE_STRUCT(X509IdentityArguments, (), (filename))
constexpr auto docs(X509IdentityArguments const*)
{
    return members({{"filename", "a PEM file; its first certificate counts"}});
}
struct X509Identity : Command<"__org.minivisor_x509-identity", X509IdentityArguments, std::string> {
    static constexpr CommandInfo info{
        .summary = "The identity that a certificate gives its owner, as rules have to spell it."};
};

struct AuthzExplainArguments {
    std::string id;
    std::optional<std::string> identity;
    std::optional<std::string> filename;
};
BOOST_DESCRIBE_STRUCT(AuthzExplainArguments, (), (id, identity, filename))
constexpr auto docs(AuthzExplainArguments const*)
{
    return members({{"id", "the authorization object"}, {"identity", "who is to be asked about"},
        {"filename", "instead of identity: a PEM file with that one's certificate"}});
}
struct AuthzExplanation {
    bool allowed = false;
    std::string identity;
    std::string reason;
    std::vector<std::string> near_misses;
};
BOOST_DESCRIBE_STRUCT(AuthzExplanation, (), (allowed, identity, reason, near_misses))
constexpr auto docs(AuthzExplanation const*)
{
    return members({{"allowed", "whether that one would come in"}, {"identity", "who was asked about"},
        {"reason", "what decided"}, {"near-misses", "rules that do not match by little, and by what"}});
}
struct AuthzExplain : Command<"__org.minivisor_authz-explain", AuthzExplainArguments, AuthzExplanation> {
    static constexpr CommandInfo info{
        .summary = "Whether an authorization object would let somebody in, by which rule, and what came close."};
};

struct AuthzRefusal {
    std::string time;
    std::string peer;
    std::string identity;
    std::string reason;
};
BOOST_DESCRIBE_STRUCT(AuthzRefusal, (), (time, peer, identity, reason))
constexpr auto docs(AuthzRefusal const*)
{
    return members({{"time", "when, in UTC (RFC 3339)"}, {"peer", "the address it came from"},
        {"identity", "who it was"}, {"reason", "what decided, or why there was no answer"}});
}
struct AuthzInfo {
    std::string id;
    std::string type;
    std::uint64_t generation = 0;
    std::uint64_t allowed = 0;
    std::uint64_t denied = 0;
    std::uint64_t errors = 0;
    std::vector<AuthzRefusal> refusals;
};
BOOST_DESCRIBE_STRUCT(AuthzInfo, (), (id, type, generation, allowed, denied, errors, refusals))
constexpr auto docs(AuthzInfo const*)
{
    return members({{"id", "the object"}, {"type", "its type"},
        {"generation", "how often what it decides by was loaded or set, from 1"},
        {"allowed", "how many connections it let in"}, {"denied", "how many it did not"},
        {"errors", "how many it did not because it had no answer"}, {"refusals", "the last 16 of both, oldest first"}});
}
struct QueryAuthz : Command<"__org.minivisor_query-authz", Empty, std::vector<AuthzInfo>> {
    static constexpr CommandInfo info{
        .summary = "The authorization objects: how often they were asked by connections, and whom they refused last."};
};

enum class AuthzVerdict { allow, deny, error };
BOOST_DESCRIBE_ENUM(AuthzVerdict, allow, deny, error)

struct AuthzDecision {
    std::string peer;
    std::string identity;
    std::string object;
    AuthzVerdict decision = AuthzVerdict::deny;
    std::string reason;
    std::optional<std::uint64_t> rule;
    std::uint64_t generation = 0;
    std::string cipher;
    std::string serial;
};
BOOST_DESCRIBE_STRUCT(AuthzDecision, (), (peer, identity, object, decision, reason, rule, generation, cipher, serial))
constexpr auto docs(AuthzDecision const*)
{
    return members({{"peer", "the address it came from"}, {"identity", "who it is"},
        {"object", "the authorization object that was asked"},
        {"decision", "allow, deny, or error: no answer, which is a no"}, {"reason", "what decided"},
        {"rule", "the number of the rule that did, from 0"},
        {"generation", "of the object's rules; 0 where there is no such object"}, {"cipher", "of the connection"},
        {"serial", "of the certificate, in hexadecimal"}});
}
struct AuthzDecisionData : AuthzDecision {
    std::optional<std::uint64_t> untold;
};
BOOST_DESCRIBE_STRUCT(AuthzDecisionData, (AuthzDecision), (untold))
constexpr auto docs(AuthzDecisionData const*)
{
    return members({{"untold", "how many decisions in front of this one had no event: at most 20 a second have one"}});
}
struct AuthzDecisionEvent : Event<"__org.minivisor_AUTHZ_DECISION", AuthzDecisionData> {
    static constexpr std::string_view summary = "A connection was let in, or refused, by an authorization object.";
};
/// How far a peer came.
enum class RefusalStage { transport, handshake, verify, authorize, header };
BOOST_DESCRIBE_ENUM(RefusalStage, transport, handshake, verify, authorize, header)
constexpr auto docs(RefusalStage const*)
{
    return members({{"transport", "its connection failed"}, {"handshake", "the TLS handshake failed"},
        {"verify", "its certificate was not good"}, {"authorize", "`tls-authz` said no to its identity"},
        {"header", "what it sent is no migration stream, or nothing came in time"}});
}

/// A peer that was not let in.
struct PeerRefusal {
    std::string peer;
    RefusalStage stage = RefusalStage::transport;
    std::optional<std::string> identity;
    std::string reason;
    std::optional<std::string> not_before;
    std::optional<std::string> not_after;
    std::optional<std::string> decision;
};
BOOST_DESCRIBE_STRUCT(PeerRefusal, (), (peer, stage, identity, reason, not_before, not_after, decision))
constexpr auto docs(PeerRefusal const*)
{
    return members({{"peer", "the peer's address, as far as it is known"}, {"stage", "how far it came"},
        {"identity", "the distinguished name of its certificate: before the stage `authorize` nobody has proven it"},
        {"reason", "why, in one sentence"},
        {"not-before",
            "the first second of its certificate's validity, if it was refused for or after its certificate"},
        {"not-after", "the last second of it"},
        {"decision", "what the object of `tls-authz` found, such as `rule 3 denies it`"}});
}

} // namespace minivisor::qapi
