// SPDX-License-Identifier: GPL-3.0-or-later
// Makes a Type from a class that users may create: its Options struct is the declaration of its
// properties, of the members of object-add and of the help. The class derives from
// OptionsObject<Options> and has
//     static Result<std::unique_ptr<T>> create(qom::Type const&, Options, qom::Tree&);
#pragma once

#include "qom/object.hpp"

#include <cassert>

namespace minivisor::qom {

template <typename T>
class UserType {
public:
    using Options = typename T::Options;

    /// `summary` says what an object of the type is for.
    UserType(std::string name, std::string summary)
    {
        m_type.name = std::move(name);
        m_type.summary = std::move(summary);
        m_type.options = &qapi::type_of<Options>();
        for (auto const& member : m_type.options->members)
            m_type.properties.push_back(option_property(member));
    }

    /// This option may be set later; T::apply puts the change into force.
    UserType& settable(std::string_view option)
    {
        auto const* member = m_type.options->find_member(option);
        property(option).set = [member](Object& self, qapi::Value const& value) -> Result<void> {
            auto& object = static_cast<T&>(self);
            Options changed = object.options();
            TRY(qapi::decode_into(*member->type, member->put(&changed), value, member->name));
            return object.apply(std::move(changed));
        };
        return *this;
    }

    void needs_machine() { m_type.needs_machine = true; }

    /// A computed property that is no option.
    UserType& read_only(
        std::string name, std::string type_name, std::string doc, std::function<qapi::Value(T const&)> get)
    {
        m_type.properties.push_back({std::move(name), std::move(type_name), std::move(doc),
            [get = std::move(get)](
                Object const& self) -> Result<qapi::Value> { return get(static_cast<T const&>(self)); },
            {}});
        return *this;
    }

    Type const& add_to(TypeRegistry& types, std::string_view parent = "object")
    {
        // The object refers to its type, whose address is known once it is registered.
        auto const self = std::make_shared<Type const*>(nullptr);
        m_type.create = [self](void* options, Tree& tree) -> Result<std::unique_ptr<Object>> {
            std::unique_ptr<T> object = TRY(T::create(**self, std::move(*static_cast<Options*>(options)), tree));
            return std::unique_ptr<Object>(std::move(object));
        };
        *self = &types.add(std::move(m_type), parent);
        return **self;
    }

private:
    Property& property(std::string_view name)
    {
        for (auto& property : m_type.properties)
            if (property.name == name)
                return property;
        assert(!"no such option");
        return m_type.properties.front();
    }

    /// Reads the option; an absent one reads as QEMU's unset: "" for text, an empty list, else null.
    static Property option_property(qapi::Member const& member)
    {
        auto const get = [&member](Object const& self) -> Result<qapi::Value> {
            Options const& options = static_cast<T const&>(self).options();
            if (auto const* held = member.get(&options))
                return qapi::encode_from(*member.type, held);
            if (member.type->kind == qapi::Kind::string)
                return qapi::Value("");
            if (member.type->kind == qapi::Kind::array)
                return qapi::Value(qapi::Array());
            return qapi::Value(nullptr);
        };
        return {member.name, property_type_name(*member.type), member.doc, get, {}};
    }

    Type m_type;
};

} // namespace minivisor::qom
