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
};
BOOST_DESCRIBE_STRUCT(PeerRefusal, (), (peer, stage, identity, reason))
constexpr auto docs(PeerRefusal const*)
{
    return members({{"peer", "the peer's address, as far as it is known"}, {"stage", "how far it came"},
        {"identity", "the distinguished name of its certificate, once verified"}, {"reason", "why, in one sentence"}});
}

} // namespace minivisor::qapi
