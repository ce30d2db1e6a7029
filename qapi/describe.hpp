// SPDX-License-Identifier: GPL-3.0-or-later
// Makes a TypeInfo from a described C++ type. A struct on the wire is declared with
// BOOST_DESCRIBE_STRUCT and a constexpr docs(T const*) that lists the wire names of its members in
// order, each with its meaning; a static_assert compares the two ('-' and '_' alike). An enum is
// declared with BOOST_DESCRIBE_ENUM, its wire names being the enumerators with '_' as '-'; an
// enumerator that is a C++ word takes a trailing underscore; a constexpr docs(E const*) may say what each
// value means. optional<T> is an optional member.
#pragma once

#include "qapi/type_info.hpp"
#include "qapi/value.hpp"

#include <boost/describe.hpp>
#include <boost/mp11.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
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

template <auto Pointer>
struct MemberTypeOf;
template <typename C, typename M, M C::*Pointer>
struct MemberTypeOf<Pointer> {
    using Class = C;
    using type = M;
};

template <typename Holder, auto Pointer>
Member make_member(MemberDoc const& doc)
{
    using Declared = typename MemberTypeOf<Pointer>::type;
    using Inner = typename IsOptional<Declared>::type;
    Member member;
    member.name = std::string(doc.name);
    member.doc = std::string(doc.text);
    member.type = &type_of<Inner>();
    member.optional = IsOptional<Declared>::value;
    member.get = [](void const* object) -> void const* {
        auto const& held = static_cast<Holder const*>(object)->*Pointer;
        if constexpr (IsOptional<Declared>::value)
            return held ? &*held : nullptr;
        else
            return &held;
    };
    member.put = [](void* object) -> void* {
        auto& held = static_cast<Holder*>(object)->*Pointer;
        if constexpr (IsOptional<Declared>::value)
            return held ? &*held : &held.emplace();
        else
            return &held;
    };
    return member;
}

template <typename Holder, typename Part>
void add_members(std::vector<Member>& list)
{
    boost::mp11::mp_for_each<Bases<Part>>([&](auto base) { add_members<Holder, typename decltype(base)::type>(list); });
    static_assert(docs_match<Part>(), "docs() must list the wire name of each member, in order");
    constexpr auto part_docs = docs(static_cast<Part const*>(nullptr));
    std::size_t i = 0;
    boost::mp11::mp_for_each<OwnMembers<Part>>(
        [&](auto d) { list.push_back(make_member<Holder, decltype(d)::pointer>(part_docs[i++])); });
}

template <typename T>
TypeInfo make_type_info()
{
    TypeInfo info;
    info.make = []() -> std::shared_ptr<void> { return std::make_shared<T>(); };
    if constexpr (std::is_same_v<T, bool>) {
        info.name = "bool";
        info.kind = Kind::boolean;
    } else if constexpr (std::is_same_v<T, Size>) {
        info.name = "size";
        info.kind = Kind::size;
        info.bits = 64;
    } else if constexpr (std::is_integral_v<T>) {
        info.kind = Kind::integer;
        info.is_signed = std::is_signed_v<T>;
        info.bits = 8 * sizeof(T);
        info.name = std::string(info.is_signed ? "int" : "uint") + std::to_string(info.bits);
        if (std::is_same_v<T, std::int64_t>)
            info.name = "int";
    } else if constexpr (std::is_floating_point_v<T>) {
        info.name = "number";
        info.kind = Kind::number;
    } else if constexpr (std::is_same_v<T, std::string>) {
        info.name = "str";
        info.kind = Kind::string;
    } else if constexpr (std::is_same_v<T, Value>) {
        info.name = "any";
        info.kind = Kind::any;
    } else if constexpr (std::is_same_v<T, StrOrNull>) {
        info.name = "StrOrNull";
        info.kind = Kind::str_or_null;
    } else if constexpr (IsVector<T>::value) {
        using Element = typename IsVector<T>::type;
        info.kind = Kind::array;
        info.element = &type_of<Element>();
        info.name = info.element->name + "List";
        info.count = [](void const* array) { return static_cast<T const*>(array)->size(); };
        info.at = [](void const* array, std::size_t index) -> void const* {
            return &(*static_cast<T const*>(array))[index];
        };
        info.clear = [](void* array) { static_cast<T*>(array)->clear(); };
        info.append = [](void* array) -> void* { return &static_cast<T*>(array)->emplace_back(); };
    } else if constexpr (std::is_enum_v<T>) {
        static_assert(sizeof(T) == sizeof(int));
        info.name = std::string(bare_name<T>());
        info.kind = Kind::enumeration;
        info.is_signed = true;
        info.bits = 32;
        boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto d) {
            std::string name = d.name;
            if (name.ends_with('_'))
                name.pop_back();
            for (auto& c : name)
                c = c == '_' ? '-' : c;
            info.values.push_back(name);
        });
        if constexpr (requires { docs(static_cast<T const*>(nullptr)); }) {
            static_assert(value_docs_match<T>(), "docs() of an enum must list the wire name of each value, in order");
            for (auto const& doc : docs(static_cast<T const*>(nullptr)))
                info.value_docs.emplace_back(doc.text);
        }
    } else {
        info.name = std::string(bare_name<T>());
        info.kind = Kind::object;
        add_members<T, T>(info.members);
    }
    return info;
}

} // namespace detail

/// The wire name of an enumerator.
template <typename E>
requires std::is_enum_v<E> std::string const& wire_name(E value)
{
    return type_of<E>().values.at(static_cast<std::size_t>(value));
}

} // namespace minivisor::qapi
