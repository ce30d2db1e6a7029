// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/page_bitmap.hpp"

#include <algorithm>
#include <bit>

namespace minivisor::machine {

std::uint64_t PageBitmap::valid_bits(std::size_t word) const
{
    auto const rest = m_pages - word * 64;
    return rest >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << rest) - 1;
}

void PageBitmap::clear(std::size_t page)
{
    auto const bit = std::uint64_t{1} << (page % 64);
    m_count -= (m_words[page / 64] & bit) != 0 ? 1 : 0;
    m_words[page / 64] &= ~bit;
}

void PageBitmap::set_all()
{
    for (std::size_t word = 0; word < m_words.size(); ++word)
        m_words[word] = valid_bits(word);
    m_count = m_pages;
}

void PageBitmap::clear_all()
{
    std::fill(m_words.begin(), m_words.end(), 0);
    m_count = 0;
}

void PageBitmap::merge(std::size_t word, std::uint64_t bits)
{
    auto const added = bits & valid_bits(word) & ~m_words[word];
    m_count += static_cast<std::size_t>(std::popcount(added));
    m_words[word] |= added;
}

std::size_t PageBitmap::next_set(std::size_t from, std::size_t to) const
{
    to = std::min(to, m_pages);
    if (from >= to)
        return to;
    auto word = from / 64;
    auto bits = m_words[word] & (~std::uint64_t{0} << (from % 64));
    while (bits == 0) {
        if (++word * 64 >= to)
            return to;
        bits = m_words[word];
    }
    return std::min(to, word * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
}

std::size_t PageBitmap::next_clear(std::size_t from) const
{
    if (from >= m_pages)
        return m_pages;
    auto word = from / 64;
    auto bits = ~m_words[word] & (~std::uint64_t{0} << (from % 64));
    while (bits == 0) {
        if (++word == m_words.size())
            return m_pages;
        bits = ~m_words[word];
    }
    return std::min(m_pages, word * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
}

} // namespace minivisor::machine
