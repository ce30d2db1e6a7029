// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/yank.hpp"

#include "util/text.hpp"

namespace minivisor::io {

namespace {

/// The members that go with the type, and no other (QEMU's flat union).
Result<void> check_members(qapi::YankInstance const& instance, std::size_t index)
{
    using qapi::YankInstanceType;
    auto const check = [&](std::string_view name, bool given, YankInstanceType owner) -> Result<void> {
        if (given == (instance.type == owner))
            return {};
        return Error::generic(
            cat("Parameter 'instances[", index, "].", name, "' is ", given ? "unexpected" : "missing"));
    };
    TRY(check("node-name", instance.node_name.has_value(), YankInstanceType::block_node));
    return check("id", instance.id.has_value(), YankInstanceType::chardev);
}

} // namespace

Yank::Registration Yank::add(qapi::YankInstance instance, std::function<void()> pull)
{
    Registration registration;
    registration.m_list = &m_entries;
    registration.m_at = m_entries.insert(m_entries.end(), {std::move(instance), std::move(pull)});
    return registration;
}

std::vector<qapi::YankInstance> Yank::instances() const
{
    std::vector<qapi::YankInstance> list;
    for (auto const& entry : m_entries)
        list.push_back(entry.instance);
    return list;
}

Result<void> Yank::pull(std::vector<qapi::YankInstance> const& instances)
{
    for (std::size_t i = 0; i < instances.size(); ++i)
        TRY(check_members(instances[i], i));
    std::vector<Entry const*> found;
    for (auto const& wanted : instances) {
        auto const before = found.size();
        for (auto const& entry : m_entries)
            if (entry.instance == wanted)
                found.push_back(&entry);
        if (found.size() == before)
            return Error::device_not_found("Instance not found");
    }
    for (auto const* entry : found)
        entry->pull();
    return {};
}

} // namespace minivisor::io
