// SPDX-License-Identifier: GPL-3.0-or-later
#include "qapi/keyval.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace minivisor::qapi {

namespace {

/// The longest part of a dotted key.
constexpr std::size_t max_fragment = 127;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_help(std::string_view word) { return word == "help" || word == "?"; }

/// How many characters at the start are a name such as QAPI's: letters, digits, '-' and '_' after a letter,
/// perhaps behind a vendor's "__RFQDN_". 0 if none.
std::size_t name_length(std::string_view text)
{
    std::size_t at = 0;
    auto const peek = [&] { return at < text.size() ? text[at] : '\0'; };
    if (peek() == '_') {
        if (!text.starts_with("__"))
            return 0;
        at = 2;
        while (is_letter(peek()) || is_digit(peek()) || peek() == '-' || peek() == '.')
            ++at;
        if (peek() != '_')
            return 0;
        ++at;
    }
    if (!is_letter(peek()))
        return 0;
    while (is_letter(peek()) || is_digit(peek()) || peek() == '-' || peek() == '_')
        ++at;
    return at;
}

std::size_t index_length(std::string_view text)
{
    std::size_t at = 0;
    while (at < text.size() && is_digit(text[at]))
        ++at;
    return at;
}

/// The list index that a key part stands for; too large ones count as the largest.
std::optional<std::size_t> to_index(std::string_view fragment)
{
    if (fragment.empty() || index_length(fragment) != fragment.size())
        return std::nullopt;
    std::size_t index = 0;
    if (std::from_chars(fragment.data(), fragment.data() + fragment.size(), index).ec != std::errc{})
        return std::numeric_limits<std::size_t>::max();
    return index;
}

/// A value up to the next single comma, which is taken too; ",," stands for one comma.
std::string take_value(std::string_view& rest)
{
    std::string value;
    for (;;) {
        auto const comma = rest.find(',');
        value += rest.substr(0, comma);
        if (comma == std::string_view::npos) {
            rest = {};
            return value;
        }
        rest.remove_prefix(comma + 1);
        if (!rest.starts_with(','))
            return value;
        value += ',';
        rest.remove_prefix(1);
    }
}

/// The object in `parent` under `fragment`, made if there is none. `path` is the key up to the fragment's end.
Result<Object*> step_into(Object& parent, std::string_view fragment, std::string_view path)
{
    auto const [member, is_new] = parent.emplace(fragment, Object());
    if (!member->value().is_object())
        return Error::generic(cat("Parameters '", path, ".*' used inconsistently"));
    return &member->value().get_object();
}

Result<void> put(Object& parent, std::string_view fragment, std::string value, std::string_view key)
{
    auto const [member, is_new] = parent.emplace(fragment, nullptr);
    if (!is_new && !member->value().is_string())
        return Error::generic(cat("Parameters '", key, ".*' used inconsistently"));
    member->value() = std::move(value);
    return {};
}

/// Puts the value at the end of a dotted path. The key is checked before the '=' behind it is, as in QEMU.
Result<void> assign(Object& object, std::string_view key, std::optional<std::string> value)
{
    Object* parent = &object;
    std::size_t begin = 0;
    for (std::size_t depth = 1;; ++depth) {
        auto const rest = key.substr(begin);
        std::size_t length = begin == 0 ? 0 : index_length(rest);
        if (length == 0)
            length = name_length(rest);
        bool const last = length == rest.size();
        if (length == 0 || (!last && rest[length] != '.'))
            return Error::generic(cat("Invalid parameter '", key, "'"));
        auto const fragment = rest.substr(0, length);
        if (length > max_fragment)
            return Error::generic(
                cat("Parameter", length != key.size() ? " fragment" : "", " '", fragment, "' is too long"));
        if (last) {
            if (!value)
                return Error::generic(cat("Expected '=' after parameter '", key, "'"));
            return put(*parent, fragment, *std::move(value), key);
        }
        if (depth == max_keyval_nesting)
            return Error::generic(cat("Parameter '", key, "' is nested too deeply"));
        parent = TRY(step_into(*parent, fragment, key.substr(0, begin + length)));
        begin += length + 1;
    }
}

/// The members of an object whose keys are numbers, as a list.
Result<Value> to_list(Object& object, std::string const& path)
{
    std::vector<Value*> elements(object.size(), nullptr);
    std::size_t count = 0; // one behind the largest index, or past `elements` if that leaves a hole anyway
    for (auto& member : object) {
        auto const index = *to_index(member.key());
        count = std::max(count, std::min(index, elements.size()) + 1);
        if (index < elements.size())
            elements[index] = &member.value();
    }
    Array list;
    for (std::size_t i = 0; i < count; ++i) {
        if (i >= elements.size() || elements[i] == nullptr)
            return Error::generic(cat("Parameter '", path, i, "' missing"));
        list.push_back(std::move(*elements[i]));
    }
    return Value(std::move(list));
}

/// Turns objects with numbered keys, at any depth, into lists. `path` ends with a '.' or is empty.
Result<void> make_lists(Value& value, std::string const& path)
{
    auto& object = value.get_object();
    bool has_index = false;
    bool has_name = false;
    for (auto& member : object) {
        (to_index(member.key()) ? has_index : has_name) = true;
        if (member.value().is_object())
            TRY(make_lists(member.value(), cat(path, std::string_view(member.key()), ".")));
    }
    if (has_index && has_name)
        return Error::generic(cat("Parameters '", path, "*' used inconsistently"));
    if (has_index)
        value = TRY(to_list(object, path));
    return {};
}

} // namespace

Result<Keyval> parse_keyval(std::string_view text, std::string_view implied_key)
{
    Keyval result;
    Value root = Object();
    while (!text.empty()) {
        auto const end = std::min(text.find_first_of("=,"), text.size());
        auto const word = text.substr(0, end);
        bool const has_value = text.substr(end).starts_with('=');
        text.remove_prefix(has_value || end == text.size() ? end : end + 1);
        if (has_value) {
            text.remove_prefix(1);
            TRY(assign(root.get_object(), word, take_value(text)));
        } else if (is_help(word)) {
            result.help = true;
        } else if (!implied_key.empty() && !word.empty()) {
            TRY(assign(root.get_object(), implied_key, std::string(word)));
        } else {
            TRY(assign(root.get_object(), word, std::nullopt));
        }
        implied_key = {};
    }
    TRY(make_lists(root, ""));
    result.object = std::move(root.get_object());
    return result;
}

QemuOpt const* QemuOpts::find_last(std::string_view name) const
{
    for (auto item = items.rbegin(); item != items.rend(); ++item) {
        if (item->name == name)
            return &*item;
    }
    return nullptr;
}

QemuOpts parse_qemu_opts(std::string_view text, std::string_view implied_key)
{
    QemuOpts result;
    while (!text.empty()) {
        auto const end = std::min(text.find_first_of("=,"), text.size());
        QemuOpt item;
        if (text.substr(end).starts_with('=')) {
            item.name = text.substr(0, end);
            text.remove_prefix(end + 1);
            item.value = take_value(text);
        } else if (!implied_key.empty()) {
            item.name = implied_key;
            item.value = take_value(text);
            result.help |= is_help(item.value);
        } else {
            item.short_form = text.substr(0, end);
            text.remove_prefix(std::min(end + 1, text.size()));
            bool const off = item.short_form.starts_with("no");
            item.name = item.short_form.substr(off ? 2 : 0);
            item.value = off ? "off" : "on";
            result.help |= is_help(item.short_form);
        }
        result.items.push_back(std::move(item));
        implied_key = {};
    }
    return result;
}

} // namespace minivisor::qapi
