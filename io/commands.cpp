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

Result<qapi::AuthzExplanation> explain(qom::Tree& tree, qapi::AuthzExplainArguments const& about)
{
    if (about.identity.has_value() == about.filename.has_value())
        return Error::generic("Either 'identity' or 'filename' must be provided");
    qapi::AuthzExplanation explanation;
    explanation.identity = about.identity ? *about.identity : TRY(identity_of_file(*about.filename));
    auto const decision = authz::decide(tree, about.id, explanation.identity);
    if (!decision.error.empty())
        return Error::generic(decision.error);
    explanation.allowed = decision.allowed;
    explanation.reason = decision.detail;
    auto const* authz = dynamic_cast<authz::Authz const*>(tree.find_user_object(about.id));
    explanation.near_misses = authz->near_misses(explanation.identity);
    return explanation;
}

void bind_commands(qapi::Registry& registry, qom::Tree& tree, Yank& yank)
{
    registry.bind<qapi::YankCommand>(
        [&yank](qapi::YankArguments const& arguments) { return yank.pull(arguments.instances); });
    registry.bind<qapi::QueryYank>([&yank]() -> Result<std::vector<qapi::YankInstance>> { return yank.instances(); });
    registry.bind<qapi::X509Identity>(
        [](qapi::X509IdentityArguments const& arguments) { return identity_of_file(arguments.filename); });
    registry.bind<qapi::AuthzExplain>(
        [&tree](qapi::AuthzExplainArguments const& arguments) { return explain(tree, arguments); });
}

} // namespace minivisor::io
