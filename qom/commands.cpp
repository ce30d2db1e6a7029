// SPDX-License-Identifier: GPL-3.0-or-later
#include "qom/commands.hpp"

#include "qapi/json.hpp"
#include "qapi/keyval.hpp"
#include "qapi/schema/qom.hpp"
#include "qom/user_object.hpp"
#include "util/text.hpp"

namespace minivisor::qom {

namespace {

std::vector<qapi::ObjectPropertyInfo> list_properties(Type const& type)
{
    std::vector<qapi::ObjectPropertyInfo> list;
    for (auto const* property : type.all_properties()) {
        auto& entry = list.emplace_back();
        entry.name = property->name;
        entry.type = property->type_name;
    }
    return list;
}

Result<std::vector<qapi::ObjectPropertyInfo>> list(Tree& tree, qapi::QomListArguments const& arguments)
{
    auto const* object = TRY(tree.resolve(arguments.path));
    auto entries = list_properties(object->type());
    entries.reserve(entries.size() + object->children().size());
    for (auto const& child : object->children()) {
        auto& entry = entries.emplace_back();
        entry.name = child->name();
        entry.type = cat("child<", child->type().name, ">");
    }
    return entries;
}

std::vector<qapi::ObjectTypeInfo> list_types(Tree const& tree, qapi::QomListTypesArguments const& arguments)
{
    std::vector<qapi::ObjectTypeInfo> list;
    for (auto const& [name, type] : tree.types().all()) {
        if (type.abstract && !arguments.abstract.value_or(false))
            continue;
        if (arguments.implements && !type.is_a(*arguments.implements))
            continue;
        auto& entry = list.emplace_back();
        entry.name = name;
        if (type.abstract)
            entry.abstract = true;
        if (type.parent)
            entry.parent = type.parent->name;
    }
    return list;
}

std::string text_of_lines(std::vector<std::string> const& lines)
{
    std::string text;
    for (auto const& line : lines)
        text += cat(line, "\n");
    return text;
}

/// Help about the type that the text names; about all where it names none that there is (as in QEMU).
std::string help_for(Tree const& tree, qapi::Object const& named)
{
    auto const* name = named.if_contains("qom-type");
    if (name && name->is_string() && tree.types().find_creatable(qapi::str(name->get_string()))) {
        auto lines = type_help(tree.types(), qapi::view(name->get_string()));
        if (lines)
            return text_of_lines(*lines);
    }
    return text_of_lines(creatable_types_help(tree.types()));
}

/// The text of object_add; what it gives back is help, if that was asked for.
Result<std::string> add_by_text(Tree& tree, qapi::ObjectAddTextArguments const& arguments)
{
    if (arguments.text.starts_with('{')) {
        auto value = TRY(qapi::parse_json(arguments.text));
        if (!value.is_object())
            return Error::generic("Invalid parameter type for 'object', expected: dict");
        TRY(add_user_object(tree, std::move(value.get_object()), qapi::Spelling::json));
        return std::string();
    }
    auto named = TRY(qapi::parse_keyval(arguments.text, "qom-type"));
    if (named.help)
        return help_for(tree, named.object);
    TRY(add_user_object(tree, std::move(named.object), qapi::Spelling::keyval));
    return std::string();
}

/// For a property: as in QEMU, a path that is ambiguous is told like one that leads nowhere.
Result<Object*> find_for_property(Tree& tree, std::string const& path)
{
    auto found = tree.resolve(path);
    if (!found)
        return Error::device_not_found(cat("Device '", path, "' not found"));
    return found;
}

} // namespace

void bind_commands(qapi::Registry& registry, Tree& tree)
{
    registry.bind<qapi::QomList>([&tree](qapi::QomListArguments arguments) { return list(tree, arguments); });
    registry.bind<qapi::QomGet>([&tree](qapi::QomGetArguments arguments) -> Result<qapi::Value> {
        return TRY(find_for_property(tree, arguments.path))->get(arguments.property);
    });
    registry.bind<qapi::QomSet>([&tree](qapi::QomSetArguments arguments) -> Result<void> {
        return TRY(find_for_property(tree, arguments.path))->set(arguments.property, arguments.value);
    });
    registry.bind<qapi::QomListTypes>(
        [&tree](qapi::QomListTypesArguments arguments) -> Result<std::vector<qapi::ObjectTypeInfo>> {
            return list_types(tree, arguments);
        });
    registry.bind<qapi::QomListProperties>(
        [&tree](qapi::QomListPropertiesArguments arguments) -> Result<std::vector<qapi::ObjectPropertyInfo>> {
            auto const* type = tree.types().find(arguments.typename_);
            if (!type)
                return Error::device_not_found(cat("Class '", arguments.typename_, "' not found"));
            return list_properties(*type);
        });
    registry.bind<qapi::ObjectAdd>([&tree](qapi::Value arguments) -> Result<void> {
        return add_user_object(tree, std::move(arguments.as_object()), qapi::Spelling::json);
    });
    registry.bind<qapi::ObjectAddText>(
        [&tree](qapi::ObjectAddTextArguments arguments) { return add_by_text(tree, arguments); });
    registry.describe_arguments(qapi::ObjectAdd::name, [&tree] {
        qapi::UnionInfo info{"qom-type", {"id"}, {}};
        for (auto const& [name, type] : tree.types().all())
            if (type.create)
                info.branches.emplace_back(name, type.options);
        return info;
    });
    registry.bind<qapi::ObjectDel>(
        [&tree](qapi::ObjectDelArguments arguments) { return delete_user_object(tree, arguments.id); });
}

} // namespace minivisor::qom
