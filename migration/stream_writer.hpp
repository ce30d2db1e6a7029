// SPDX-License-Identifier: GPL-3.0-or-later
// Writes the pieces of a stream: small numbers are gathered, guest pages are sent from where they lie,
// and both go out together in large writes, no faster than the limit allows.
#pragma once

#include "io/channel.hpp"
#include "migration/format.hpp"
#include "migration/rate.hpp"
#include "util/result.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace minivisor::migration {

/// The first failed write ends the stream: later calls do nothing, and flush() says what it was.
class StreamWriter {
public:
    /// `sent` counts the bytes that were written; both may be null.
    StreamWriter(io::Channel& channel, RateLimiter* limiter, std::atomic<std::uint64_t>* sent);

    void u8(std::uint8_t value) { put(&value, sizeof value); }
    void mark(Mark value) { u8(static_cast<std::uint8_t>(value)); }
    void be16(std::uint16_t value);
    void be32(std::uint32_t value);
    void be64(std::uint64_t value);
    /// A length byte and the text, which has at most 255 bytes.
    void str8(std::string_view text);
    void bytes(std::span<std::byte const> bytes) { put(bytes.data(), bytes.size()); }
    void text(std::string_view text) { put(text.data(), text.size()); }
    /// Not copied: it must stay until the next flush, and may change meanwhile (either content goes out).
    void memory(std::span<std::byte const> bytes);

    void full_header(
        Mark type, std::uint32_t section_id, std::string_view idstr, std::uint32_t instance_id, std::uint32_t version);
    void short_header(Mark type, std::uint32_t section_id);
    void footer(std::uint32_t section_id);
    void command(Command command, std::span<std::byte const> payload = {});
    void ping(std::uint32_t value);

    bool failed() const { return m_failure.has_value(); }
    /// All bytes put so far, written or gathered.
    std::uint64_t position() const { return m_position; }
    Result<void> flush();

private:
    void put(void const* from, std::size_t size);
    void write_out();

    io::Channel& m_channel;
    RateLimiter* m_limiter;
    std::atomic<std::uint64_t>* m_sent;
    std::unique_ptr<std::byte[]> m_arena;
    std::size_t m_arena_used = 0;
    std::vector<iovec> m_pieces;
    std::size_t m_gathered = 0;
    std::size_t m_chunk;
    std::uint64_t m_position = 0;
    std::optional<Error> m_failure;
};

} // namespace minivisor::migration
