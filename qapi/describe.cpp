// SPDX-License-Identifier: GPL-3.0-or-later
#include "qapi/describe.hpp"

#include "util/text.hpp"

namespace minivisor::qapi {

namespace detail {

void add_rows(TypeInfo& info, std::span<MemberDoc const> docs, std::span<MemberRow const> rows)
{
    for (std::size_t i = 0; i < rows.size(); ++i)
        info.members.push_back({std::string(docs[i].name), std::string(docs[i].text), &rows[i].type(), rows[i].optional,
            rows[i].get, rows[i].put});
}

TypeInfo scalar_info(Kind kind, std::string_view name, unsigned bits)
{
    TypeInfo info;
    info.name = name;
    info.kind = kind;
    info.bits = bits;
    return info;
}

TypeInfo integer_info(bool is_signed, unsigned bits, bool is_int)
{
    auto info = scalar_info(Kind::integer, is_int ? "int" : cat(is_signed ? "int" : "uint", bits), bits);
    info.is_signed = is_signed;
    return info;
}

TypeInfo enumeration_info(std::string_view name, std::span<char const* const> enumerators)
{
    auto info = scalar_info(Kind::enumeration, name, 32);
    info.is_signed = true;
    for (std::string value : enumerators) {
        if (value.ends_with('_'))
            value.pop_back();
        for (auto& c : value)
            c = c == '_' ? '-' : c;
        info.values.push_back(std::move(value));
    }
    return info;
}

void add_value_docs(TypeInfo& info, std::span<MemberDoc const> docs)
{
    info.values.clear();
    for (auto const& doc : docs) {
        info.values.emplace_back(doc.name);
        info.value_docs.emplace_back(doc.text);
    }
}

TypeInfo array_info(TypeInfo const& element)
{
    auto info = scalar_info(Kind::array, element.name + "List");
    info.element = &element;
    return info;
}

TypeInfo object_info(std::string_view name) { return scalar_info(Kind::object, name); }

} // namespace detail

template TypeInfo const& type_of<bool>();
template TypeInfo const& type_of<std::int64_t>();
template TypeInfo const& type_of<std::uint8_t>();
template TypeInfo const& type_of<std::uint16_t>();
template TypeInfo const& type_of<std::uint32_t>();
template TypeInfo const& type_of<std::uint64_t>();
template TypeInfo const& type_of<double>();
template TypeInfo const& type_of<std::string>();
template TypeInfo const& type_of<Size>();
template TypeInfo const& type_of<StrOrNull>();
template TypeInfo const& type_of<Value>();
template TypeInfo const& type_of<Empty>();
template TypeInfo const& type_of<std::vector<std::string>>();

} // namespace minivisor::qapi
