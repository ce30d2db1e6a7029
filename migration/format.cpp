// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/format.hpp"

#include "util/text.hpp"

#include <charconv>

namespace minivisor::migration {

std::string uuid_text(Uuid const& uuid)
{
    auto text = util::to_hex(uuid);
    for (auto at : {8u, 13u, 18u, 23u})
        text.insert(at, 1, '-');
    return text;
}

std::string hex(std::uint64_t number)
{
    std::array<char, 16> digits;
    auto* end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
    return {digits.data(), end};
}

} // namespace minivisor::migration
