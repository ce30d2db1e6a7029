// SPDX-License-Identifier: GPL-3.0-or-later
#include "qom/type.hpp"

#include "qom/object.hpp"

#include <algorithm>
#include <cassert>

namespace minivisor::qom {

bool Type::is_a(std::string_view ancestor) const
{
    if (ancestor == "user-creatable" && create)
        return true;
    for (auto const* type = this; type; type = type->parent)
        if (type->name == ancestor)
            return true;
    return false;
}

Property const* Type::find_property(std::string_view property) const
{
    for (auto const* type = this; type; type = type->parent)
        for (auto const& candidate : type->properties)
            if (candidate.name == property)
                return &candidate;
    return nullptr;
}

std::vector<Property const*> Type::all_properties() const
{
    auto list = parent ? parent->all_properties() : std::vector<Property const*>{};
    for (auto const& property : properties)
        list.push_back(&property);
    return list;
}

TypeRegistry::TypeRegistry()
{
    Type object;
    object.name = "object";
    object.abstract = true;
    object.properties.push_back({"type", "string", "the object's type",
        [](Object const& self) -> Result<qapi::Value> { return qapi::Value(self.type().name); }, {}});
    m_types.emplace("object", std::move(object));
    Type container;
    container.name = "container";
    add(std::move(container));
}

Type const& TypeRegistry::add(Type type, std::string_view parent)
{
    type.parent = find(parent);
    assert(type.parent);
    auto name = type.name;
    auto const [at, fresh] = m_types.emplace(std::move(name), std::move(type));
    assert(fresh);
    static_cast<void>(fresh);
    return at->second;
}

void TypeRegistry::add_alias(std::string alias, std::string_view name)
{
    assert(find(name) && !find(alias));
    m_aliases.emplace(std::move(alias), std::string(name));
}

Type const* TypeRegistry::find(std::string_view name) const
{
    auto const found = m_types.find(name);
    return found == m_types.end() ? nullptr : &found->second;
}

Type const* TypeRegistry::find_creatable(std::string_view name) const
{
    auto const alias = m_aliases.find(name);
    auto const* type = find(alias == m_aliases.end() ? name : alias->second);
    return type && type->create ? type : nullptr;
}

std::string property_type_name(qapi::TypeInfo const& type)
{
    switch (type.kind) {
    case qapi::Kind::string:
    case qapi::Kind::str_or_null: return "string";
    case qapi::Kind::integer:
    case qapi::Kind::size: return "int";
    case qapi::Kind::array: return property_type_name(*type.element);
    default: return type.name;
    }
}

} // namespace minivisor::qom
