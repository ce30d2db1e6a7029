// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/stream_reader.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

namespace minivisor::migration {

namespace {

constexpr std::size_t page_size = 4096;
constexpr std::size_t record_size = sizeof(std::uint64_t) + page_size;
constexpr std::size_t spill_size = StreamReader::longest_run * record_size;

} // namespace

StreamReader::StreamReader(io::Channel& channel, std::span<std::byte const> first, std::size_t buffer_size)
    : m_channel(channel)
    , m_size(std::max<std::size_t>(buffer_size, 4096))
    , m_memory(std::make_unique_for_overwrite<std::byte[]>(spill_size + m_size))
    , m_buffer(m_memory.get() + spill_size)
{
    assert(first.size() <= 4096);
    std::copy(first.begin(), first.end(), m_buffer);
    m_end = first.size();
    m_received = first.size();
}

Error StreamReader::end_of_stream()
{
    m_ended = true;
    return Error::generic("The migration stream ended early");
}

Result<bool> StreamReader::read_more()
{
    if (m_begin == m_end)
        m_begin = m_end = 0;
    if (m_end >= m_size) {
        std::memmove(m_buffer, m_buffer + m_begin, m_end - m_begin);
        m_end -= m_begin;
        m_begin = 0;
    }
    auto const n = TRY(m_channel.read({m_buffer + m_end, m_size - m_end}));
    m_end += n;
    m_received += n;
    return n > 0;
}

Result<void> StreamReader::need(std::size_t length)
{
    assert(length <= 4096);
    while (m_end - m_begin < length) {
        if (!TRY(read_more()))
            return end_of_stream();
    }
    return {};
}

Result<std::uint8_t> StreamReader::u8()
{
    TRY(need(1));
    return std::to_integer<std::uint8_t>(m_buffer[m_begin++]);
}

Result<std::uint16_t> StreamReader::be16()
{
    TRY(need(2));
    m_begin += 2;
    return load_be16(m_buffer + m_begin - 2);
}

Result<std::uint32_t> StreamReader::be32()
{
    TRY(need(4));
    m_begin += 4;
    return load_be32(m_buffer + m_begin - 4);
}

Result<std::uint64_t> StreamReader::be64()
{
    TRY(need(8));
    m_begin += 8;
    return load_be64(m_buffer + m_begin - 8);
}

Result<std::string> StreamReader::str8()
{
    auto const length = TRY(u8());
    return text(length);
}

Result<std::string> StreamReader::text(std::size_t length)
{
    std::string text;
    while (text.size() < length) {
        TRY(need(1));
        auto const n = std::min(length - text.size(), m_end - m_begin);
        text.append(reinterpret_cast<char const*>(m_buffer + m_begin), n);
        m_begin += n;
    }
    return text;
}

Result<void> StreamReader::bytes(std::span<std::byte> into)
{
    TRY(page_and_run(into, {}));
    return {};
}

Result<std::size_t> StreamReader::read_run(std::span<std::byte> into, Run const& run)
{
    m_pieces.clear();
    m_pieces.push_back({into.data(), into.size()});
    for (std::size_t i = 0; i < run.pages; ++i) {
        m_pieces.push_back({&m_words[i], sizeof m_words[i]});
        m_pieces.push_back({run.page + i * page_size, page_size});
    }
    m_pieces.push_back({m_buffer, m_size});
    auto const n = TRY(m_channel.read_pieces(m_pieces));
    if (n == 0)
        return end_of_stream();
    m_received += n;
    return n;
}

void StreamReader::gather(Run const& run, std::size_t from, std::size_t length)
{
    auto const in_run = std::min(length, (run.pages - from) * record_size);
    auto const* const buffered = m_memory.get() + spill_size;
    auto* to = m_memory.get() + spill_size - in_run;
    m_begin = 0;
    m_end = length;
    m_buffer = to;
    for (auto i = from; to != buffered; ++i) {
        auto const rest = static_cast<std::size_t>(buffered - to);
        auto const word = std::min(rest, sizeof m_words[i]);
        std::memcpy(to, &m_words[i], word);
        auto const page = std::min(rest - word, page_size);
        std::memcpy(to + word, run.page + i * page_size, page);
        std::memset(run.page + i * page_size, 0, page);
        to += word + page;
    }
}

Result<std::size_t> StreamReader::page_and_run(std::span<std::byte> into, Run run)
{
    assert(run.pages <= longest_run);
    std::size_t complete = 0;
    while (true) {
        auto const have = std::min(into.size(), m_end - m_begin);
        std::memcpy(into.data(), m_buffer + m_begin, have);
        m_begin += have;
        into = into.subspan(have);
        if (into.empty())
            return complete;
        m_begin = m_end = 0;
        m_buffer = m_memory.get() + spill_size;
        auto n = TRY(read_run(into, run));
        auto const direct = std::min(n, into.size());
        into = into.subspan(direct);
        n -= direct;
        std::size_t i = 0;
        while (into.empty() && i < run.pages && n >= sizeof(std::uint64_t)
            && load_be64(reinterpret_cast<std::byte const*>(&m_words[i])) == run.word + i * page_size) {
            n -= sizeof(std::uint64_t);
            auto const in_page = std::min(n, page_size);
            into = {run.page + i * page_size + in_page, page_size - in_page};
            n -= in_page;
            ++complete;
            ++i;
        }
        // Left over are the bytes of a record that was not foreseen, or of what follows the run.
        gather(run, i, n);
        run = {run.page + i * page_size, run.word + i * page_size, run.pages - i};
    }
}

Result<void> StreamReader::skip(std::uint64_t length)
{
    while (length > 0) {
        TRY(need(1));
        auto const n = std::min<std::uint64_t>(length, m_end - m_begin);
        m_begin += static_cast<std::size_t>(n);
        length -= n;
    }
    return {};
}

Result<std::span<std::byte const>> StreamReader::peek(std::size_t length)
{
    assert(length <= 4096);
    while (m_end - m_begin < length && !m_ended) {
        if (!TRY(read_more()))
            break;
    }
    return std::span<std::byte const>(m_buffer + m_begin, std::min(length, m_end - m_begin));
}

Result<std::span<std::byte const>> StreamReader::peek_available()
{
    TRY(need(1));
    return std::span<std::byte const>(m_buffer + m_begin, m_end - m_begin);
}

} // namespace minivisor::migration
