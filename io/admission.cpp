// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/admission.hpp"

#include "authz/authz.hpp"
#include "crypto/tls_creds.hpp"
#include "util/log.hpp"
#include "util/text.hpp"

namespace minivisor::io {

Result<Admission> find_admission(
    qom::Tree& tree, std::string const& creds_id, std::optional<std::string> const& authz_id)
{
    Admission admission;
    admission.tls = TRY(crypto::find_tls_context(tree, creds_id, crypto::Endpoint::server));
    if (authz_id) {
        admission.authorize = [&tree, id = *authz_id](std::string const& identity) {
            auto const decision = authz::decide(tree, id, identity);
            if (!decision.detail.empty())
                util::log::info(cat("authorization: ", id, " refuses '", identity, "': ", decision.detail));
            return crypto::Decision{decision.allowed, decision.error};
        };
    }
    return admission;
}

qapi::PeerRefusal to_wire(Refusal const& refusal)
{
    static_assert(static_cast<int>(Refusal::Stage::first_bytes) == static_cast<int>(qapi::RefusalStage::header));
    qapi::PeerRefusal wire;
    wire.peer = refusal.peer;
    wire.stage = static_cast<qapi::RefusalStage>(refusal.stage);
    if (!refusal.identity.empty())
        wire.identity = refusal.identity;
    wire.reason = refusal.reason.desc();
    return wire;
}

} // namespace minivisor::io
