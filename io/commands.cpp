// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/commands.hpp"

#include "authz/authz.hpp"
#include "crypto/identity.hpp"
#include "crypto/tls_files.hpp"
#include "crypto/x509.hpp"
#include "util/fd.hpp"
#include "util/text.hpp"

namespace minivisor::io {

Result<std::string> identity_of_file(std::string const& path)
{
    auto const text = TRY(util::read_file(path, crypto::max_credentials_file));
    auto certificates = crypto::parse_certificates(text);
    if (!certificates)
        return std::move(certificates).error().context(cat("Unable to import certificate ", path));
    return crypto::identity_of(certificates->front().get());
}

boost::asio::awaitable<Result<qapi::AuthzExplanation>> explain(qom::Tree& tree, qapi::AuthzExplainArguments about)
{
    if (about.identity.has_value() == about.filename.has_value())
        co_return Error::generic("Either 'identity' or 'filename' must be provided");
    qapi::AuthzExplanation explanation;
    CO_TRY(explanation.identity,
        about.identity ? Result<std::string>(*about.identity) : identity_of_file(*about.filename));
    auto deciding = authz::decide(tree, about.id, explanation.identity);
    auto const decision = co_await std::move(deciding);
    if (!decision.error.empty())
        co_return Error::generic(decision.error);
    explanation.allowed = decision.allowed;
    explanation.reason = decision.detail;
    // The object may have gone while it was asked.
    if (auto const* authz = dynamic_cast<authz::Authz const*>(tree.find_user_object(about.id)))
        explanation.near_misses = authz->near_misses(explanation.identity);
    co_return explanation;
}

void bind_commands(qapi::Registry& registry, qom::Tree& tree, Yank& yank)
{
    registry.bind<qapi::YankCommand>(
        [&yank](qapi::YankArguments const& arguments) { return yank.pull(arguments.instances); });
    registry.bind<qapi::QueryYank>([&yank]() -> Result<std::vector<qapi::YankInstance>> { return yank.instances(); });
    registry.declare_event<qapi::AuthzDecisionEvent>();
    registry.bind<qapi::X509Identity>(
        [](qapi::X509IdentityArguments const& arguments) { return identity_of_file(arguments.filename); });
    registry.bind<qapi::AuthzExplain>(
        [&tree](qapi::AuthzExplainArguments arguments) { return explain(tree, std::move(arguments)); });
}

} // namespace minivisor::io
