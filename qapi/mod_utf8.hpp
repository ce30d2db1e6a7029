// SPDX-License-Identifier: GPL-3.0-or-later
// Modified UTF-8 as QEMU's JSON strings hold it: U+0000 is C0 80, and noncharacters are no characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace minivisor::qapi {

/// One step through a text: the character, or none for an ill-formed sequence of `size` bytes (1 at least).
struct CodePoint {
    std::optional<char32_t> value;
    std::size_t size = 0;
};

/// The first character of `text`, which is not empty.
CodePoint decode_mod_utf8(std::string_view text);

/// Appends a character; false (and nothing appended) if it is a surrogate, a noncharacter or too large.
bool append_mod_utf8(std::string& out, char32_t value);

} // namespace minivisor::qapi
