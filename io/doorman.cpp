// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/doorman.hpp"

#include "crypto/tls_creds.hpp"
#include "util/log.hpp"
#include "util/text.hpp"
#include "util/trace.hpp"

namespace minivisor::io {

namespace {

using qapi::AuthzVerdict;

/// More in a second are only counted: who may knock shall not drown the clients.
constexpr unsigned most_events = 20;

} // namespace

void Doorman::keep_audit(AuditTrail trail, Unwritten unwritten) { m_trails.push_back({std::move(trail), unwritten}); }

void Doorman::reopen_audit()
{
    for (auto& kept : m_trails)
        if (auto const opened = kept.trail.reopen(); !opened)
            util::log::error(opened.error());
}

Result<Admission> Doorman::admission(std::string const& creds_id, std::optional<std::string> const& authz_id)
{
    Admission admission;
    admission.tls = TRY(crypto::find_tls_context(m_tree, creds_id, crypto::Endpoint::server));
    if (authz_id)
        admission.authorize = asking(*authz_id);
    return admission;
}

Authorize Doorman::asking(std::string authz_id)
{
    return [this, authz_id = std::move(authz_id)](
               Applicant const& applicant, std::function<void(crypto::Decision)> answer) {
        qapi::AuthzDecision told;
        told.peer = applicant.peer;
        told.identity = applicant.question.identity;
        told.object = authz_id;
        told.cipher = applicant.question.cipher;
        told.serial = applicant.question.serial;
        auto concluding = [self = std::weak_ptr(m_self), told, answer = std::move(answer)](authz::Decision decision) {
            auto const doorman = self.lock();
            answer(doorman ? (*doorman)->conclude(told, std::move(decision)) : crypto::Decision{});
        };
        authz::ask(m_tree, authz_id, told.identity, m_io.get_executor(), std::move(concluding));
    };
}

crypto::Decision Doorman::conclude(qapi::AuthzDecision told, authz::Decision decision)
{
    told.decision = !decision.error.empty() ? AuthzVerdict::error
        : decision.allowed                  ? AuthzVerdict::allow
                                            : AuthzVerdict::deny;
    told.reason = !decision.error.empty() ? decision.error : decision.detail;
    told.rule = decision.rule;
    told.generation = decision.generation;
    crypto::Decision verdict{told.decision == AuthzVerdict::allow,
        decision.error.empty() ? std::move(decision.denial) : std::move(decision.error), told.reason};
    trace::pass(trace::Point::qauthz_is_allowed, "AuthZ ", told.object, " check identity=", told.identity,
        " allowed=", decision.allowed ? 1 : 0);
    if (told.decision != AuthzVerdict::error)
        util::log::info(cat("authorization: ", told.object, verdict.allowed ? " allows '" : " refuses '", told.identity,
            "': ", told.reason));
    if (auto const written = write(told); !written && verdict.allowed) {
        told.decision = AuthzVerdict::error;
        told.reason = written.error().desc();
        verdict = {false, told.reason, told.reason};
        correct(told);
    }
    if (auto* authz = dynamic_cast<authz::Authz*>(m_tree.find_user_object(told.object))) {
        if (verdict.allowed)
            authz->ledger().allowed();
        else
            authz->ledger().refused({std::chrono::system_clock::now(), told.peer, told.identity, told.reason},
                told.decision == AuthzVerdict::error);
    }
    emit(told);
    return verdict;
}

/// An error keeps out whom it is about.
Result<void> Doorman::write(qapi::AuthzDecision const& told)
{
    Result<void> all;
    for (auto& kept : m_trails) {
        auto written = kept.trail.append(qapi::encode(told).as_object());
        kept.took = bool(written);
        if (kept.took)
            continue;
        util::log::error(written.error());
        if (all && kept.unwritten == Unwritten::refuses)
            all = std::move(written);
    }
    return all;
}

/// The trails that say that somebody was let in, who was kept out since another trail could not say so.
void Doorman::correct(qapi::AuthzDecision const& told)
{
    for (auto& kept : m_trails)
        if (kept.took)
            if (auto const written = kept.trail.append(qapi::encode(told).as_object()); !written)
                util::log::error(written.error());
}

void Doorman::emit(qapi::AuthzDecision const& told)
{
    auto const now = std::chrono::steady_clock::now();
    if (now - m_second >= std::chrono::seconds(1)) {
        m_second = now;
        m_emitted = 0;
    }
    if (m_emitted == most_events) {
        ++m_untold;
        return;
    }
    ++m_emitted;
    qapi::AuthzDecisionData data{told, std::nullopt};
    if (m_untold > 0)
        data.untold = std::exchange(m_untold, 0);
    m_events.emit<qapi::AuthzDecisionEvent>(data);
}

qapi::PeerRefusal to_wire(Refusal const& refusal)
{
    static_assert(static_cast<int>(Refusal::Stage::first_bytes) == static_cast<int>(qapi::RefusalStage::header));
    qapi::PeerRefusal wire;
    wire.peer = refusal.peer;
    wire.stage = static_cast<qapi::RefusalStage>(refusal.stage);
    auto const known = [](std::string const& text) { return text.empty() ? std::nullopt : std::optional(text); };
    wire.identity = known(refusal.identity);
    wire.reason = refusal.reason.desc();
    wire.not_before = known(refusal.circumstances.not_before);
    wire.not_after = known(refusal.circumstances.not_after);
    wire.decision = known(refusal.circumstances.decision);
    return wire;
}

std::string refusal_text(qapi::PeerRefusal const& refusal)
{
    auto text = cat("refused ", refusal.peer, " (stage ", qapi::wire_name(refusal.stage));
    if (refusal.identity)
        text += cat(", identity ", *refusal.identity);
    if (refusal.not_before && refusal.not_after)
        text += cat(", certificate valid from ", *refusal.not_before, " until ", *refusal.not_after);
    if (refusal.decision)
        text += cat(", decision: ", *refusal.decision);
    return text + ')';
}

} // namespace minivisor::io
