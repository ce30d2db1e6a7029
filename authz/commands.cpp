// SPDX-License-Identifier: GPL-3.0-or-later
#include "authz/commands.hpp"

#include "authz/authz.hpp"
#include "qapi/schema/authz.hpp"
#include "util/time.hpp"

namespace minivisor::authz {

namespace {

std::vector<qapi::AuthzInfo> query(qom::Tree& tree)
{
    std::vector<qapi::AuthzInfo> list;
    for (auto const& object : tree.objects().children()) {
        auto const* authz = dynamic_cast<Authz const*>(object.get());
        if (!authz)
            continue;
        auto const& ledger = authz->ledger();
        qapi::AuthzInfo info{object->name(), object->type().name, authz->generation(), ledger.allowed_count(),
            ledger.denied_count(), ledger.error_count(), {}};
        for (auto const& refusal : ledger.refusals())
            info.refusals.push_back({util::utc_text(refusal.time), refusal.peer, refusal.identity, refusal.reason});
        list.push_back(std::move(info));
    }
    return list;
}

} // namespace

void bind_commands(qapi::Registry& registry, qom::Tree& tree)
{
    registry.bind<qapi::QueryAuthz>([&tree]() -> Result<std::vector<qapi::AuthzInfo>> { return query(tree); });
}

} // namespace minivisor::authz
