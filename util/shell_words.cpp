// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/shell_words.hpp"

#include "util/text.hpp"

namespace minivisor::util {

namespace {

/// What a backslash takes its meaning from between double quotes; before all else it stands for itself.
constexpr std::string_view escapable = "$`\"\\\n";

} // namespace

Result<std::vector<std::string>> split_shell_words(std::string_view text)
{
    std::vector<std::string> words;
    bool in_word = false;
    char quote = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        char const c = text[at];
        if (quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
            in_word = false;
            continue;
        }
        if (!in_word)
            words.emplace_back();
        in_word = true;
        if (c == quote) {
            quote = 0;
        } else if (quote == 0 && (c == '\'' || c == '"')) {
            quote = c;
        } else if (c == '\\' && quote != '\'') {
            bool const last = at + 1 == text.size();
            if (last && quote == 0)
                return Error::generic(
                    cat("Text ended just after a \u201c\\\u201d character. (The text was \u201c", text, "\u201d)"));
            if (quote == 0 || (!last && escapable.find(text[at + 1]) != escapable.npos))
                ++at;
            words.back() += text[at];
        } else {
            words.back() += c;
        }
    }
    if (quote != 0)
        return Error::generic(cat("Text ended before matching quote was found for ", std::string(1, quote),
            ". (The text was \u201c", text, "\u201d)"));
    if (words.empty())
        return Error::generic("Text was empty (or contained only whitespace)");
    return words;
}

} // namespace minivisor::util
