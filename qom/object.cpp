// SPDX-License-Identifier: GPL-3.0-or-later
#include "qom/object.hpp"

#include "util/text.hpp"

namespace minivisor::qom {

Object::~Object() = default;

std::string Object::canonical_path() const
{
    if (!m_parent)
        return "/";
    auto const above = m_parent->canonical_path();
    return above == "/" ? cat("/", m_name) : cat(above, "/", m_name);
}

Result<void> Object::check_name(std::string_view name) const
{
    if (find_child(name) || m_type->find_property(name))
        return Error::generic(
            cat("attempt to add duplicate property '", name, "' to object (type '", m_type->name, "')"));
    return {};
}

Result<Object*> Object::add_child(std::string name, std::unique_ptr<Object> child)
{
    TRY(check_name(name));
    child->m_parent = this;
    child->m_name = std::move(name);
    auto const at = m_children.insert(m_children.end(), std::move(child));
    m_index.emplace((*at)->m_name, at);
    return at->get();
}

Object* Object::find_child(std::string_view name) const
{
    auto const found = m_index.find(name);
    return found == m_index.end() ? nullptr : found->second->get();
}

std::unique_ptr<Object> Object::remove_child(std::string_view name)
{
    auto const found = m_index.find(name);
    if (found == m_index.end())
        return nullptr;
    auto const at = found->second;
    m_index.erase(found);
    auto child = std::move(*at);
    m_children.erase(at);
    child->m_parent = nullptr;
    return child;
}

Result<qapi::Value> Object::get(std::string_view property) const
{
    if (auto const* child = find_child(property))
        return qapi::Value(child->canonical_path());
    auto const* found = m_type->find_property(property);
    if (!found)
        return Error::generic(cat("Property '", m_type->name, ".", property, "' not found"));
    return found->get(*this);
}

Result<void> Object::set(std::string_view property, qapi::Value const& value)
{
    auto const* found = m_type->find_property(property);
    if (!found && !find_child(property))
        return Error::generic(cat("Property '", m_type->name, ".", property, "' not found"));
    if (!found || !found->set)
        return Error::generic(cat("Property '", m_type->name, ".", property, "' is not writable"));
    return found->set(*this, value);
}

} // namespace minivisor::qom
