// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/doorman.hpp"

#include "authz/authz.hpp"
#include "util/log.hpp"
#include "util/text.hpp"

namespace minivisor::io {

Authorize Doorman::asking(std::string authz_id)
{
    return [this, authz_id = std::move(authz_id)](Applicant const& applicant,
               std::function<void(crypto::Decision)> answer) { ask(authz_id, applicant, std::move(answer)); };
}

void Doorman::ask(std::string const& authz_id, Applicant const& applicant, std::function<void(crypto::Decision)> answer)
{
    auto conclude = [authz_id, identity = applicant.question.identity, answer = std::move(answer)](
                        authz::Decision decision) {
        if (!decision.detail.empty())
            util::log::info(cat("authorization: ", authz_id, decision.allowed ? " allows '" : " refuses '", identity,
                "': ", decision.detail));
        answer({decision.allowed, decision.error.empty() ? std::move(decision.denial) : std::move(decision.error)});
    };
    authz::ask(m_tree, authz_id, applicant.question.identity, m_io.get_executor(), std::move(conclude));
}

} // namespace minivisor::io
