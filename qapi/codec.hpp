// SPDX-License-Identifier: GPL-3.0-or-later
// Described structs to JSON values and back. Decoding is strict and all or nothing: an error means
// that nothing was used. The texts are those of QEMU's input visitors (qmp-surface section 2.3).
#pragma once

#include "qapi/describe.hpp"
#include "util/result.hpp"

namespace minivisor::qapi {

/// How scalars are spelled: as JSON types, or all as text such as "on", "64M". The option strings of the
/// command line (qemu_opts) read like those of the monitor (keyval, qmp-surface section 13.3), but QEMU
/// words its complaints about them otherwise (section 16).
enum class Spelling { json, keyval, qemu_opts };

/// Fills `target`, a value of `type`, from `value`. `name` is what errors call the value itself; the
/// members of a nameless object are called by their bare names.
Result<void> decode_into(TypeInfo const& type, void* target, Value const& value, std::string const& name = {},
    Spelling spelling = Spelling::json);

Value encode_from(TypeInfo const& type, void const* source);

template <typename T>
Result<T> decode(Value const& value, Spelling spelling = Spelling::json)
{
    T target{};
    TRY(decode_into(type_of<T>(), &target, value, {}, spelling));
    return target;
}

template <typename T>
Value encode(T const& source)
{
    return encode_from(type_of<T>(), &source);
}

/// Whether `value` is what `type` promises; the error says where it is not.
Result<void> conforms(TypeInfo const& type, Value const& value);

} // namespace minivisor::qapi
