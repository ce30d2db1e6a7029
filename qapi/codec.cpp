// SPDX-License-Identifier: GPL-3.0-or-later
#include "qapi/codec.hpp"

#include "util/text.hpp"

#include <charconv>
#include <cmath>
#include <limits>

namespace minivisor::qapi {

namespace {

/// Where in the input we are: the full path for most errors, the member's own name for the rest.
struct Place {
    std::string path;
    std::string leaf;

    /// QEMU's visitors call the elements of a list "null" where they use the bare name.
    std::string const& leaf_or_null() const
    {
        static std::string const null_name = "null";
        return leaf.empty() ? null_name : leaf;
    }
};

Error wrong_type(std::string_view name, std::string_view expected)
{
    return Error::generic(cat("Invalid parameter type for '", name.empty() ? "null" : name, "', expected: ", expected));
}

Error expects(std::string_view name, std::string_view what)
{
    return Error::generic(cat("Parameter '", name.empty() ? "null" : name, "' expects ", what));
}

/// Which branch of the union the tag names.
std::size_t chosen_branch(TypeInfo const& type, void const* object)
{
    auto const* tag = type.find_member(type.choice->tag);
    return static_cast<std::size_t>(load_integer(*tag->type, tag->get(object)));
}

class Decoder {
public:
    explicit Decoder(Spelling spelling)
        : m_keyval(spelling != Spelling::json)
        , m_options(spelling == Spelling::qemu_opts)
    {
    }

    Result<void> decode(TypeInfo const& type, void* target, Value const& value, Place const& place)
    {
        switch (type.kind) {
        case Kind::boolean: *static_cast<bool*>(target) = TRY(boolean(value, place)); return {};
        case Kind::integer: store_integer(type, target, TRY(integer(type, value, place))); return {};
        case Kind::size: static_cast<Size*>(target)->bytes = TRY(size(value, place)); return {};
        case Kind::number: *static_cast<double*>(target) = TRY(number(value, place)); return {};
        case Kind::string: *static_cast<std::string*>(target) = TRY(text(value, place)); return {};
        case Kind::any: *static_cast<Value*>(target) = value; return {};
        case Kind::str_or_null: return str_or_null(*static_cast<StrOrNull*>(target), value, place);
        case Kind::enumeration: return enumeration(type, target, value, place);
        case Kind::array: return array(type, target, value, place);
        case Kind::object: return object(type, target, value, place);
        }
        return {};
    }

private:
    Result<std::string> text(Value const& value, Place const& place)
    {
        if (!value.is_string())
            return wrong_type(place.path, "string");
        return str(value.get_string());
    }

    Result<bool> boolean(Value const& value, Place const& place)
    {
        if (!m_keyval) {
            if (!value.is_bool())
                return wrong_type(place.path, "boolean");
            return value.get_bool();
        }
        auto const word = TRY(text(value, place));
        if (word == "on" || word == "yes" || word == "true" || word == "y")
            return true;
        if (word == "off" || word == "no" || word == "false" || word == "n")
            return false;
        return expects(place.path, "'on' or 'off'");
    }

    Result<std::int64_t> integer(TypeInfo const& type, Value const& value, Place const& place)
    {
        auto const number = TRY(type.is_signed ? wide_signed(value, place) : wide_unsigned(value, place));
        bool fits = true;
        if (type.bits < 64) {
            auto const low = type.is_signed ? -(std::int64_t{1} << (type.bits - 1)) : 0;
            auto const high = (std::int64_t{1} << (type.is_signed ? type.bits - 1 : type.bits)) - 1;
            fits = number >= low && number <= high;
        }
        if (!fits)
            return expects(place.leaf_or_null(), type.c_name());
        return number;
    }

    Result<std::int64_t> wide_signed(Value const& value, Place const& place)
    {
        if (m_keyval) {
            auto const number = util::parse_int64(TRY(text(value, place)));
            if (!number)
                return expects(place.path, m_options ? "an int64 value" : "integer");
            return *number;
        }
        if (value.is_int64())
            return value.get_int64();
        return wrong_type(place.path, "integer");
    }

    /// Negative numbers wrap, as in QEMU, whose clients rely on it for sizes.
    Result<std::int64_t> wide_unsigned(Value const& value, Place const& place)
    {
        if (m_keyval) {
            auto const word = TRY(text(value, place));
            if (auto const number = util::parse_uint64(word))
                return static_cast<std::int64_t>(*number);
            if (auto const number = util::parse_int64(word))
                return *number;
            return expects(place.path, m_options ? "a uint64 value" : "integer");
        }
        if (value.is_int64())
            return value.get_int64();
        if (value.is_uint64())
            return static_cast<std::int64_t>(value.get_uint64());
        return expects(place.path, "uint64");
    }

    Result<std::uint64_t> size(Value const& value, Place const& place)
    {
        if (!m_keyval)
            return static_cast<std::uint64_t>(TRY(wide_unsigned(value, place)));
        auto const bytes = util::parse_size(TRY(text(value, place)));
        if (!bytes)
            return expects(place.path, m_options ? "a size value" : "size");
        return *bytes;
    }

    Result<double> number(Value const& value, Place const& place)
    {
        if (!m_keyval && value.is_number())
            return value.to_number<double>();
        if (m_keyval) {
            auto const word = TRY(text(value, place));
            double read = 0;
            auto const [end, code] = std::from_chars(word.data(), word.data() + word.size(), read);
            if (code == std::errc() && end == word.data() + word.size() && std::isfinite(read))
                return read;
        }
        return wrong_type(place.path, "number");
    }

