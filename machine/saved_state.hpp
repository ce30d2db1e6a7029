// SPDX-License-Identifier: GPL-3.0-or-later
// What a device saves of itself, declared once: saving, loading, versions and the description that
// travels with a migration stream all come from this list. Fields have a fixed size and stand
// big-endian in the stream, under the type names that QEMU's descriptions use.
#pragma once

#include "util/result.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::machine {

/// One field, or an array of equal fields. `save` and `load` get exactly size * array_length bytes.
struct SavedField {
    std::string_view name;
    /// "bool", "uint8" ... "uint64", "int8" ... "int64", "buffer" or "unused_buffer".
    std::string_view type;
    /// Of one element, in bytes.
    std::size_t size = 0;
    std::size_t array_length = 1;
    /// In the stream only when the section's version is at least this.
    std::uint32_t since_version = 0;
    void (*save)(void const* device, std::byte* into) = nullptr;
    void (*load)(void* device, std::byte const* from) = nullptr;

    std::size_t bytes() const { return size * array_length; }
};

/// The saved form of one kind of device, or one optional part (subsection) of it.
struct SavedState {
    /// QEMU's name of the description; a subsection is called "NAME/PART".
    std::string_view name;
    std::uint32_t version = 1;
    /// The oldest version that can still be loaded.
    std::uint32_t minimum_version = 1;
    std::vector<SavedField> fields;
    std::vector<SavedState> subsections;
    /// For a subsection: is there something to save? None means always.
    bool (*needed)(void const* device) = nullptr;
    /// Before the first field is saved. Where it fails, the guest does not move.
    Result<void> (*before_save)(void* device) = nullptr;
    /// After the last field is loaded; may refuse the state. Values outside it checks are untrusted.
    Result<void> (*after_load)(void* device, std::uint32_t version) = nullptr;

    /// The bytes of all fields of `in_version`, without subsections.
    std::size_t field_bytes(std::uint32_t in_version) const;
};

/// One device as the stream knows it. `state` and `device` outlive the list that holds this.
struct SavedDevice {
    /// 1 to 255 bytes, such as "timer" or "0000:00:01.1/ide".
    std::string idstr;
    std::uint32_t instance_id = 0;
    SavedState const* state = nullptr;
    void* device = nullptr;
};

/// All devices that are saved, in the order of their sections.
class SavedDevices {
public:
    /// Refuses a second device of the same name and instance.
    Result<void> add(SavedDevice device);
    void remove(void const* device);
    std::span<SavedDevice const> devices() const { return m_devices; }
    SavedDevice const* find(std::string_view idstr, std::uint32_t instance_id) const;

private:
    std::vector<SavedDevice> m_devices;
};

namespace detail {

template <typename T>
void put_big_endian(T value, std::byte* into)
{
    auto rest = static_cast<std::uint64_t>(value);
    for (std::size_t i = sizeof(T); i-- > 0; rest >>= 8)
        into[i] = static_cast<std::byte>(rest & 0xff);
}

template <typename T>
T get_big_endian(std::byte const* from)
{
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        value = value << 8 | std::to_integer<std::uint64_t>(from[i]);
    return static_cast<T>(value);
}

template <typename T>
constexpr std::string_view saved_type_name()
{
    if constexpr (std::same_as<T, bool>)
        return "bool";
    else if constexpr (std::is_signed_v<T>)
        return std::array{"int8", "int16", "int32", "int64"}[sizeof(T) == 8 ? 3 : sizeof(T) / 2];
    else
        return std::array{"uint8", "uint16", "uint32", "uint64"}[sizeof(T) == 8 ? 3 : sizeof(T) / 2];
}

template <typename>
struct MemberOf;
template <typename Device, typename T>
struct MemberOf<T Device::*> {
    using DeviceType = Device;
    using Type = T;
};

template <typename T>
struct ArrayOf {
    static constexpr bool is_array = false;
};
template <typename T, std::size_t n>
struct ArrayOf<std::array<T, n>> {
    static constexpr bool is_array = true;
    using Element = T;
    static constexpr std::size_t length = n;
};

} // namespace detail

/// A member of the device: saved<&Clock::offset>("offset"). bool, integers, std::array of integers;
/// std::array<std::uint8_t, n> is a "buffer" of n bytes.
template <auto member>
SavedField saved(std::string_view name, std::uint32_t since_version = 0)
{
    using Device = typename detail::MemberOf<decltype(member)>::DeviceType;
    using T = typename detail::MemberOf<decltype(member)>::Type;
    using Array = detail::ArrayOf<T>;
    SavedField field{.name = name, .since_version = since_version};
    if constexpr (Array::is_array) {
        using Element = typename Array::Element;
        static_assert(std::integral<Element>);
        auto const is_buffer = std::same_as<Element, std::uint8_t>;
        field.type = is_buffer ? std::string_view("buffer") : detail::saved_type_name<Element>();
        field.size = is_buffer ? Array::length : sizeof(Element);
        field.array_length = is_buffer ? 1 : Array::length;
        field.save = [](void const* device, std::byte* into) {
            for (auto element : static_cast<Device const*>(device)->*member) {
                detail::put_big_endian(element, into);
                into += sizeof(Element);
            }
        };
        field.load = [](void* device, std::byte const* from) {
            for (auto& element : static_cast<Device*>(device)->*member) {
                element = detail::get_big_endian<Element>(from);
                from += sizeof(Element);
            }
        };
    } else {
        static_assert(std::integral<T>);
        field.type = detail::saved_type_name<T>();
        field.size = sizeof(T);
        field.save = [](void const* device, std::byte* into) {
            detail::put_big_endian(static_cast<Device const*>(device)->*member, into);
        };
        field.load = [](void* device, std::byte const* from) {
            static_cast<Device*>(device)->*member = detail::get_big_endian<T>(from);
        };
    }
    return field;
}

/// `size` bytes that are written as zero and not looked at when they come.
SavedField unused(std::size_t size, std::uint32_t since_version = 0);

} // namespace minivisor::machine
