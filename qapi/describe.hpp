// SPDX-License-Identifier: GPL-3.0-or-later
// Makes a TypeInfo from a described C++ type. A struct on the wire is declared with
// BOOST_DESCRIBE_STRUCT and a constexpr docs(T const*) that lists the wire names of its members in
// order, each with its meaning; a static_assert compares the two ('-' and '_' alike). An enum is
// declared with BOOST_DESCRIBE_ENUM, its wire names being the enumerators with '_' as '-'; an
// enumerator that is a C++ word takes a trailing underscore; a constexpr docs(E const*) may say what each
// value means. optional<T> is an optional member. A variant, which stands last, makes the struct a union: the member
// before it, an enum, says which alternative is there.
#pragma once

#include "qapi/type_info.hpp"
#include "qapi/value.hpp"

#include <boost/describe.hpp>
#include <boost/mp11.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace minivisor::qapi {

/// A number of bytes: on QMP an integer, in option strings with suffixes such as 64M.
struct Size {
    std::uint64_t bytes = 0;
    friend bool operator==(Size, Size) = default;
};

/// A string or null (QEMU's alternate StrOrNull).
struct StrOrNull {
    std::optional<std::string> text;
    friend bool operator==(StrOrNull const&, StrOrNull const&) = default;
};

/// No members: the arguments of most queries, and what they return that have nothing to say.
struct Empty { };
BOOST_DESCRIBE_STRUCT(Empty, (), ())

struct MemberDoc {
    std::string_view name;
    std::string_view text;
};

template <std::size_t N>
constexpr std::array<MemberDoc, N> members(MemberDoc const (&list)[N])
{
    std::array<MemberDoc, N> docs;
    for (std::size_t i = 0; i < N; ++i)
        docs[i] = list[i];
    return docs;
}
constexpr std::array<MemberDoc, 0> members() { return {}; }
constexpr auto docs(Empty const*) { return members(); }

namespace detail {

template <typename T>
using OwnMembers = boost::describe::describe_members<T, boost::describe::mod_public>;
template <typename T>
using Bases = boost::describe::describe_bases<T, boost::describe::mod_public>;

constexpr bool same_name(std::string_view described, std::string_view wire)
{
    if (described.ends_with('_'))
        described.remove_suffix(1);
    constexpr std::string_view vendor = "__org.minivisor_"; // not expressible in C++, and the same for all
    if (wire.starts_with(vendor))
        wire.remove_prefix(vendor.size());
    if (described.size() != wire.size())
        return false;
    for (std::size_t i = 0; i < wire.size(); ++i)
        if (described[i] != wire[i] && !(described[i] == '_' && wire[i] == '-'))
            return false;
    return true;
}

template <typename T>
constexpr bool docs_match()
{
    constexpr auto list = docs(static_cast<T const*>(nullptr));
    if (list.size() != boost::mp11::mp_size<OwnMembers<T>>::value)
        return false;
    bool match = true;
    std::size_t i = 0;
    boost::mp11::mp_for_each<OwnMembers<T>>([&](auto d) { match = match && same_name(d.name, list[i++].name); });
    return match;
}

/// The words for an enum's values say each of them, in order.
template <typename E>
constexpr bool value_docs_match()
{
    constexpr auto list = docs(static_cast<E const*>(nullptr));
    if (list.size() != boost::mp11::mp_size<boost::describe::describe_enumerators<E>>::value)
        return false;
    bool match = true;
    std::size_t i = 0;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>(
        [&](auto d) { match = match && same_name(d.name, list[i++].name); });
    return match;
}

/// The type's own name, without namespaces.
template <typename T>
constexpr std::string_view bare_name()
{
    std::string_view text = __PRETTY_FUNCTION__;
    text.remove_prefix(text.find("T = ") + 4);
    text = text.substr(0, text.find_first_of(";]"));
    auto const colon = text.rfind(':');
    return colon == text.npos ? text : text.substr(colon + 1);
}

template <typename T>
struct IsOptional : std::false_type {
    using type = T;
};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {
    using type = T;
};
template <typename T>
struct IsVector : std::false_type {
};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {
    using type = T;
};

template <typename T>
struct IsVariant : std::false_type {
};
template <typename... T>
struct IsVariant<std::variant<T...>> : std::true_type {
};

template <typename T>
TypeInfo make_type_info();

} // namespace detail

