// SPDX-License-Identifier: GPL-3.0-or-later
// Asks the authorization objects on behalf of the doors, and tells what they answered: the log, the object's ledger,
// whoever listens for events, and the audit trail, which may be a condition of getting in.
#pragma once

#include "authz/authz.hpp"
#include "io/audit.hpp"
#include "io/door.hpp"
#include "qapi/event_bus.hpp"
#include "qapi/schema/authz.hpp"

namespace minivisor::io {

class Doorman {
public:
    /// They outlive it, and it outlives whoever asks.
    Doorman(boost::asio::io_context& io, qom::Tree& tree, qapi::EventBus& events)
        : m_io(io)
        , m_tree(tree)
        , m_events(events)
    {
    }

    /// What happens when the trail cannot be written.
    enum class Unwritten { refuses, is_logged };
    /// From now on each decision is written to `trail` too before it counts.
    void keep_audit(AuditTrail trail, Unwritten unwritten);
    /// After a rotation; nothing where there is no trail. What goes wrong is logged.
    void reopen_audit();

    /// What a listener with `tls-creds` and `tls-authz` asks of one who comes. Looked up for each connection, since
    /// objects come and go while a listener waits. Credentials that are not there are an error, and so a no; without
    /// `authz_id` whoever has a valid certificate may come in.
    Result<Admission> admission(std::string const& creds_id, std::optional<std::string> const& authz_id);
    /// Asks the object `authz_id`, looked up anew for each question. Main thread only.
    Authorize asking(std::string authz_id);

private:
    crypto::Decision conclude(qapi::AuthzDecision told, authz::Decision decision);
    struct Kept {
        AuditTrail trail;
        Unwritten unwritten;
        bool took = false; ///< the decision that is being written
    };
    Result<void> write(qapi::AuthzDecision const& told);
    void correct(qapi::AuthzDecision const& told);
    void emit(qapi::AuthzDecision const& told);

    boost::asio::io_context& m_io;
    qom::Tree& m_tree;
    qapi::EventBus& m_events;
    std::vector<Kept> m_trails;
    std::chrono::steady_clock::time_point m_second; ///< begin of the one in which `m_emitted` events went out
    unsigned m_emitted = 0;
    std::uint64_t m_untold = 0;
    std::shared_ptr<Doorman*> m_self = std::make_shared<Doorman*>(this); ///< answers may come when we are gone
};

/// A refusal as events and queries report it.
qapi::PeerRefusal to_wire(Refusal const& refusal);
/// For the log, beside the reason: who was refused, how far he came, and what is known of him.
std::string refusal_text(qapi::PeerRefusal const& refusal);

} // namespace minivisor::io
