// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/stream_writer.hpp"

#include <algorithm>
#include <cassert>
#include <climits>
#include <cstring>

namespace minivisor::migration {

namespace {

constexpr std::size_t arena_size = std::size_t{128} << 10;
constexpr std::size_t most_pieces = IOV_MAX;

} // namespace

StreamWriter::StreamWriter(io::Channel& channel, RateLimiter* limiter, std::atomic<std::uint64_t>* sent)
    : m_channel(channel)
    , m_limiter(limiter)
    , m_sent(sent)
    , m_arena(std::make_unique_for_overwrite<std::byte[]>(arena_size))
    , m_chunk(limiter != nullptr ? limiter->chunk() : std::size_t{2} << 20)
{
    m_pieces.reserve(most_pieces);
}

void StreamWriter::be16(std::uint16_t value)
{
    value = __builtin_bswap16(value);
    put(&value, sizeof value);
}

void StreamWriter::be32(std::uint32_t value)
{
    value = __builtin_bswap32(value);
    put(&value, sizeof value);
}

void StreamWriter::be64(std::uint64_t value)
{
    value = __builtin_bswap64(value);
    put(&value, sizeof value);
}

void StreamWriter::str8(std::string_view text)
{
    assert(text.size() <= 255);
    u8(static_cast<std::uint8_t>(text.size()));
    put(text.data(), text.size());
}

void StreamWriter::put(void const* from, std::size_t size)
{
    auto const* source = static_cast<std::byte const*>(from);
    m_position += size;
    while (size > 0) {
        if (m_arena_used == arena_size || m_gathered >= m_chunk)
            write_out();
        if (failed())
            return;
        auto const n = std::min(size, arena_size - m_arena_used);
        auto* to = m_arena.get() + m_arena_used;
        std::memcpy(to, source, n);
        if (!m_pieces.empty() && static_cast<std::byte*>(m_pieces.back().iov_base) + m_pieces.back().iov_len == to)
            m_pieces.back().iov_len += n;
        else
            m_pieces.push_back({to, n});
        m_arena_used += n;
        m_gathered += n;
        source += n;
        size -= n;
    }
}

void StreamWriter::memory(std::span<std::byte const> bytes)
{
    m_position += bytes.size();
    if (failed())
        return;
    // writev does not write to what it is given; iovec has no const form.
    m_pieces.push_back({const_cast<std::byte*>(bytes.data()), bytes.size()});
    m_gathered += bytes.size();
    // Two more: the next record's numbers and its page.
    if (m_gathered >= m_chunk || m_pieces.size() + 2 > most_pieces)
        write_out();
}

void StreamWriter::write_out()
{
    if (failed() || m_pieces.empty())
        return;
    if (m_limiter != nullptr && !m_limiter->take(m_gathered)) {
        m_failure = Error::generic("The migration was cancelled");
        return;
    }
    auto written = m_channel.write(m_pieces);
    if (!written) {
        m_failure = std::move(written).error();
        return;
    }
    if (m_sent != nullptr)
        m_sent->fetch_add(m_gathered, std::memory_order_relaxed);
    m_pieces.clear();
    m_arena_used = 0;
    m_gathered = 0;
    if (m_limiter != nullptr)
        m_chunk = m_limiter->chunk();
}

Result<void> StreamWriter::flush()
{
    write_out();
    if (failed())
        return *m_failure;
    return {};
}

void StreamWriter::full_header(
    Mark type, std::uint32_t section_id, std::string_view idstr, std::uint32_t instance_id, std::uint32_t version)
{
    mark(type);
    be32(section_id);
    str8(idstr);
    be32(instance_id);
    be32(version);
}

void StreamWriter::short_header(Mark type, std::uint32_t section_id)
{
    mark(type);
    be32(section_id);
}

void StreamWriter::footer(std::uint32_t section_id)
{
    mark(Mark::footer);
    be32(section_id);
}

void StreamWriter::command(Command command, std::span<std::byte const> payload)
{
    mark(Mark::command);
    be16(static_cast<std::uint16_t>(command));
    be16(static_cast<std::uint16_t>(payload.size()));
    bytes(payload);
}

void StreamWriter::ping(std::uint32_t value)
{
    value = __builtin_bswap32(value);
    command(Command::ping, std::as_bytes(std::span(&value, 1)));
}

} // namespace minivisor::migration
