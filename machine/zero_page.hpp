// SPDX-License-Identifier: GPL-3.0-or-later
// Is this page all zero? The question migration asks of every page of a guest, so it is vectorised:
// AVX2 where the processor has it, SSE2 otherwise. It reads only; no page is ever touched for writing.
#pragma once

#include <cstddef>

namespace minivisor::machine {

/// The size of a guest page, and the unit of everything here that counts pages.
inline constexpr std::size_t page_size = 4096;

/// True when all page_size bytes at `page` are zero. `page` is aligned to 32 bytes.
bool is_zero_page(std::byte const* page);

namespace detail {
/// The two ways it is done; tests run both.
bool is_zero_page_sse2(std::byte const* page);
bool is_zero_page_avx2(std::byte const* page);
bool have_avx2();
} // namespace detail

} // namespace minivisor::machine
