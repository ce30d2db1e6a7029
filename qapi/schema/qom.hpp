// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/qom.json. The union of object-add is not here: it follows from the types that
// are registered.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

struct ObjectPropertyInfo {
    std::string name;
    std::string type;
    std::optional<std::string> description;
    std::optional<Value> default_value;
};
BOOST_DESCRIBE_STRUCT(ObjectPropertyInfo, (), (name, type, description, default_value))
constexpr auto docs(ObjectPropertyInfo const*)
{
    return members({{"name", "the property"}, {"type", "its type, or child<T>, or link<T>"},
        {"description", "what it is for"}, {"default-value", "what it is unless it is set"}});
}

struct QomListArguments {
    std::string path;
};
BOOST_DESCRIBE_STRUCT(QomListArguments, (), (path))
constexpr auto docs(QomListArguments const*) { return members({{"path", "where the object is in the tree"}}); }
struct QomList : Command<"qom-list", QomListArguments, std::vector<ObjectPropertyInfo>> {
    static constexpr CommandInfo info{.summary = "List the properties and children of an object.",
        .details = "A path begins with `/`, as `/objects/tls0`; a part of one without it is taken where it leads to "
                   "one object only. Children have a type that reads `child<TYPE>`.",
        .errors = "`DeviceNotFound` where the path leads nowhere."};
};

struct QomGetArguments {
    std::string path;
    std::string property;
};
BOOST_DESCRIBE_STRUCT(QomGetArguments, (), (path, property))
constexpr auto docs(QomGetArguments const*)
{
    return members({{"path", "where the object is in the tree"}, {"property", "which one to read"}});
}
struct QomGet : Command<"qom-get", QomGetArguments, Value> {
    static constexpr CommandInfo info{.summary = "Read a property.",
        .errors = "`DeviceNotFound` where the path leads nowhere; `Property 'TYPE.NAME' not found`."};
};

struct QomSetArguments {
    std::string path;
    std::string property;
    Value value;
};
BOOST_DESCRIBE_STRUCT(QomSetArguments, (), (path, property, value))
constexpr auto docs(QomSetArguments const*)
{
    return members(
        {{"path", "where the object is in the tree"}, {"property", "which one to set"}, {"value", "to what"}});
}
struct QomSet : Command<"qom-set", QomSetArguments> {
    static constexpr CommandInfo info{.summary = "Set a property.",
        .details = "Which ones can be set at run time is said with each object type. Members that take effect at "
                   "creation only are refused.",
        .errors = "`DeviceNotFound` where the path leads nowhere; `Property 'TYPE.NAME' not found`; what the type "
                  "refuses leaves the old value in force."};
};

struct ObjectTypeInfo {
    std::string name;
    std::optional<bool> abstract;
    std::optional<std::string> parent;
};
BOOST_DESCRIBE_STRUCT(ObjectTypeInfo, (), (name, abstract, parent))
constexpr auto docs(ObjectTypeInfo const*)
{
    return members(
        {{"name", "the type"}, {"abstract", "true when it has no objects of its own"}, {"parent", "its parent type"}});
}
struct QomListTypesArguments {
    std::optional<std::string> implements;
    std::optional<bool> abstract;
};
BOOST_DESCRIBE_STRUCT(QomListTypesArguments, (), (implements, abstract))
constexpr auto docs(QomListTypesArguments const*)
{
    return members(
        {{"implements", "only types that are, or implement, this one"}, {"abstract", "also abstract types"}});
}
struct QomListTypes : Command<"qom-list-types", QomListTypesArguments, std::vector<ObjectTypeInfo>> {
    static constexpr CommandInfo info{.summary = "List the object types."};
};

struct QomListPropertiesArguments {
    std::string typename_;
};
BOOST_DESCRIBE_STRUCT(QomListPropertiesArguments, (), (typename_))
constexpr auto docs(QomListPropertiesArguments const*) { return members({{"typename", "the type"}}); }
struct QomListProperties : Command<"qom-list-properties", QomListPropertiesArguments, std::vector<ObjectPropertyInfo>> {
    static constexpr CommandInfo info{.summary = "List the properties that objects of a type have."};
};

struct ObjectDelArguments {
    std::string id;
};
BOOST_DESCRIBE_STRUCT(ObjectDelArguments, (), (id))
constexpr auto docs(ObjectDelArguments const*) { return members({{"id", "the object's id"}}); }
struct ObjectDel : Command<"object-del", ObjectDelArguments> {
    static constexpr CommandInfo info{.summary = "Delete an object that object-add or -object made.",
        .errors = "`object 'ID' not found`; `object 'ID' is in use, can not be deleted`."};
};

/// Arguments are an object of the members qom-type and id, and those of the type.
struct ObjectAdd : Command<"object-add", Value> {
    static constexpr CommandInfo info{.summary = "Create an object.",
        .details = "It is created whole or, with an error, not at all. The members of the type may also stand in an "
                   "object `props`, as before QEMU 6.0.",
        .errors = "an unknown type, an `id` that is taken or is no identifier, and what the type itself refuses."};
};

struct ObjectAddTextArguments {
    std::string text;
};
BOOST_DESCRIBE_STRUCT(ObjectAddTextArguments, (), (text))
constexpr auto docs(ObjectAddTextArguments const*)
{
    return members({{"text", "TYPE,id=ID,KEY=VALUE,... or a JSON object; also 'help' and 'TYPE,help'"}});
}
/// Returns lines of help where help was asked for, otherwise nothing.
struct ObjectAddText : Command<"__org.minivisor_object-add-text", ObjectAddTextArguments, std::string> {
    static constexpr CommandInfo info{.summary = "Create an object as HMP's object_add spells it."};
};

} // namespace minivisor::qapi
