// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/cmd_qom.hpp"

#include "qapi/json.hpp"
#include "qapi/schema/qom.hpp"
#include "util/text.hpp"

#include <algorithm>

namespace minivisor::hmp {

namespace {

using boost::asio::awaitable;

constexpr std::string_view child_begin = "child<";

bool is_child(qapi::ObjectPropertyInfo const& property)
{
    return property.type.starts_with(child_begin) && property.type.ends_with('>');
}

awaitable<void> object_add(CommandContext& context, qapi::Object args)
{
    qapi::ObjectAddTextArguments arguments{text_of(args, "object")};
    auto const help = co_await context.call<qapi::ObjectAddText>(std::move(arguments));
    if (!help)
        context.error(help.error());
    else
        context.print(*help);
}

awaitable<void> object_del(CommandContext& context, qapi::Object args)
{
    return run_with<qapi::ObjectDel>(context, {text_of(args, "id")});
}

awaitable<void> qom_list(CommandContext& context, qapi::Object args)
{
    qapi::QomListArguments arguments{text_of(args, "path")};
    if (!args.contains("path")) {
        context.print("/\n");
        co_return;
    }
    auto const properties = co_await context.call<qapi::QomList>(std::move(arguments));
    if (!properties) {
        context.error(properties.error());
        co_return;
    }
    std::string text;
    for (auto const& property : *properties)
        text += cat(property.name, " (", property.type, ")\n");
    context.print(text);
}

awaitable<void> qom_get(CommandContext& context, qapi::Object args)
{
    qapi::QomGetArguments arguments{text_of(args, "path"), text_of(args, "property")};
    auto const value = co_await context.call<qapi::QomGet>(std::move(arguments));
    if (!value)
        context.error(value.error());
    else
        context.print(qapi::to_json_pretty(qapi::in_dictionary_order(*value)) + "\n");
}

/// A typed word as a value of the property's type: QEMU reads it as option strings are read.
Result<qapi::Value> value_for(std::string_view type, std::string const& name, std::string const& text)
{
    static constexpr std::string_view yes[]{"on", "yes", "true", "y"};
    static constexpr std::string_view no[]{"off", "no", "false", "n"};
    if (type == "bool") {
        if (std::find(std::begin(yes), std::end(yes), text) != std::end(yes))
            return qapi::Value(true);
        if (std::find(std::begin(no), std::end(no), text) != std::end(no))
            return qapi::Value(false);
        return Error::generic(cat("Parameter '", name, "' expects 'on' or 'off'"));
    }
    if (type == "int") {
        if (auto const number = util::parse_int64(text))
            return qapi::Value(*number);
        return Error::generic(cat("Parameter '", name, "' expects int64"));
    }
    return qapi::Value(text);
}

/// The value that qom-set was given. Whatever is wrong with path or property is left for qom-set to say.
awaitable<Result<qapi::Value>> value_to_set(CommandContext& context, qapi::Object const& args)
{
    auto const text = text_of(args, "value");
    if (has_flag(args, "json"))
        co_return qapi::parse_json(text);
    auto const name = text_of(args, "property");
    qapi::QomListArguments where{text_of(args, "path")};
    auto const properties = co_await context.call<qapi::QomList>(std::move(where));
    std::string type;
    if (properties)
        for (auto const& property : *properties)
            if (property.name == name)
                type = property.type;
    co_return value_for(type, name, text);
}

awaitable<void> qom_set(CommandContext& context, qapi::Object args)
{
    auto reading = value_to_set(context, args);
    auto value = co_await std::move(reading);
    if (!value) {
        context.error(value.error());
        co_return;
    }
    qapi::QomSetArguments arguments{text_of(args, "path"), text_of(args, "property"), *std::move(value)};
    auto const done = co_await context.call<qapi::QomSet>(std::move(arguments));
    if (!done)
        context.error(done.error());
}

/// Appends the object and what is below it, children by name. `path` is how to reach it.
awaitable<void> append_tree(
    CommandContext& context, std::string path, std::string name, std::string type, std::size_t depth, std::string& text)
{
    text += cat(std::string(2 * depth, ' '), "/", name, " (", type, ")\n");
    qapi::QomListArguments where{path};
    auto properties = co_await context.call<qapi::QomList>(std::move(where));
    if (!properties)
        co_return; // it went while we looked
    std::sort(properties->begin(), properties->end(), [](auto const& a, auto const& b) { return a.name < b.name; });
    for (auto const& property : *properties) {
        if (!is_child(property))
            continue;
        auto below = cat(path, path.ends_with('/') ? "" : "/", property.name);
        auto child_type = property.type.substr(child_begin.size(), property.type.size() - child_begin.size() - 1);
        auto appending = append_tree(context, std::move(below), property.name, std::move(child_type), depth + 1, text);
        co_await std::move(appending);
    }
}

awaitable<void> info_qom_tree(CommandContext& context, qapi::Object args)
{
    auto const path = args.contains("path") ? text_of(args, "path") : "/machine";
    qapi::QomGetArguments arguments{path, "type"};
    auto const type = co_await context.call<qapi::QomGet>(std::move(arguments));
    if (!type || !type->is_string()) {
        context.print(cat("Path '", path, "' could not be resolved.\n"));
        co_return;
    }
    std::string name;
    for (auto const part : util::split(path, '/'))
        if (!part.empty())
            name = part;
    std::string text;
    auto appending = append_tree(context, path, name, qapi::str(type->get_string()), 0, text);
    co_await std::move(appending);
    context.print(text);
}

} // namespace

void add_qom_commands(CommandTable& table)
{
    table.add({"object_add", {{"object", ArgKind::rest}}, "[qom-type=]type,id=str[,prop=value][,...]",
        "create an object; 'help' lists the types, 'TYPE,help' what a type takes", object_add,
        {Completion::object_text}});
    table.add({"object_del", {{"id"}}, "id", "delete an object", object_del, {Completion::object_id}});
    table.add({"qom-list", {{"path", ArgKind::word, true}}, "path", "list the properties and children of an object",
        qom_list, {Completion::path}});
    table.add({"qom-get", {{"path"}, {"property"}}, "path property", "show a property of an object", qom_get,
        {Completion::path, Completion::property}});
    table.add({"qom-set", {{"json", ArgKind::flag, true, 'j'}, {"path"}, {"property"}, {"value", ArgKind::rest}},
        "[-j] path property value", "set a property of an object\n\t\t\t-j: the value is JSON", qom_set,
        {Completion::path, Completion::property}});
    table.add_topic({"qom-tree", {{"path", ArgKind::word, true}}, "[path]", "the tree of objects", info_qom_tree,
        {Completion::path}});
}

} // namespace minivisor::hmp
