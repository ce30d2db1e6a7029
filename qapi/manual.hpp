// SPDX-License-Identifier: GPL-3.0-or-later
// The reference of the language, written from the declarations: commands, events and types of a registry. What the
// other floors add to the manual (objects, console, options) is built from the same words in main/manual.
#pragma once

#include "qapi/page.hpp"
#include "qapi/registry.hpp"

#include <map>

namespace minivisor::qapi {

/// What the members of a type are at the start, by the type's name, for types of settings.
using StartValues = std::map<std::string, Object>;

/// Commands, events and types, as a page.
Page qmp_reference(Registry const& registry, StartValues const& values = {});

/// What a value of the type is: "string", "integer from 0 to 255", a list, a heading of the page for others.
Text type_words(TypeInfo const& type);
/// How a value is written in an option: "on|off", "SIZE", "deny|allow".
std::string value_word(TypeInfo const& type);
/// One item of a list: the member's name and type, what it is for, and what it is at the start if that is given.
void add_member(Page& page, Member const& member, Value const* at_start = nullptr);
/// Text in paragraphs, which empty lines separate.
void add_paragraphs(Page& page, std::string_view text);

/// The types that have a heading of their own, by name.
class NamedTypes {
public:
    /// The type, and those in it.
    void collect(TypeInfo const& type);
    /// Those of its members, not itself.
    void collect_members(TypeInfo const& type);
    void write(Page& page, StartValues const& values = {}) const;

private:
    std::map<std::string, TypeInfo const*> m_types;
};

/// What the manual cannot say, since its declaration does not, in words that name it: "command 'x' has no summary".
std::vector<std::string> undocumented(Registry const& registry);
/// The same of one type's members; `owner` says whose type it is.
void find_undocumented(TypeInfo const& type, std::string_view owner, std::vector<std::string>& faults);

} // namespace minivisor::qapi