/// The run-time description of T; the same object at each call.
template <typename T>
TypeInfo const& type_of()
{
    static TypeInfo const info = detail::make_type_info<T>();
    return info;
}

namespace detail {

// What differs from type to type is tables and small functions; they are put together in describe.cpp. Compiling a
// description is then cheap in each of the many files that need one.

template <auto Pointer>
struct MemberTypeOf;
template <typename C, typename M, M C::*Pointer>
struct MemberTypeOf<Pointer> {
    using type = M;
};

/// A member, but for its name and meaning.
struct MemberRow {
    void const* (*get)(void const* object);
    void* (*put)(void* object);
    TypeInfo const& (*type)();
    bool optional;
};

template <typename Holder, auto Pointer>
constexpr MemberRow member_row()
{
    using Declared = typename MemberTypeOf<Pointer>::type;
    constexpr bool optional = IsOptional<Declared>::value;
    return {[](void const* object) -> void const* {
                auto const& held = static_cast<Holder const*>(object)->*Pointer;
                if constexpr (optional)
                    return held ? &*held : nullptr;
                else
                    return &held;
            },
        [](void* object) -> void* {
            auto& held = static_cast<Holder*>(object)->*Pointer;
            if constexpr (optional)
                return held ? &*held : &held.emplace();
            else
                return &held;
        },
        &type_of<typename IsOptional<Declared>::type>, optional};
}

template <typename Holder, typename... Descriptors>
constexpr std::array<MemberRow, sizeof...(Descriptors)> member_rows(boost::mp11::mp_list<Descriptors...>)
{
    return {member_row<Holder, Descriptors::pointer>()...};
}

template <typename Descriptor>
using IsChoice = IsVariant<typename MemberTypeOf<Descriptor::pointer>::type>;

template <typename Variant>
struct Alternatives;
template <typename... T>
struct Alternatives<std::variant<T...>> {
    static std::vector<TypeInfo const*> types() { return {&type_of<T>()...}; }
    static void* emplace(std::variant<T...>& variant, std::size_t index)
    {
        return boost::mp11::mp_with_index<sizeof...(T)>(
            index, [&](auto i) -> void* { return &variant.template emplace<i.value>(); });
    }
};

template <typename Holder, auto Pointer>
Choice make_choice(MemberDoc const& doc, std::string tag)
{
    using Held = typename MemberTypeOf<Pointer>::type;
    return {std::string(doc.name), std::string(doc.text), std::move(tag), Alternatives<Held>::types(),
        [](void* object, std::size_t branch) {
            return Alternatives<Held>::emplace(static_cast<Holder*>(object)->*Pointer, branch);
        },
        [](void const* object) {
            return std::visit(
                [](auto const& held) -> void const* { return &held; }, static_cast<Holder const*>(object)->*Pointer);
        }};
}

void add_rows(TypeInfo& info, std::span<MemberDoc const> docs, std::span<MemberRow const> rows);

template <typename Holder, typename Part>
void add_members(TypeInfo& info)
{
    boost::mp11::mp_for_each<Bases<Part>>([&](auto base) { add_members<Holder, typename decltype(base)::type>(info); });
    static_assert(docs_match<Part>(), "docs() must list the wire name of each member, in order");
    static constexpr auto part_docs = docs(static_cast<Part const*>(nullptr));
    using All = boost::mp11::mp_rename<OwnMembers<Part>, boost::mp11::mp_list>;
    using Plain = boost::mp11::mp_remove_if<All, IsChoice>;
    static constexpr auto rows = member_rows<Holder>(Plain());
    add_rows(info, part_docs, rows);
    if constexpr (boost::mp11::mp_size<Plain>::value < boost::mp11::mp_size<All>::value) {
        using Last = boost::mp11::mp_back<All>;
        static_assert(IsChoice<Last>::value, "a union's variant stands last");
        info.choice = make_choice<Holder, Last::pointer>(part_docs.back(), info.members.back().name);
    }
}

template <typename... Descriptors>
constexpr std::array<char const*, sizeof...(Descriptors)> enumerator_names(boost::mp11::mp_list<Descriptors...>)
{
    return {Descriptors::name...};
}

TypeInfo scalar_info(Kind kind, std::string_view name, unsigned bits = 0);
TypeInfo integer_info(bool is_signed, unsigned bits, bool is_int);
TypeInfo enumeration_info(std::string_view name, std::span<char const* const> enumerators);
void add_value_docs(TypeInfo& info, std::span<MemberDoc const> docs);
TypeInfo array_info(TypeInfo const& element);
TypeInfo object_info(std::string_view name);

template <typename T>
TypeInfo make_type_info()
{
    auto info = [] {
        if constexpr (std::is_same_v<T, bool>)
            return scalar_info(Kind::boolean, "bool");
        else if constexpr (std::is_same_v<T, Size>)
            return scalar_info(Kind::size, "size", 64);
        else if constexpr (std::is_integral_v<T>)
            return integer_info(std::is_signed_v<T>, 8 * sizeof(T), std::is_same_v<T, std::int64_t>);
        else if constexpr (std::is_floating_point_v<T>)
            return scalar_info(Kind::number, "number");
        else if constexpr (std::is_same_v<T, std::string>)
            return scalar_info(Kind::string, "str");
        else if constexpr (std::is_same_v<T, Value>)
            return scalar_info(Kind::any, "any");
        else if constexpr (std::is_same_v<T, StrOrNull>)
            return scalar_info(Kind::str_or_null, "StrOrNull");
        else if constexpr (IsVector<T>::value)
            return array_info(type_of<typename IsVector<T>::type>());
        else if constexpr (std::is_enum_v<T>)
            return enumeration_info(bare_name<T>(),
                enumerator_names(
                    boost::mp11::mp_rename<boost::describe::describe_enumerators<T>, boost::mp11::mp_list>()));
        else
            return object_info(bare_name<T>());
    }();
    info.construct = []() -> void* { return new T(); };
    info.destroy = [](void* value) { delete static_cast<T*>(value); };
    if constexpr (IsVector<T>::value) {
        info.count = [](void const* array) { return static_cast<T const*>(array)->size(); };
        info.at = [](void const* array, std::size_t index) -> void const* {
            return &(*static_cast<T const*>(array))[index];
        };
        info.clear = [](void* array) { static_cast<T*>(array)->clear(); };
        info.append = [](void* array) -> void* { return &static_cast<T*>(array)->emplace_back(); };
    } else if constexpr (std::is_enum_v<T>) {
        static_assert(sizeof(T) == sizeof(int));
        if constexpr (requires { docs(static_cast<T const*>(nullptr)); }) {
            static_assert(value_docs_match<T>(), "docs() of an enum must list the wire name of each value, in order");
            static constexpr auto value_docs = docs(static_cast<T const*>(nullptr));
            add_value_docs(info, value_docs);
        }
    } else if constexpr (boost::describe::has_describe_members<T>::value) {
        add_members<T, T>(info);
    }
    return info;
}

} // namespace detail

// Made once, in describe.cpp.
extern template TypeInfo const& type_of<bool>();
extern template TypeInfo const& type_of<std::int64_t>();
extern template TypeInfo const& type_of<std::uint8_t>();
extern template TypeInfo const& type_of<std::uint16_t>();
extern template TypeInfo const& type_of<std::uint32_t>();
extern template TypeInfo const& type_of<std::uint64_t>();
extern template TypeInfo const& type_of<double>();
extern template TypeInfo const& type_of<std::string>();
extern template TypeInfo const& type_of<Size>();
extern template TypeInfo const& type_of<StrOrNull>();
extern template TypeInfo const& type_of<Value>();
extern template TypeInfo const& type_of<Empty>();
extern template TypeInfo const& type_of<std::vector<std::string>>();

/// The wire name of an enumerator.
template <typename E>
requires std::is_enum_v<E> std::string const& wire_name(E value)
{
    return type_of<E>().values.at(static_cast<std::size_t>(value));
}

} // namespace minivisor::qapi
