// SPDX-License-Identifier: GPL-3.0-or-later
// What went wrong, as data for the client: a QMP error class, one sentence, and for people an
// optional hint. It is the value side of Result<T>; nothing here throws or logs.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace minivisor::util {

/// The five error classes a QMP client may see (QEMU's qapi/error.json).
enum class ErrorClass { generic_error, command_not_found, device_not_active, device_not_found, kvm_missing_cap };

/// The class's name on the wire, such as "GenericError".
std::string_view wire_name(ErrorClass error_class);

/// One failure. Made by the named functions; `desc` is one sentence without a final full stop.
class Error {
public:
    static Error generic(std::string desc) { return {ErrorClass::generic_error, std::move(desc)}; }
    static Error command_not_found(std::string desc) { return {ErrorClass::command_not_found, std::move(desc)}; }
    static Error device_not_found(std::string desc) { return {ErrorClass::device_not_found, std::move(desc)}; }
    static Error device_not_active(std::string desc) { return {ErrorClass::device_not_active, std::move(desc)}; }
    /// "WHAT: strerror(errno_value)".
    static Error system(std::string_view what, int errno_value);

    ErrorClass error_class() const { return m_class; }
    std::string const& desc() const { return m_desc; }
    /// A further line for people (HMP, standard error); QMP does not carry it. May be empty.
    std::string const& hint() const { return m_hint; }

    /// The same error with `prefix` and ": " in front of its sentence.
    Error context(std::string_view prefix) &&;
    Error with_hint(std::string hint) &&;

private:
    Error(ErrorClass error_class, std::string desc)
        : m_class(error_class)
        , m_desc(std::move(desc))
    {
    }

    ErrorClass m_class;
    std::string m_desc;
    std::string m_hint;
};

} // namespace minivisor::util

namespace minivisor {
using util::Error;
}
