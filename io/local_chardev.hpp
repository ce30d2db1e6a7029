// SPDX-License-Identifier: GPL-3.0-or-later
// Character devices that have nobody at the other end of a wire: null, files, standard input and output, ring buffers.
#pragma once

#include "io/chardev.hpp"
#include "util/terminal.hpp"

#include <boost/asio/signal_set.hpp>

#include <cstdint>
#include <memory>

namespace minivisor::io {

/// Nothing comes from it, and what goes there is gone: it opens no stream at all.
class NullChardev final : public Chardev {
public:
    using Chardev::Chardev;
    std::string filename() const override { return "null"; }
    Result<void> open(OnStream) override { return {}; }
};

/// A file: one stream, which is there from the start.
class DescriptorChardev final : public Chardev {
public:
    /// `input` may be none.
    DescriptorChardev(boost::asio::io_context& io, std::string label, std::string filename, util::UniqueFd input,
        util::UniqueFd output)
        : Chardev(std::move(label))
        , m_io(io)
        , m_filename(std::move(filename))
        , m_input(std::move(input))
        , m_output(std::move(output))
    {
    }
    std::string filename() const override { return m_filename; }
    Result<void> open(OnStream on_stream) override;

private:
    boost::asio::io_context& m_io;
    std::string m_filename;
    util::UniqueFd m_input;
    util::UniqueFd m_output;
};

/// Standard input and output. A terminal is set to give each key as it is typed while somebody talks over it.
class StdioChardev final : public Chardev {
public:
    /// Without `signals`, Ctrl-C and the like are bytes on a terminal.
    static Result<std::unique_ptr<StdioChardev>> create(boost::asio::io_context& io, std::string label, bool signals);

    std::string filename() const override { return "stdio"; }
    Result<void> open(OnStream on_stream) override;
    void close() override { m_continued.reset(); }

private:
    StdioChardev(boost::asio::io_context& io, std::string label, bool signals, bool terminal, util::UniqueFd input,
        util::UniqueFd output);

    void await_return();

    boost::asio::io_context& m_io;
    bool m_signals;
    bool m_terminal;
    util::UniqueFd m_input;
    util::UniqueFd m_output;
    std::optional<util::RawMode> m_raw;
    std::shared_ptr<boost::asio::signal_set> m_continued; ///< SIGCONT, on a terminal; its waits end with it
};

/// Keeps the last bytes that were written to it, for ringbuf-read.
class RingbufChardev final : public Chardev {
public:
    static constexpr std::int64_t default_size = 65536;
    /// More than any guest's console log needs, and less than would hurt.
    static constexpr std::int64_t max_size = std::int64_t{1} << 30;

    static Result<std::unique_ptr<RingbufChardev>> create(std::string label, std::int64_t size);

    std::string filename() const override { return "ringbuf"; }
    Result<void> open(OnStream) override;
    /// What does not fit pushes out the oldest.
    void write(std::string_view bytes);
    /// Takes out the oldest bytes, at most `size`.
    std::string read(std::uint64_t size);

private:
    RingbufChardev(std::string label, std::size_t size)
        : Chardev(std::move(label))
        , m_size(size)
        , m_held(std::make_unique_for_overwrite<char[]>(size))
    {
    }
    std::size_t m_size;
    std::unique_ptr<char[]> m_held; ///< a ring
    std::size_t m_first = 0;
    std::size_t m_count = 0;
};

} // namespace minivisor::io
