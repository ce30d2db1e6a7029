// SPDX-License-Identifier: GPL-3.0-or-later
// A set of page numbers of one RAM block, for one thread: what is still to be sent, what has come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace minivisor::machine {

class PageBitmap {
public:
    PageBitmap() = default;
    explicit PageBitmap(std::size_t pages)
        : m_words((pages + 63) / 64)
        , m_pages(pages)
    {
    }

    std::size_t size() const { return m_pages; }
    /// How many pages are in the set.
    std::size_t count() const { return m_count; }

    bool test(std::size_t page) const { return (m_words[page / 64] >> (page % 64) & 1) != 0; }
    void set(std::size_t page) { merge(page / 64, std::uint64_t{1} << (page % 64)); }
    void clear(std::size_t page);
    void set_all();
    void clear_all();
    /// Adds 64 pages at once: bit n of `bits` is page word * 64 + n. Bits past size() are ignored.
    void merge(std::size_t word, std::uint64_t bits);

    /// The first page in the set at or after `from` and before `to`; `to`, or size() if less, if there is none.
    std::size_t next_set(std::size_t from, std::size_t to = SIZE_MAX) const;
    /// The first page not in the set at or after `from`; size() if there is none.
    std::size_t next_clear(std::size_t from) const;

private:
    std::uint64_t valid_bits(std::size_t word) const;

    std::vector<std::uint64_t> m_words;
    std::size_t m_pages = 0;
    std::size_t m_count = 0;
};

} // namespace minivisor::machine
