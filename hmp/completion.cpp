// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/completion.hpp"

#include "qapi/schema/migration.hpp"
#include "qapi/schema/qom.hpp"
#include "util/text.hpp"
#include "util/trace.hpp"

#include <algorithm>

namespace minivisor::hmp {

namespace {

constexpr std::string_view objects_path = "/objects";

class Completer {
public:
    Completer(monitor::House& house, CommandTable const& table, std::string_view word)
        : m_house(house)
        , m_table(table)
        , m_word(word)
    {
    }

    Candidates run(std::string_view before)
    {
        if (before.ends_with('"'))
            before.remove_suffix(1); // it opens the word
        std::vector<std::string_view> words;
        auto line = split_line(before);
        auto const* command = m_table.find(line.word);
        if (line.word.empty()) {
            offer_commands(m_table.commands());
        } else if (command && command->is_called(info_word) && line.rest.empty()) {
            offer_commands(m_table.topics());
        } else if (command) {
            if (command->is_called(info_word)) {
                line = split_line(line.rest);
                command = m_table.find_topic(line.word);
            }
            if (command)
                offer_argument(*command, line.rest);
        }
        std::sort(m_found.words.begin(), m_found.words.end());
        m_found.words.erase(std::unique(m_found.words.begin(), m_found.words.end()), m_found.words.end());
        return std::move(m_found);
    }

private:
    void offer(std::string_view word)
    {
        if (word.starts_with(m_word))
            m_found.words.emplace_back(word);
    }
    void offer_all(std::vector<std::string> const& words)
    {
        for (auto const& word : words)
            offer(word);
    }

    void offer_commands(std::vector<Command> const& list)
    {
        for (auto const& command : list)
            if (command.listed)
                for (auto const word : command.words())
                    offer(word);
    }

    void offer_argument(Command const& command, std::string_view rest)
    {
        bool const has_flags = std::any_of(command.args.begin(), command.args.end(),
            [](Arg const& arg) { return arg.kind == ArgKind::flag || arg.kind == ArgKind::flag_value; });
        std::vector<std::string_view> words;
        for (auto word : util::split(rest, ' ')) {
            word = util::trim(word);
            if (!word.empty() && !(has_flags && words.empty() && word.starts_with('-')))
                words.push_back(word);
        }
        bool const is_text = !command.completions.empty() && command.completions[0] == Completion::object_text;
        if (is_text)
            offer_object_text(rest);
        else if (words.size() < command.completions.size())
            offer_kind(command.completions[words.size()], words.empty() ? std::string_view() : words.back());
        else if (words.size() == 1 && words[0] == info_word && command.completions == std::vector{Completion::command})
            offer_commands(m_table.topics());
    }

    /// `last` is the argument before.
    void offer_kind(Completion kind, std::string_view last)
    {
        switch (kind) {
        case Completion::none: break;
        case Completion::command: offer_commands(m_table.commands()); break;
        case Completion::object_text: break;
        case Completion::object_id: offer_ids(); break;
        case Completion::path: offer_paths(); break;
        case Completion::property: offer_properties(last); break;
        case Completion::parameter:
            for (auto const& member : qapi::type_of<qapi::MigrationParameters>().members)
                offer(member.name);
            break;
        case Completion::parameter_value: offer_parameter_values(last); break;
        case Completion::capability: offer_all(qapi::type_of<qapi::MigrationCapability>().values); break;
        case Completion::on_off: offer_all({"on", "off"}); break;
        case Completion::migration_state: offer_all(qapi::type_of<qapi::MigrationStatus>().values); break;
        case Completion::trace_point:
            for (auto const& point : trace::points())
                offer(point.name);
            break;
        case Completion::file: m_found.files = true; break;
        }
    }

    void offer_parameter_values(std::string_view parameter)
    {
        auto const* member = qapi::type_of<qapi::MigrationParameters>().find_member(parameter);
        if (!member)
            return;
        offer_values(*member->type);
        if (parameter == "tls-creds" || parameter == "tls-authz")
            offer_ids();
    }

