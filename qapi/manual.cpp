// SPDX-License-Identifier: GPL-3.0-or-later
#include "qapi/manual.hpp"

#include "qapi/json.hpp"
#include "util/text.hpp"

#include <set>

namespace minivisor::qapi {

namespace {

bool has_own_heading(TypeInfo const& type) { return type.kind == Kind::object || type.kind == Kind::enumeration; }

std::string integer_words(TypeInfo const& type)
{
    if (type.bits == 64)
        return type.is_signed ? "integer" : "integer from 0 to 2^64-1";
    auto const top = (std::uint64_t{1} << (type.is_signed ? type.bits - 1 : type.bits)) - 1;
    return type.is_signed ? cat("integer from -", top + 1, " to ", top) : cat("integer from 0 to ", top);
}

void add_union(Page& page, UnionInfo const& info)
{
    Text types;
    for (auto const& [name, options] : info.branches)
        types.add(&name == &info.branches.front().first ? "" : ", ").code(name);
    page.item(Text().code(info.tag).add(" (string)"), Text("one of ").add(types));
    for (auto const& name : info.common_strings)
        page.item(Text().code(name).add(" (string)"), "its name");
    page.paragraph("The other members are those of the type, which objects.md lists.");
}

void add_command(Page& page, CommandEntry const& command)
{
    page.heading(3, command.name);
    page.paragraph(command.info.summary);
    add_paragraphs(page, command.info.details);
    if (command.union_of || !command.arguments->members.empty())
        page.paragraph("Arguments:");
    if (command.union_of)
        add_union(page, command.union_of());
    for (auto const& member : command.arguments->members)
        add_member(page, member);
    if (command.returns != &type_of<Empty>())
        page.paragraph(Text("Returns: ").add(type_words(*command.returns)).add("."));
    if (!command.info.errors.empty())
        page.paragraph(Text("Errors: ").add(command.info.errors));
    if (command.info.allow_oob)
        page.paragraph("May be executed out of band.");
}

void add_event(Page& page, EventEntry const& event)
{
    page.heading(3, event.name);
    page.paragraph(event.summary);
    for (auto const& member : event.data->members)
        add_member(page, member);
}

bool is_ours(std::string const& name) { return name.starts_with("__org.minivisor"); }

void add_introduction(Page& page)
{
    page.heading(1, "QMP reference");
    page.paragraph("What programs say to minivisor and what it answers: JSON objects over a socket, as QEMU 7.2 speaks "
                   "them. This page is written by `minivisor --manual qmp` from the declarations that also check "
                   "every argument and make `query-qmp-schema`.");
    page.heading(2, "A conversation");
    page.paragraph("A client connects, is greeted, ends the negotiation, and sends commands. Each reply has the `id` "
                   "of its command. Events may come between replies.");
    page.example("<- {\"QMP\": {\"version\": {...}, \"capabilities\": [\"oob\"]}}\n"
                 "-> {\"execute\": \"qmp_capabilities\"}\n"
                 "<- {\"return\": {}}\n"
                 "-> {\"execute\": \"object-del\", \"arguments\": {\"id\": \"tls0\"}, \"id\": 1}\n"
                 "<- {\"id\": 1, \"error\": {\"class\": \"GenericError\", \"desc\": \"object 'tls0' not found\"}}");
    page.paragraph(
        "A command whose arguments have a wrong form is refused before it has any effect: `Parameter 'x' is missing`, "
        "`Parameter 'x' is unexpected`, `Invalid parameter type for 'x', expected: string`, `Parameter 'x' does not "
        "accept value 'y'`. Such an error has the class `GenericError`, as have most others; `CommandNotFound`, "
        "`DeviceNotFound` and `DeviceNotActive` are named where they occur. `null` is a value, not an absent member.");
    page.paragraph("Names that begin with `__org.minivisor_` are additions that QEMU does not have.");
}

void find_undocumented(
    TypeInfo const& type, std::string_view owner, std::set<TypeInfo const*>& seen, std::vector<std::string>& faults)
{
    if (type.element)
        return find_undocumented(*type.element, owner, seen, faults);
    if (!seen.insert(&type).second)
        return;
    for (auto const& member : type.members) {
        if (member.doc.empty())
            faults.push_back(cat(owner, ": member '", member.name, "' of ", type.name, " has no words"));
        find_undocumented(*member.type, owner, seen, faults);
    }
    for (std::size_t i = 0; i < type.value_docs.size(); ++i)
        if (type.value_docs[i].empty())
            faults.push_back(cat(owner, ": value '", type.values[i], "' of ", type.name, " has no words"));
}

} // namespace

void NamedTypes::collect(TypeInfo const& type)
{
    if (type.element)
        return collect(*type.element);
    if (has_own_heading(type) && &type != &type_of<Empty>() && m_types.emplace(type.name, &type).second)
        collect_members(type);
}

void NamedTypes::collect_members(TypeInfo const& type)
{
    for (auto const& member : type.members)
        collect(*member.type);
}

void NamedTypes::write(Page& page, StartValues const& values) const
{
    for (auto const& [name, type] : m_types) {
        page.heading(3, name);
        auto const settings = values.find(name);
        for (auto const& member : type->members)
            add_member(page, member, settings == values.end() ? nullptr : settings->second.if_contains(member.name));
        for (std::size_t i = 0; i < type->value_docs.size(); ++i)
            page.item(Text().code(type->values[i]), type->value_docs[i]);
        if (type->kind != Kind::enumeration || !type->value_docs.empty())
            continue;
        Text all = "One of ";
        for (auto const& value : type->values)
            all.add(&value == &type->values.front() ? "" : ", ").code(value);
        page.paragraph(all.add("."));
    }
}

void add_paragraphs(Page& page, std::string_view text)
{
    while (!text.empty()) {
        auto const end = text.find("\n\n");
        page.paragraph(text.substr(0, end));
        text.remove_prefix(end == text.npos ? text.size() : end + 2);
    }
}

Text type_words(TypeInfo const& type)
{
    switch (type.kind) {
    case Kind::boolean: return "boolean";
    case Kind::integer: return integer_words(type);
    case Kind::size: return "size in bytes";
    case Kind::number: return "number";
    case Kind::string: return "string";
    case Kind::array: return Text("list of ").add(type_words(*type.element));
    case Kind::any: return "any value";
    case Kind::str_or_null: return "string or null";
    case Kind::enumeration:
    case Kind::object: break;
    }
    return Text().link(type.name);
}

std::string value_word(TypeInfo const& type)
{
    switch (type.kind) {
    case Kind::boolean: return "on|off";
    case Kind::integer:
    case Kind::number: return "NUMBER";
    case Kind::size: return "SIZE";
    case Kind::enumeration: return util::join(type.values, "|");
    default: return "TEXT";
    }
}

void add_member(Page& page, Member const& member, Value const* at_start)
{
    auto term = Text().code(member.name).add(" (").add(type_words(*member.type));
    auto text = Text(member.doc);
    if (at_start)
        text.add("; at the start ").code(to_json(*at_start));
    page.item(term.add(member.optional ? ", optional)" : ")"), std::move(text));
}

Page qmp_reference(Registry const& registry, StartValues const& values)
{
    Page page;
    NamedTypes types;
    add_introduction(page);
    for (bool const ours : {false, true}) {
        page.heading(2, ours ? "Commands that QEMU does not have" : "Commands");
        for (auto const& [name, command] : registry.commands()) {
            types.collect_members(*command.arguments);
            types.collect(*command.returns);
            if (is_ours(name) == ours)
                add_command(page, command);
        }
    }
    page.heading(2, "Events");
    page.paragraph(
        "An event has the members `event`, its name, `data`, which has what is listed here, and `timestamp`.");
    for (auto const& [name, event] : registry.events()) {
        types.collect_members(*event.data);
        add_event(page, event);
    }
    page.heading(2, "Types");
    types.write(page, values);
    return page;
}

std::vector<std::string> undocumented(Registry const& registry)
{
    std::vector<std::string> faults;
    for (auto const& [name, command] : registry.commands()) {
        auto const owner = cat("command '", name, "'");
        if (command.info.summary.empty())
            faults.push_back(cat(owner, " has no summary"));
        find_undocumented(*command.arguments, owner, faults);
        find_undocumented(*command.returns, owner, faults);
    }
    for (auto const& [name, event] : registry.events()) {
        auto const owner = cat("event '", name, "'");
        if (event.summary.empty())
            faults.push_back(cat(owner, " has no summary"));
        find_undocumented(*event.data, owner, faults);
    }
    return faults;
}

void find_undocumented(TypeInfo const& type, std::string_view owner, std::vector<std::string>& faults)
{
    std::set<TypeInfo const*> seen;
    find_undocumented(type, owner, seen, faults);
}

} // namespace minivisor::qapi
