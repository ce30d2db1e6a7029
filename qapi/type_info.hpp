// SPDX-License-Identifier: GPL-3.0-or-later
// What is known of a described type at run time. Decoding, encoding, introspection, help and the
// manual all read this one table; qapi/describe.hpp makes it from the C++ types.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::qapi {

/// The kinds of QAPI types (QEMU's docs/devel/qapi-code-gen, "Schema syntax").
enum class Kind { boolean, integer, size, number, string, enumeration, array, object, any, str_or_null };

struct TypeInfo;

/// One member of an object type. The functions take a pointer to the object that holds it.
struct Member {
    std::string name; ///< the wire name
    std::string doc;
    TypeInfo const* type;
    bool optional;
    /// Where the value is; null when an optional member is absent.
    void const* (*get)(void const* object);
    /// Where to put a value; makes an optional member present.
    void* (*put)(void* object);
};

/// What makes an object type a union: one member whose type depends on another member, the tag.
struct Choice {
    std::string name; ///< the wire name of the member
    std::string doc;
    std::string tag; ///< the wire name of the member that chooses, an enumeration
    std::vector<TypeInfo const*> branches; ///< by the tag's value
    /// Puts a fresh value of that branch in place.
    void* (*choose)(void* object, std::size_t branch);
    void const* (*chosen)(void const* object);
};

/// A type that can be said on the wire. Instances live as long as the program.
struct TypeInfo {
    std::string name; ///< QEMU's name of the type, such as "StatusInfo", "str", "uint8"
    Kind kind;

    bool is_signed = false; ///< integers
    unsigned bits = 0;

    std::vector<std::string> values; ///< enumerations: wire names, by numeric value from 0
    std::vector<std::string> value_docs; ///< what each means; empty where the names say it

    TypeInfo const* element = nullptr; ///< arrays
    std::size_t (*count)(void const* array) = nullptr;
    void const* (*at)(void const* array, std::size_t index) = nullptr;
    void* (*append)(void* array) = nullptr;
    void (*clear)(void* array) = nullptr;

    std::vector<Member> members; ///< objects
    std::optional<Choice> choice; ///< unions

    void* (*construct)() = nullptr;
    void (*destroy)(void*) = nullptr;

    /// A fresh value of the type.
    std::shared_ptr<void> make() const { return {construct(), destroy}; }

    Member const* find_member(std::string_view wire_name) const;
    /// The C name QEMU uses in "expects uint8_t".
    std::string c_name() const;
};

/// Reads the number behind a pointer to an integer or enumeration of this type.
std::int64_t load_integer(TypeInfo const& type, void const* from);
void store_integer(TypeInfo const& type, void* to, std::int64_t number);

} // namespace minivisor::qapi