    void offer_values(qapi::TypeInfo const& type)
    {
        if (type.kind == qapi::Kind::boolean)
            offer_all({"on", "off"});
        else if (type.kind == qapi::Kind::enumeration)
            offer_all(type.values);
    }

    std::vector<qapi::ObjectPropertyInfo> list(std::string path)
    {
        auto const* command = m_house.registry().find(qapi::QomList::name);
        if (!command || !std::holds_alternative<qapi::SyncHandler>(command->handler))
            return {};
        qapi::CallContext nobody;
        auto const listed = m_house.run_now(*command, qapi::encode(qapi::QomListArguments{std::move(path)}), nobody);
        if (!listed)
            return {};
        return qapi::decode<std::vector<qapi::ObjectPropertyInfo>>(*listed).value_or({});
    }

    void offer_ids()
    {
        for (auto const& property : list(std::string(objects_path)))
            if (property.type.starts_with("child<"))
                offer(property.name);
    }

    void offer_properties(std::string_view path)
    {
        for (auto const& property : list(std::string(path)))
            offer(property.name);
    }

    /// Absolute paths grow by one name at a time; a word without a slash may be an id.
    void offer_paths()
    {
        auto const slash = m_word.rfind('/');
        if (slash == m_word.npos) {
            offer_ids();
            offer("/");
            m_found.ends_word = m_found.words != std::vector<std::string>{"/"};
            return;
        }
        auto const folder = m_word.substr(0, slash + 1);
        for (auto const& property : list(std::string(folder)))
            if (property.type.starts_with("child<"))
                offer(cat(folder, property.name));
        m_found.ends_word = false;
    }

    void offer_types()
    {
        for (auto const& [name, options] : object_types())
            offer(name);
        offer("help");
    }

    std::vector<std::pair<std::string, qapi::TypeInfo const*>> object_types()
    {
        auto const* command = m_house.registry().find(qapi::ObjectAdd::name);
        if (!command || !command->union_of)
            return {};
        return command->union_of().branches;
    }

    /// TYPE,id=ID,KEY=VALUE,...: `text` ends behind the ',' or '=' before the word.
    void offer_object_text(std::string_view text)
    {
        m_found.ends_word = false;
        auto const items = util::split(text, ',');
        auto key = items.back();
        bool const is_value = key.ends_with('=');
        if (is_value)
            key.remove_suffix(1);
        if (text.empty() || (is_value && key == "qom-type"))
            return offer_types();
        auto type_name = items.front();
        if (auto const equals = type_name.find('='); equals != type_name.npos)
            type_name.remove_prefix(equals + 1);
        for (auto const& [name, options] : object_types())
            if (name == type_name)
                is_value ? offer_member_values(*options, key) : offer_members(*options, text);
    }

    void offer_members(qapi::TypeInfo const& options, std::string_view text)
    {
        auto const offer_key = [&](std::string_view name) {
            auto const key = cat(name, "=");
            if (text.find("," + key) == text.npos)
                offer(key);
        };
        offer_key("id");
        for (auto const& member : options.members)
            offer_key(member.name);
    }

    void offer_member_values(qapi::TypeInfo const& options, std::string_view key)
    {
        static constexpr std::string_view files[]{"dir", "file", "filename", "mem-path"};
        static constexpr std::string_view ids[]{"passwordid", "keyid"};
        auto const* member = options.find_member(key);
        if (!member)
            return;
        offer_values(*member->type);
        m_found.files = std::find(std::begin(files), std::end(files), key) != std::end(files);
        if (std::find(std::begin(ids), std::end(ids), key) != std::end(ids))
            offer_ids();
    }

    monitor::House& m_house;
    CommandTable const& m_table;
    std::string_view m_word;
    Candidates m_found;
};

} // namespace

std::string_view word_breaks(std::string_view line) { return split_line(line).word == "object_add" ? " \t,=" : " \t"; }

Candidates complete(monitor::House& house, CommandTable const& table, std::string_view before, std::string_view word)
{
    return Completer(house, table, word).run(before);
}

} // namespace minivisor::hmp