    Result<void> str_or_null(StrOrNull& target, Value const& value, Place const& place)
    {
        if (value.is_string())
            target.text = str(value.get_string());
        else if (value.is_null() && !m_keyval)
            target.text.reset();
        else
            return wrong_type(place.leaf_or_null(), "StrOrNull");
        return {};
    }

    Result<void> enumeration(TypeInfo const& type, void* target, Value const& value, Place const& place)
    {
        auto const word = TRY(text(value, place));
        for (std::size_t i = 0; i < type.values.size(); ++i) {
            if (type.values[i] == word) {
                store_integer(type, target, static_cast<std::int64_t>(i));
                return {};
            }
        }
        return Error::generic(cat("Parameter '", place.leaf_or_null(), "' does not accept value '", word, "'"));
    }

    /// "3", or "0-3", for a list of numbers.
    Result<void> range(TypeInfo const& type, void* target, std::string_view word, Place const& place)
    {
        constexpr std::uint64_t most = 65536;
        auto const dash = word.find('-', 1);
        auto const first = util::parse_uint64(word.substr(0, dash));
        auto const last = dash == word.npos ? first : util::parse_uint64(word.substr(dash + 1));
        if (!first || !last || *last < *first || *last - *first >= most)
            return expects(place.path, "a uint64 value or range");
        type.clear(target);
        for (auto number = *first; number - *first <= *last - *first; ++number)
            TRY(decode(*type.element, type.append(target), Value(std::to_string(number)), place));
        return {};
    }

    Result<void> array(TypeInfo const& type, void* target, Value const& value, Place const& place)
    {
        if (m_options && value.is_string() && type.element->kind == Kind::integer)
            return range(type, target, view(value.get_string()), place);
        if (!value.is_array())
            return wrong_type(place.path, "array");
        type.clear(target); // it may hold what was in force before
        std::size_t index = 0;
        for (auto const& element : value.get_array()) {
            Place const inner{m_keyval ? cat(place.path, ".", index) : cat(place.path, "[", index, "]"), {}};
            TRY(decode(*type.element, type.append(target), element, inner));
            ++index;
        }
        return {};
    }

    Result<void> object(TypeInfo const& type, void* target, Value const& value, Place const& place)
    {
        if (!value.is_object())
            return wrong_type(place.path, "object");
        auto const& given = value.get_object();
        auto const path_of = [&](std::string_view name) {
            return place.path.empty() ? std::string(name) : cat(place.path, ".", name);
        };
        std::size_t used = 0;
        for (auto const& member : type.members) {
            if (auto const* found = given.if_contains(member.name)) {
                ++used;
                TRY(decode(*member.type, member.put(target), *found, {path_of(member.name), member.name}));
            } else if (!member.optional) {
                return Error::generic(cat("Parameter '", path_of(member.name), "' is missing"));
            }
        }
        if (type.choice) {
            auto const& choice = *type.choice;
            auto const* found = given.if_contains(choice.name);
            if (!found)
                return Error::generic(cat("Parameter '", path_of(choice.name), "' is missing"));
            ++used;
            auto const branch = chosen_branch(type, target);
            TRY(decode(
                *choice.branches[branch], choice.choose(target, branch), *found, {path_of(choice.name), choice.name}));
        }
        if (used != given.size()) {
            for (auto const& [key, unused] : given)
                if (!type.find_member({key.data(), key.size()}) && !(type.choice && key == type.choice->name))
                    return unexpected(path_of({key.data(), key.size()}));
        }
        return {};
    }

    Error unexpected(std::string const& path) const
    {
        return Error::generic(
            m_options ? cat("Invalid parameter '", path, "'") : cat("Parameter '", path, "' is unexpected"));
    }

    bool m_keyval;
    bool m_options;
};

} // namespace

Result<void> decode_into(
    TypeInfo const& type, void* target, Value const& value, std::string const& name, Spelling spelling)
{
    return Decoder(spelling).decode(type, target, value, {name, name});
}

Value encode_from(TypeInfo const& type, void const* source)
{
    switch (type.kind) {
    case Kind::boolean: return *static_cast<bool const*>(source);
    case Kind::size: return static_cast<Size const*>(source)->bytes;
    case Kind::number: return *static_cast<double const*>(source);
    case Kind::string: return Value(*static_cast<std::string const*>(source));
    case Kind::any: return *static_cast<Value const*>(source);
    case Kind::integer: {
        auto const number = load_integer(type, source);
        if (type.is_signed || number >= 0)
            return number;
        return static_cast<std::uint64_t>(number);
    }
    case Kind::str_or_null: {
        auto const& text = static_cast<StrOrNull const*>(source)->text;
        return text ? Value(*text) : Value(nullptr);
    }
    case Kind::enumeration: return Value(type.values.at(static_cast<std::size_t>(load_integer(type, source))));
    case Kind::array: {
        Array list;
        auto const count = type.count(source);
        list.reserve(count);
        for (std::size_t i = 0; i < count; ++i)
            list.push_back(encode_from(*type.element, type.at(source, i)));
        return list;
    }
    case Kind::object: {
        Object object;
        object.reserve(type.members.size());
        for (auto const& member : type.members)
            if (auto const* held = member.get(source))
                object.emplace(member.name, encode_from(*member.type, held));
        if (type.choice)
            object.emplace(type.choice->name,
                encode_from(*type.choice->branches[chosen_branch(type, source)], type.choice->chosen(source)));
        return object;
    }
    }
    return nullptr;
}

Result<void> conforms(TypeInfo const& type, Value const& value)
{
    auto const scratch = type.make();
    return decode_into(type, scratch.get(), value);
}

} // namespace minivisor::qapi
