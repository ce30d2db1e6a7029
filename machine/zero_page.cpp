// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/zero_page.hpp"

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace minivisor::machine {

namespace {

// Most pages in use differ from zero somewhere in these few words, which lie on few cache lines.
bool looks_used(std::byte const* page)
{
    std::uint64_t words[3];
    std::memcpy(&words[0], page, 8);
    std::memcpy(&words[1], page + page_size / 2, 8);
    std::memcpy(&words[2], page + page_size - 8, 8);
    return (words[0] | words[1] | words[2]) != 0;
}

} // namespace

namespace detail {

#if defined(__x86_64__)
bool is_zero_page_sse2(std::byte const* page)
{
    auto const* at = reinterpret_cast<__m128i const*>(page);
    auto const zero = _mm_setzero_si128();
    for (std::size_t i = 0; i < page_size / 16; i += 8) {
        auto a = _mm_or_si128(_mm_load_si128(at + i), _mm_load_si128(at + i + 1));
        auto b = _mm_or_si128(_mm_load_si128(at + i + 2), _mm_load_si128(at + i + 3));
        auto c = _mm_or_si128(_mm_load_si128(at + i + 4), _mm_load_si128(at + i + 5));
        auto d = _mm_or_si128(_mm_load_si128(at + i + 6), _mm_load_si128(at + i + 7));
        auto all = _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d));
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(all, zero)) != 0xffff)
            return false;
    }
    return true;
}

__attribute__((target("avx2"))) bool is_zero_page_avx2(std::byte const* page)
{
    auto const* at = reinterpret_cast<__m256i const*>(page);
    for (std::size_t i = 0; i < page_size / 32; i += 8) {
        auto a = _mm256_or_si256(_mm256_load_si256(at + i), _mm256_load_si256(at + i + 1));
        auto b = _mm256_or_si256(_mm256_load_si256(at + i + 2), _mm256_load_si256(at + i + 3));
        auto c = _mm256_or_si256(_mm256_load_si256(at + i + 4), _mm256_load_si256(at + i + 5));
        auto d = _mm256_or_si256(_mm256_load_si256(at + i + 6), _mm256_load_si256(at + i + 7));
        auto all = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));
        if (!_mm256_testz_si256(all, all))
            return false;
    }
    return true;
}

bool have_avx2() { return __builtin_cpu_supports("avx2") != 0; }
#else
bool is_zero_page_sse2(std::byte const* page)
{
    for (std::size_t i = 0; i < page_size; i += 32) {
        std::uint64_t words[4];
        std::memcpy(words, page + i, sizeof words);
        if ((words[0] | words[1] | words[2] | words[3]) != 0)
            return false;
    }
    return true;
}
bool is_zero_page_avx2(std::byte const* page) { return is_zero_page_sse2(page); }
bool have_avx2() { return false; }
#endif

} // namespace detail

bool is_zero_page(std::byte const* page)
{
    static bool const avx2 = detail::have_avx2();
    if (looks_used(page))
        return false;
    return avx2 ? detail::is_zero_page_avx2(page) : detail::is_zero_page_sse2(page);
}

} // namespace minivisor::machine
