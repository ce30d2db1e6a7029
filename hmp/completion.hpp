// SPDX-License-Identifier: GPL-3.0-or-later
// What Tab offers at the end of a half-typed line. Asks the language like any client, but only commands
// that answer at once; knows no line editor.
#pragma once

#include "hmp/command.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace minivisor::hmp {

struct Candidates {
    std::vector<std::string> words; ///< sorted; each begins with what was typed
    bool ends_word = true; ///< a blank follows when there is just one
    bool files = false; ///< file names are wanted, which the line editor knows
};

/// The characters that separate the words of this line for completion.
std::string_view word_breaks(std::string_view line);

/// `before` is the line up to the word, `word` as much of it as was typed.
Candidates complete(monitor::House& house, CommandTable const& table, std::string_view before, std::string_view word);

} // namespace minivisor::hmp
