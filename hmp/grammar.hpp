// SPDX-License-Identifier: GPL-3.0-or-later
// The grammar of an HMP command line: the command's word, and typed arguments declared as values. It
// answers with named values or with QEMU's complaint, and knows no command (qmp-surface, 13.1 and 13.2).
#pragma once

#include "hmp/expression.hpp"
#include "qapi/value.hpp"
#include "util/result.hpp"

#include <span>
#include <string>
#include <string_view>

namespace minivisor::hmp {

/// What an argument looks like. In brackets QEMU's letter, and what parse_args() gives for it.
enum class ArgKind {
    word, ///< (s) up to a blank, or "..." with the escapes \n \r \\ \' \": text
    file, ///< (F) as word; the completion differs
    rest, ///< (S) the rest of the line as it stands, blanks at its begin dropped: text
    integer32, ///< (i) an expression from 0 to 2^32-1: int64
    integer64, ///< (l) an expression: int64
    mebibytes, ///< (M) an expression that is not negative, times 2^20: int64
    size, ///< (o) a size with suffix, in MiB without one: int64
    boolean, ///< (b) on or off: bool
    format, ///< (/) "/COUNT FORMAT SIZE", always optional: object of count, format (a letter) and size
    flag, ///< (-x) true, or absent
    flag_value, ///< (-xs) a word behind the flag: text, or absent
};

/// One argument in a command's table. Flags must be typed in the order of the table.
struct Arg {
    std::string name;
    ArgKind kind = ArgKind::word;
    bool optional = false; ///< may be absent at the end of the line
    char flag = '\0'; ///< the letter of a flag
};

/// What `/FORMAT` was last; the commands that print share one and start from it (so does QEMU).
struct PrintFormat {
    char format = 'x';
    int size = 4;
    std::int64_t cpu = 0; ///< whose memory and registers they are
    Registers registers; ///< what that CPU's hold, for a line that names one
};

/// A command's name in complaints ("quit|q") and as the user typed it, for the hint ("q", "info status").
struct CommandName {
    CommandName(std::string_view name_, std::string_view typed_ = {}) // NOLINT(google-explicit-constructor)
        : name(name_)
        , typed(typed_.empty() ? name_.substr(0, name_.find('|')) : typed_)
    {
    }
    CommandName(char const* name_) // NOLINT(google-explicit-constructor)
        : CommandName(std::string_view(name_))
    {
    }

    std::string_view name;
    std::string_view typed;
};

/// A line's first word and what follows it, blanks between them dropped. The word ends at a blank or at
/// '/' (as in "x/4xb 0"); it is empty if the line is.
struct Line {
    std::string_view word;
    std::string_view rest;
};
Line split_line(std::string_view text);

/// Reads `text` (what follows the command's word) by the declared arguments; absent ones have no member.
/// Errors are what QEMU prints, the hint is its second line. `kept` remembers the print format; without it
/// each call starts with the default.
Result<qapi::Object> parse_args(
    CommandName command, std::span<Arg const> args, std::string_view text, PrintFormat* kept = nullptr);

} // namespace minivisor::hmp
