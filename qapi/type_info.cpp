// SPDX-License-Identifier: GPL-3.0-or-later
#include "qapi/type_info.hpp"

#include "util/text.hpp"

#include <cassert>
#include <cstdint>
#include <cstring>

namespace minivisor::qapi {

Member const* TypeInfo::find_member(std::string_view wire_name) const
{
    for (auto const& member : members)
        if (member.name == wire_name)
            return &member;
    return nullptr;
}

std::string TypeInfo::c_name() const { return cat(is_signed ? "int" : "uint", bits, "_t"); }

namespace {

template <typename T>
std::int64_t load_as(void const* from)
{
    T number;
    std::memcpy(&number, from, sizeof number);
    return static_cast<std::int64_t>(number);
}

template <typename T>
void store_as(void* to, std::int64_t wide)
{
    auto const number = static_cast<T>(wide);
    std::memcpy(to, &number, sizeof number);
}

} // namespace

std::int64_t load_integer(TypeInfo const& type, void const* from)
{
    switch (type.bits) {
    case 8: return type.is_signed ? load_as<std::int8_t>(from) : load_as<std::uint8_t>(from);
    case 16: return type.is_signed ? load_as<std::int16_t>(from) : load_as<std::uint16_t>(from);
    case 32: return type.is_signed ? load_as<std::int32_t>(from) : load_as<std::uint32_t>(from);
    default: assert(type.bits == 64); return load_as<std::int64_t>(from);
    }
}

void store_integer(TypeInfo const& type, void* to, std::int64_t number)
{
    switch (type.bits) {
    case 8: return store_as<std::uint8_t>(to, number);
    case 16: return store_as<std::uint16_t>(to, number);
    case 32: return store_as<std::uint32_t>(to, number);
    default: assert(type.bits == 64); return store_as<std::int64_t>(to, number);
    }
}

} // namespace minivisor::qapi
