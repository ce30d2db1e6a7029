// SPDX-License-Identifier: GPL-3.0-or-later
// Any text as keys.psk: it is read whole or refused, and an error never shows what is on a line.
#include "crypto/psk.hpp"
#include "tests/fuzz/check.hpp"
#include "util/text.hpp"

#include <algorithm>

using namespace minivisor;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    auto const text = fuzz::as_text(data, size);
    auto const keys = crypto::PskKeys::parse(text, "keys.psk");
    if (!keys) {
        auto const& desc = keys.error().desc();
        auto const known = std::ranges::all_of(desc, [](char c) { return c >= ' ' && c <= '~'; });
        require(known && desc.starts_with("PSK file keys.psk, line "), "an error names the line, and no more", desc);
        return 0;
    }
    for (auto line : util::split(text, '\n')) {
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        if (line.empty())
            continue;
        auto const* const key = keys->find(line.substr(0, line.find(':')));
        require(key && !key->empty() && key->size() <= 256, "every user has a key", std::string(line));
    }
    return 0;
}
