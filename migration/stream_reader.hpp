// SPDX-License-Identifier: GPL-3.0-or-later
// Reads the pieces of a stream through one large buffer. All that comes is hostile: nothing is
// allocated for a length that was only announced, and the end of the stream is an error wherever
// more was promised.
#pragma once

#include "io/channel.hpp"
#include "migration/format.hpp"
#include "util/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace minivisor::migration {

class StreamReader {
public:
    static constexpr std::size_t default_buffer = std::size_t{256} << 10;

    /// `first` are bytes that were read from the channel already (at most 4096).
    explicit StreamReader(
        io::Channel& channel, std::span<std::byte const> first = {}, std::size_t buffer_size = default_buffer);

    Result<std::uint8_t> u8();
    Result<std::uint16_t> be16();
    Result<std::uint32_t> be32();
    Result<std::uint64_t> be64();
    /// A length byte and that many bytes, not decoded.
    Result<std::string> str8();
    /// Exactly `length` bytes as text; they are taken in as they come, not allocated ahead.
    Result<std::string> text(std::size_t length);
    /// Fills all of `into`, large parts without a copy between.
    Result<void> bytes(std::span<std::byte> into);
    /// What is likely to follow a page: the record word `word` and its page at `page`, then the same with
    /// the next page of both, and so on for `pages`. Their memory may be used as a buffer: where the guess
    /// was wrong it is left zero.
    struct Run {
        std::byte* page = nullptr;
        std::uint64_t word = 0;
        std::size_t pages = 0;
    };
    static constexpr std::size_t longest_run = 128;
    /// Like bytes(), and with luck some pages of the run in the same call: how many, words and all.
    Result<std::size_t> page_and_run(std::span<std::byte> page, Run run);
    Result<void> skip(std::uint64_t length);
    /// Up to `length` (at most 4096) coming bytes without taking them: fewer only at the end of the stream.
    Result<std::span<std::byte const>> peek(std::size_t length);
    /// Like peek, but waits for one byte only and gives all that is in the buffer by now.
    Result<std::span<std::byte const>> peek_available();
    /// Takes `length` of the bytes that were peeked at.
    void consume(std::size_t length) { m_begin += length; }

    /// Bytes taken so far.
    std::uint64_t position() const { return m_received - (m_end - m_begin); }
    /// The peer closed, and an error of this reader says so.
    bool ended() const { return m_ended; }

private:
    /// Gets at least `length` bytes into the buffer, or fails.
    Result<void> need(std::size_t length);
    /// Reads more into the buffer; false at the end of the stream.
    Result<bool> read_more();
    Error end_of_stream();
    /// Reads into `into`, the run and the buffer, in this order. The bytes that came.
    Result<std::size_t> read_run(std::span<std::byte> into, Run const& run);
    /// Puts `length` bytes, which came where the run from its page `from` on should have been, into the buffer.
    void gather(Run const& run, std::size_t from, std::size_t length);

    io::Channel& m_channel;
    std::size_t m_size;
    /// m_size bytes, after room for what was read into the wrong places.
    std::unique_ptr<std::byte[]> m_memory;
    std::byte* m_buffer;
    std::size_t m_begin = 0;
    std::size_t m_end = 0;
    std::uint64_t m_received = 0;
    bool m_ended = false;
    std::array<std::uint64_t, longest_run> m_words{};
    std::vector<iovec> m_pieces;
};

} // namespace minivisor::migration
