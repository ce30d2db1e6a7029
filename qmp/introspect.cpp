// SPDX-License-Identifier: GPL-3.0-or-later
#include "qmp/introspect.hpp"

#include "util/text.hpp"

#include <set>
#include <unordered_map>

namespace minivisor::qmp {

namespace {

using qapi::Array;
using qapi::Kind;
using qapi::Object;
using qapi::TypeInfo;
using qapi::Value;

class Schema {
public:
    Array take(qapi::Registry const& registry)
    {
        for (auto const& [name, command] : registry.commands())
            m_entries.push_back(command_entry(command));
        for (auto const& [name, event] : registry.events())
            m_entries.push_back(event_entry(event));
        return std::move(m_entries);
    }

    /// Of one command or event; empty where there is none of the name.
    Array take(qapi::Registry const& registry, std::string_view name)
    {
        if (auto const* command = registry.find(name))
            m_entries.push_back(command_entry(*command));
        else if (auto const* event = registry.find_event(name))
            m_entries.push_back(event_entry(*event));
        return std::move(m_entries);
    }

private:
    Object event_entry(qapi::EventEntry const& event)
    {
        return {{"name", event.name}, {"meta-type", "event"}, {"arg-type", name_of(*event.data)}};
    }

    Object command_entry(qapi::CommandEntry const& command)
    {
        auto const arguments = command.arguments->kind == Kind::object ? name_of(*command.arguments)
            : command.union_of                                         ? union_name(command.union_of())
                                                                       : name_of(qapi::type_of<qapi::Empty>());
        Object entry{{"name", command.name}, {"meta-type", "command"}, {"arg-type", arguments},
            {"ret-type", name_of(*command.returns)}};
        if (command.info.allow_oob)
            entry["allow-oob"] = true;
        return entry;
    }

    std::string fresh_name() { return std::to_string(m_next++); }

    /// The name of the type, which is entered into the schema if it is new.
    std::string name_of(TypeInfo const& type)
    {
        switch (type.kind) {
        case Kind::boolean: return builtin("bool", "boolean");
        case Kind::integer:
        case Kind::size: return builtin("int", "int");
        case Kind::number: return builtin("number", "number");
        case Kind::string: return builtin("str", "string");
        case Kind::any: return builtin("any", "value");
        case Kind::array: return array_name(type);
        default: break;
        }
        if (auto const known = m_names.find(&type); known != m_names.end())
            return known->second;
        auto const name = fresh_name();
        m_names.emplace(&type, name);
        if (type.kind == Kind::enumeration)
            m_entries.push_back(enumeration(name, type.values));
        else if (type.kind == Kind::str_or_null)
            m_entries.push_back(Object{{"name", name}, {"meta-type", "alternate"},
                {"members",
                    Array{Object{{"type", builtin("str", "string")}}, Object{{"type", builtin("null", "null")}}}}});
        else
            m_entries.push_back(Object{{"name", name}, {"meta-type", "object"}, {"members", members(type)}});
        return name;
    }

    std::string builtin(std::string_view name, std::string_view json_type)
    {
        if (m_builtins.emplace(name).second)
            m_entries.push_back(Object{{"name", name}, {"meta-type", "builtin"}, {"json-type", json_type}});
        return std::string(name);
    }

    std::string array_name(TypeInfo const& type)
    {
        auto const element = name_of(*type.element);
        auto name = cat("[", element, "]");
        if (m_builtins.emplace(name).second)
            m_entries.push_back(Object{{"name", name}, {"meta-type", "array"}, {"element-type", element}});
        return name;
    }

    static Object enumeration(std::string const& name, std::vector<std::string> const& words)
    {
        Array values;
        Array entries;
        for (auto const& word : words) {
            values.push_back(Value(word));
            entries.push_back(Object{{"name", word}});
        }
        return {{"name", name}, {"meta-type", "enum"}, {"members", std::move(entries)}, {"values", std::move(values)}};
    }

    Array members(TypeInfo const& type)
    {
        Array list;
        for (auto const& member : type.members) {
            Object entry{{"name", member.name}, {"type", name_of(*member.type)}};
            if (member.optional)
                entry["default"] = nullptr;
            list.push_back(std::move(entry));
        }
        return list;
    }

    /// object-add: a flat union whose branches are the creatable types' options.
    std::string union_name(qapi::UnionInfo const& info)
    {
        std::vector<std::string> words;
        Array variants;
        for (auto const& [word, options] : info.branches) {
            words.push_back(word);
            variants.push_back(Object{{"case", word}, {"type", name_of(*options)}});
        }
        auto const tag = fresh_name();
        m_entries.push_back(enumeration(tag, words));
        Array common{Object{{"name", info.tag}, {"type", tag}}};
        for (auto const& name : info.common_strings)
            common.push_back(Object{{"name", name}, {"type", builtin("str", "string")}});
        auto const name = fresh_name();
        m_entries.push_back(Object{{"name", name}, {"meta-type", "object"}, {"members", std::move(common)},
            {"tag", info.tag}, {"variants", std::move(variants)}});
        return name;
    }

    Array m_entries;
    std::unordered_map<TypeInfo const*, std::string> m_names;
    std::set<std::string, std::less<>> m_builtins;
    unsigned m_next = 0;
};

} // namespace

Value schema_of(qapi::Registry const& registry) { return Schema().take(registry); }

Result<Value> schema_of(qapi::Registry const& registry, std::string const& name)
{
    auto entries = Schema().take(registry, name);
    if (entries.empty())
        return Error::generic(cat("There is no command or event '", name, "'"));
    return Value(std::move(entries));
}

} // namespace minivisor::qmp
