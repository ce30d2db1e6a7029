// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/manual.hpp"

#include "hmp/hmp.hpp"
#include "qapi/manual.hpp"
#include "util/text.hpp"

#include <cctype>

namespace minivisor::main {

namespace {

using qapi::Page;
using qapi::Text;

/// The first line of a help text, as a sentence.
std::string sentence(std::string_view help)
{
    std::string text(help.substr(0, help.find('\n')));
    if (!text.empty())
        text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
    return cat(text, ".");
}

// -- options

std::string spelled(OptionRow const& row)
{
    return row.argument.empty() ? cat("-", row.name) : cat("-", row.name, " ", row.argument);
}

Page options_page(unsigned level)
{
    Page page;
    for (auto const& group : option_groups()) {
        page.heading(level, group.title);
        for (auto const& row : group.rows) {
            page.heading(level + 1, spelled(row), true);
            page.paragraph(sentence(row.help));
            for (auto const& key : row.keys)
                page.item(Text().code(cat(key.name, "=", key.value)), key.help);
            qapi::add_paragraphs(page, row.details);
        }
    }
    return page;
}

Page options_reference()
{
    Page page;
    page.heading(1, "Options");
    page.paragraph(
        "The command line of minivisor, as QEMU spells it. One dash or two; an option's argument is the next "
        "word. What is written by `minivisor --manual options` from the table that also reads the options.");
    page.paragraph(
        "Arguments of the form `key=value,key=value` have a comma inside a value doubled. `on` and `off` may "
        "also be spelled `yes`, `true`, `y` and `no`, `false`, `n`. Sizes take the suffixes K, M, G, T, P "
        "and E.");
    page.append(options_page(2));
    return page;
}

// -- the console

std::string kind_words(hmp::ArgKind kind)
{
    using hmp::ArgKind;
    switch (kind) {
    case ArgKind::word: return "a word, or a text in double quotes";
    case ArgKind::file: return "a file name";
    case ArgKind::rest: return "the rest of the line";
    case ArgKind::integer32: return "an expression from 0 to 2^32-1";
    case ArgKind::integer64: return "an expression";
    case ArgKind::mebibytes: return "an expression, in MiB";
    case ArgKind::size: return "a size with a suffix, in MiB without one";
    case ArgKind::boolean: return "`on` or `off`";
    case ArgKind::format: return "a count, a format letter (x d u o c) and a size letter (b h w g)";
    case ArgKind::flag: return "a flag";
    case ArgKind::flag_value: return "a flag with a word behind it";
    }
    return {};
}

bool is_flag(hmp::Arg const& arg) { return arg.kind == hmp::ArgKind::flag || arg.kind == hmp::ArgKind::flag_value; }

/// What the further lines of a command's help ("-b, -i: what they do") say of a flag.
std::string flag_words(hmp::Command const& command, char letter)
{
    for (auto const line : util::split(command.help, '\n')) {
        auto const text = util::trim(line);
        auto const colon = text.find(':');
        if (text.starts_with('-') && colon != text.npos && text.substr(0, colon).find(letter) != text.npos)
            return std::string(util::trim(text.substr(colon + 1)));
    }
    return {};
}

void add_console_command(Page& page, hmp::Command const& command, std::string_view prefix)
{
    auto const words = command.words();
    page.heading(3, cat(prefix, words[0], command.params.empty() ? "" : " ", command.params), true);
    page.paragraph(sentence(command.help));
    for (auto const& arg : command.args) {
        if (is_flag(arg))
            page.item(Text().code(cat("-", arg.flag)), flag_words(command, arg.flag));
        else
            page.item(Text().code(arg.name).add(arg.optional ? " (optional)" : ""), kind_words(arg.kind));
    }
    if (words.size() > 1) {
        Text aliases = "Also spelled ";
        for (std::size_t i = 1; i < words.size(); ++i)
            aliases.add(i > 1 ? ", " : "").code(words[i]);
        page.paragraph(aliases.add("."));
    }
}

Page console_reference(unsigned level)
{
    Page page;
    page.heading(level, "Commands of the console");
    for (auto const& command : hmp::command_table().commands())
        if (command.listed)
            add_console_command(page, command, "");
    page.heading(level, "Topics of info");
    for (auto const& topic : hmp::command_table().topics())
        if (topic.listed)
            add_console_command(page, topic, "info ");
    return page;
}

Page hmp_reference()
{
    Page page;
    page.heading(1, "Console reference");
    page.paragraph("What people type at the prompt `(qemu)`, as QEMU's human monitor takes it. This page is written by "
                   "`minivisor --manual hmp` from the table that also reads the lines.");
    page.paragraph(
        "A word with blanks stands in double quotes, in which `\\n`, `\\r`, `\\\\`, `\\\"` and `\\'` are known. "
        "Expressions have the operators `+ - * / % & | ^ ~`, brackets, and numbers in decimal, `0x` or `0`. "
        "`help` lists the commands, `help NAME` says what one takes.");
    page.append(console_reference(2));
    return page;
}

// -- objects

void add_object_type(Page& page, qom::Type const& type)
{
    page.heading(3, type.name);
    page.paragraph(type.summary);
    for (auto const& member : type.options->members)
        qapi::add_member(page, member);
    std::string settable;
    for (auto const& property : type.properties) {
        if (property.set)
            settable += cat(settable.empty() ? "" : ", ", "`", property.name, "`");
        else if (!type.options->find_member(property.name))
            page.item(Text().code(property.name).add(" (read only)"), property.doc);
    }
    if (!settable.empty())
        page.paragraph(cat("May be changed with `qom-set` while the object lives: ", settable, "."));
}

Page objects_reference(qom::TypeRegistry const& registry)
{
    Page page;
    page.heading(1, "Object types");
    page.paragraph("Types of which `object-add`, `object_add` and `-object` make objects, with their members; each "
                   "object has an `id` besides. This page is written by `minivisor --manual objects` from the "
                   "declarations that also check the members.");
    page.heading(2, "Types that users create");
    qapi::NamedTypes types;
    for (auto const& [name, type] : registry.all()) {
        if (!type.create)
            continue;
        add_object_type(page, type);
        types.collect_members(*type.options);
    }
    page.heading(2, "Types of members");
    types.write(page);
    return page;
}

// -- man pages

std::string program_man_page()
{
    Page page;
    page.heading(2, "SYNOPSIS");
    page.paragraph(Text().code("minivisor").add(" [options]"));
    page.heading(2, "DESCRIPTION");
    page.paragraph("minivisor is a small hypervisor and its monitor. It speaks QEMU's language: the console of people, "
                   "QMP of programs, the options, and the format of migration streams. It moves the memory of guests "
                   "between hosts, over TLS, with a decision on each receiver of who may come in.");
    page.heading(2, "OPTIONS");
    page.paragraph("One dash or two; a comma inside the value of a key is doubled.");
    page.append(options_page(2));
    page.append(console_reference(2));
    page.heading(2, "EXIT STATUS");
    page.item(Text().code("0"), "the end was asked for: `quit`, or a signal");
    page.item(Text().code("1"), "the start failed, or the load of an accepted sender; the reason is on standard error");
    page.item(Text().code("2"), "`-check-authz` only: denied");
    page.heading(2, "EXAMPLE");
    page.example("minivisor -m 1G -name web -qmp unix:/run/web.sock,server=on,wait=off -incoming defer");
    page.heading(2, "SEE ALSO");
    page.paragraph(Text().code("minivisor-qmp").add("(7), ").code("qemu").add("(1)"));
    return page.roff("minivisor", 1, "a small hypervisor and monitor that speaks QEMU's language");
}

/// What settings are before anybody has changed them: the program itself is asked.
qapi::StartValues start_values(qapi::Registry const& registry)
{
    qapi::StartValues values;
    auto const* query = registry.find("query-migrate-parameters");
    auto const* handler = query ? std::get_if<qapi::SyncHandler>(&query->handler) : nullptr;
    qapi::CallContext nobody;
    if (auto answer = handler ? (*handler)(qapi::Value(qapi::Object()), nobody) : Error::generic("not bound"))
        values.emplace(query->returns->name, std::move(answer->get_object()));
    return values;
}

std::string sentences(std::vector<std::string> const& faults)
{
    return cat("the manual lacks words: ", util::join(faults, "; "));
}

} // namespace

std::vector<std::string> undocumented(ManualSources const& sources)
{
    auto faults = qapi::undocumented(sources.registry);
    for (auto const& [name, type] : sources.types.all()) {
        auto const owner = cat("object type '", name, "'");
        if (!type.create)
            continue;
        if (type.summary.empty())
            faults.push_back(cat(owner, " has no summary"));
        qapi::find_undocumented(*type.options, owner, faults);
        for (auto const& property : type.properties)
            if (property.doc.empty() && !type.options->find_member(property.name))
                faults.push_back(cat(owner, ": property '", property.name, "' has no words"));
    }
    find_undocumented(option_groups(), faults);
    find_undocumented(hmp::command_table(), faults);
    return faults;
}

void find_undocumented(std::vector<OptionGroup> const& groups, std::vector<std::string>& faults)
{
    for (auto const& group : groups) {
        for (auto const& row : group.rows) {
            if (row.help.empty())
                faults.push_back(cat("option '-", row.name, "' has no help"));
            for (auto const& key : row.keys)
                if (key.help.empty() || key.value.empty())
                    faults.push_back(cat("option '-", row.name, "': key '", key.name, "' has no words"));
        }
    }
}

void find_undocumented(hmp::CommandTable const& table, std::vector<std::string>& faults)
{
    for (auto const* list : {&table.commands(), &table.topics()}) {
        for (auto const& command : *list) {
            if (command.help.empty())
                faults.push_back(cat("console command '", command.names, "' has no help"));
            for (auto const& arg : command.args)
                if (is_flag(arg) && flag_words(command, arg.flag).empty())
                    faults.push_back(cat("console command '", command.names, "': flag -", arg.flag, " has no words"));
        }
    }
}

Result<std::string> manual_page(ManualSources const& sources, std::string_view name)
{
    if (auto const faults = undocumented(sources); !faults.empty())
        return Error::generic(sentences(faults));
    if (name == "qmp")
        return qapi::qmp_reference(sources.registry, start_values(sources.registry)).markdown();
    if (name == "hmp")
        return hmp_reference().markdown();
    if (name == "options")
        return options_reference().markdown();
    if (name == "objects")
        return objects_reference(sources.types).markdown();
    if (name == "minivisor.1")
        return program_man_page();
    if (name == "minivisor-qmp.7")
        return qapi::qmp_reference(sources.registry, start_values(sources.registry))
            .roff("minivisor-qmp", 7, "what programs say to minivisor");
    return Error::generic(
        cat("there is no page '", name, "': qmp, hmp, options, objects, minivisor.1, minivisor-qmp.7"));
}

} // namespace minivisor::main
