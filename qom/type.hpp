// SPDX-License-Identifier: GPL-3.0-or-later
// The types of objects: name, parent, properties, and for those that users may create, how. Types
// are registered by plain calls in main/types.cpp and never change afterwards. QEMU's counterpart is
// TypeInfo with its class properties (docs/devel/qom.rst); here the options struct is the declaration.
#pragma once

#include "qapi/codec.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::qom {

class Object;
class Tree;

/// A property of all objects of a type.
struct Property {
    std::string name;
    std::string type_name; ///< as qom-list shows it: "string", "bool", an enum's name
    std::string doc;
    std::function<Result<qapi::Value>(Object const&)> get;
    std::function<Result<void>(Object&, qapi::Value const&)> set; ///< empty: not writable
};

struct Type {
    using Create = std::function<Result<std::unique_ptr<Object>>(void* options, Tree&)>;

    std::string name;
    std::string summary; ///< what its objects are for, in a sentence
    Type const* parent = nullptr;
    bool abstract = false;
    bool needs_machine = false; ///< -object makes it when the machine is there
    qapi::TypeInfo const* options = nullptr; ///< set where users may create objects of the type
    Create create; ///< takes a value of `options`; makes the object whole or not at all
    std::vector<Property> properties; ///< its own, without those of its parents

    bool is_a(std::string_view ancestor) const;
    /// Its own or an inherited property; null where there is none.
    Property const* find_property(std::string_view property) const;
    /// All properties, those of the remotest parent first.
    std::vector<Property const*> all_properties() const;
};

class TypeRegistry {
public:
    /// Starts with the types "object" and "container".
    TypeRegistry();

    /// The parent must be registered already. The result lives as long as the registry.
    Type const& add(Type type, std::string_view parent = "object");
    /// Another spelling of a type's name that object-add takes too.
    void add_alias(std::string alias, std::string_view name);

    Type const* find(std::string_view name) const;
    /// The type of that name or alias, if users may create its objects.
    Type const* find_creatable(std::string_view name) const;
    std::map<std::string, Type, std::less<>> const& all() const { return m_types; }

private:
    std::map<std::string, Type, std::less<>> m_types;
    std::map<std::string, std::string, std::less<>> m_aliases;
};

/// How qom-list names a type of the language: "string" for str, "int" for every kind of integer, an enum's own name.
std::string property_type_name(qapi::TypeInfo const& type);

} // namespace minivisor::qom
