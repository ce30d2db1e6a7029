// SPDX-License-Identifier: GPL-3.0-or-later
// Machine code as text, in AT&T's syntax and the layout of QEMU's monitor. By libcapstone, which is loaded when it is
// first asked for: who never looks at instructions does without it.
#pragma once

#include "util/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace minivisor::hw {

/// How the CPU reads it: the bits of an operand when nothing else is said.
enum class CodeSize { bits16, bits32, bits64 };

/// The longest instruction, in bytes.
inline constexpr std::size_t longest_instruction = 15;

/// `count` instructions, the first of which is at `address`, a line each; a further line where one has more than 8
/// bytes. What is no instruction is a `.byte`. If `code` ends before, a last line says that memory cannot be read.
/// Fails where libcapstone is not there.
Result<std::string> disassemble(
    std::uint64_t address, std::span<std::byte const> code, std::size_t count, CodeSize size);

} // namespace minivisor::hw
