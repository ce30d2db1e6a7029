// SPDX-License-Identifier: GPL-3.0-or-later
#include "qapi/registry.hpp"

#include <cassert>

namespace minivisor::qapi {

boost::asio::awaitable<Result<Value>> fail(Error error) { co_return error; }

CommandEntry const* Registry::find(std::string_view name) const
{
    auto const found = m_commands.find(name);
    return found == m_commands.end() ? nullptr : &found->second;
}

EventEntry const* Registry::find_event(std::string_view name) const
{
    auto const found = m_events.find(name);
    return found == m_events.end() ? nullptr : &found->second;
}

void Registry::describe_arguments(std::string_view command, std::function<UnionInfo()> union_of)
{
    assert(!m_closed);
    auto const found = m_commands.find(command);
    assert(found != m_commands.end());
    found->second.union_of = std::move(union_of);
}

void Registry::add(CommandEntry entry)
{
    assert(!m_closed);
    auto name = entry.name;
    [[maybe_unused]] auto const [at, fresh] = m_commands.emplace(std::move(name), std::move(entry));
    assert(fresh);
}

void Registry::add_event(EventEntry entry)
{
    assert(!m_closed);
    auto name = entry.name;
    [[maybe_unused]] auto const [at, fresh] = m_events.emplace(std::move(name), std::move(entry));
    assert(fresh);
}

} // namespace minivisor::qapi
