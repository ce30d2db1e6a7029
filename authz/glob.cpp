// SPDX-License-Identifier: GPL-3.0-or-later
#include "authz/glob.hpp"

#include <cstddef>

namespace minivisor::authz {

namespace {

/// The length of the character at the begin of `text`, which is not empty.
std::size_t character_size(std::string_view text)
{
    auto const lead = static_cast<unsigned char>(text.front());
    std::size_t const size = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    for (std::size_t i = 1; i < size; ++i)
        if (i >= text.size() || (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80)
            return 1;
    return size;
}

} // namespace

bool glob_match(std::string_view pattern, std::string_view text)
{
    // Where to go on when the way taken fails: the last star takes one character more. Earlier stars need no second
    // try, since the last one can take whatever they could.
    auto star = std::string_view::npos;
    std::size_t star_text = 0;
    std::size_t p = 0;
    std::size_t t = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = ++p;
            star_text = t;
        } else if (p < pattern.size() && pattern[p] == '?') {
            ++p;
            t += character_size(text.substr(t));
        } else if (p < pattern.size() && pattern[p] == text[t]) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star;
            star_text += character_size(text.substr(star_text));
            t = star_text;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*')
        ++p;
    return p == pattern.size();
}

} // namespace minivisor::authz
