// SPDX-License-Identifier: GPL-3.0-or-later
// The judgement of a peer, made inside OpenSSL's certificate verification so that a refusal reaches the peer
// as an alert: chain, validity, revocation, usage, then who it is, whether it may come in, whether it is the
// host that was meant (QEMU's order). The verification runs as a job of OpenSSL's (SSL_MODE_ASYNC), which pauses for
// the authorization, so that the answer may take its time. A session owns one; nothing here touches the connection.
#pragma once

#include "crypto/openssl.hpp"
#include "crypto/x509.hpp"
#include "util/error.hpp"

#include <functional>
#include <optional>
#include <string>

namespace minivisor::crypto {

/// The answer of an authorization check.
struct Decision {
    bool allowed = false;
    /// For a refusal: the sentence to report. Empty: "TLS x509 authz check for DN is denied".
    std::string reason;
    /// Why, in the words of who decided: "rule 3 denies it".
    std::string detail = {};
};

/// What is known of a peer besides its name when it is refused; "" where it is not.
struct Circumstances {
    std::string not_before; ///< of the certificate that it showed, see utc_text()
    std::string not_after;
    std::string decision; ///< why the authorization said no
};

/// Whom an authorization check is about.
struct Question {
    std::string identity; ///< of the verified peer, see identity_of()
    std::string serial; ///< its certificate's, in hexadecimal
    std::string cipher; ///< "TLS_AES_256_GCM_SHA384"
};

/// Asked once, on the thread that does the handshake. Without an answer the handshake pauses until it comes (see
/// TlsSession::decide()). An exception counts as no. Empty: there is no authorization configured.
using Authorize = std::function<std::optional<Decision>(Question const& question)>;

/// What went wrong with a session.
struct Failure {
    enum class Stage {
        /// Before or in the handshake, other than the below: no TLS, no common parameters, a broken connection.
        handshake,
        /// The peer's certificate: missing, not trusted, expired, revoked, of another host.
        verify,
        /// The peer is who it says and may not come in.
        authorize,
        /// After the handshake, our side's view of it.
        data,
    };

    Stage stage = Stage::handshake;
    /// One true sentence; it may hold the peer's identity.
    Error error = Error::generic("");
    /// The name in the peer's certificate, "" when there is none that can be written. Proven only from stage
    /// authorize on; before that it is what the peer claims.
    std::string peer_identity;
    /// The alert that the peer sent, if that is what ended the session (a number of RFC 8446).
    std::optional<int> alert;
    Circumstances circumstances = {};
};

class PeerJudge {
public:
    /// `host`: the name or address that a server's certificate has to match; not looked at on a server's end.
    PeerJudge(Endpoint own_endpoint, std::string host, Authorize authorize);

    /// Makes the judge the one that `session` asks; it must outlive the session.
    void attach(SSL* session);
    /// For SSL_CTX_set_cert_verify_callback: finds the judge of the session and asks it.
    static int verify_callback(X509_STORE_CTX* chain, void*);

    /// A client has named the user whose key it says it has, one that is known here or not. See PskKeys.
    static void note_user(SSL* session, std::string name, bool known);
    struct NamedUser {
        std::string name;
        bool known = false;
    };
    std::optional<NamedUser> const& user() const { return m_user; }

    /// Whether there is an authorization to be asked.
    bool asks() const { return m_authorize != nullptr; }
    /// The verification has paused the handshake, and no decision has come yet.
    bool awaits_decision() const { return m_question && !m_decision; }
    /// Puts the question, when the verification has paused for it; whether the answer is there.
    bool ask();
    void decide(Decision decision);

    /// Why the peer was refused, if it was.
    std::optional<Failure> const& failure() const { return m_failure; }
    /// The accepted peer's identity; "" before, and where peers are not verified.
    std::string const& identity() const { return m_identity; }

private:
    bool judge(X509_STORE_CTX* chain);
    bool judge_usage(X509_STORE_CTX* chain, X509* certificate);
    bool judge_identity(X509_STORE_CTX* chain, X509* certificate);
    bool judge_authorization(X509_STORE_CTX* chain, X509 const* certificate);
    bool refuse(X509_STORE_CTX* chain, int error, Failure::Stage stage, std::string sentence);

    Endpoint m_own_endpoint;
    std::string m_host;
    Authorize m_authorize;
    std::optional<Question> m_question;
    std::optional<Decision> m_decision;
    std::string m_claimed_identity;
    std::string m_identity;
    Circumstances m_circumstances;
    std::optional<NamedUser> m_user;
    std::optional<Failure> m_failure;
};

} // namespace minivisor::crypto
