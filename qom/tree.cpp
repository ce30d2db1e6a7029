// SPDX-License-Identifier: GPL-3.0-or-later
#include "qom/tree.hpp"

#include "util/text.hpp"

namespace minivisor::qom {

namespace {

Object* walk(Object& from, std::vector<std::string_view> const& parts)
{
    auto* at = &from;
    for (auto const part : parts) {
        if (part.empty())
            continue;
        at = at->find_child(part);
        if (!at)
            return nullptr;
    }
    return at;
}

/// Looks for `parts` below every object of the tree.
void search(Object& from, std::vector<std::string_view> const& parts, Object*& found, bool& ambiguous)
{
    if (auto* match = walk(from, parts)) {
        ambiguous = ambiguous || (found && found != match);
        found = match;
    }
    for (auto const& child : from.children()) {
        if (ambiguous)
            return;
        search(*child, parts, found, ambiguous);
    }
}

} // namespace

Tree::Tree(TypeRegistry const& types)
    : m_types(types)
    , m_root(*types.find("container"))
{
}

Result<Object*> Tree::resolve(std::string_view path)
{
    auto const parts = util::split(path, '/');
    Object* found = nullptr;
    bool ambiguous = false;
    if (path.starts_with('/'))
        found = walk(m_root, parts);
    else
        search(m_root, parts, found, ambiguous);
    if (ambiguous)
        return Error::generic(cat("Path '", path, "' is ambiguous"));
    if (!found)
        return Error::device_not_found(cat("Device '", path, "' not found"));
    return found;
}

Object& Tree::objects()
{
    if (auto* container = m_root.find_child("objects"))
        return *container;
    auto container = std::make_unique<Object>(*m_types.find("container"));
    return **m_root.add_child("objects", std::move(container));
}

Object* Tree::find_user_object(std::string_view id)
{
    auto* container = m_root.find_child("objects");
    return container ? container->find_child(id) : nullptr;
}

} // namespace minivisor::qom
