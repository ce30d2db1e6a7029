// SPDX-License-Identifier: GPL-3.0-or-later
// What the fuzz targets share: an assertion that a build without assertions keeps too.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace minivisor::fuzz {

inline void require(bool holds, char const* what, std::string const& detail = {})
{
    if (holds)
        return;
    std::fprintf(stderr, "does not hold: %s\n%s\n", what, detail.c_str());
    std::abort();
}

inline std::string_view as_text(std::uint8_t const* data, std::size_t size)
{
    return {reinterpret_cast<char const*>(data), size};
}

} // namespace minivisor::fuzz
