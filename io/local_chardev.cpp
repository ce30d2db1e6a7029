// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/local_chardev.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace minivisor::io {

Result<void> DescriptorChardev::open(OnStream on_stream)
{
    on_stream(TRY(make_stream(m_io, std::move(m_input), std::move(m_output), false)));
    return {};
}

StdioChardev::StdioChardev(boost::asio::io_context& io, std::string label, bool signals, bool terminal,
    util::UniqueFd input, util::UniqueFd output)
    : Chardev(std::move(label))
    , m_io(io)
    , m_signals(signals)
    , m_terminal(terminal)
    , m_input(std::move(input))
    , m_output(std::move(output))
{
}

Result<std::unique_ptr<StdioChardev>> StdioChardev::create(boost::asio::io_context& io, std::string label, bool signals)
{
    util::UniqueFd input(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
    util::UniqueFd output(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!input || !output)
        return Error::system("cannot use stdio", errno);
    bool const terminal = isatty(STDIN_FILENO) != 0;
    return std::unique_ptr<StdioChardev>(
        new StdioChardev(io, std::move(label), signals, terminal, std::move(input), std::move(output)));
}

Result<void> StdioChardev::open(OnStream on_stream)
{
    if (m_terminal) {
        m_raw.emplace(TRY(util::RawMode::enter(
            STDIN_FILENO, m_signals ? util::TerminalKeys::with_signals : util::TerminalKeys::all_bytes)));
        // So that the shell's own does not become one that never waits.
        m_input = TRY(util::reopen_terminal(STDIN_FILENO, O_RDONLY));
        if (isatty(STDOUT_FILENO) != 0)
            m_output = TRY(util::reopen_terminal(STDOUT_FILENO, O_WRONLY));
        m_continued = std::make_shared<boost::asio::signal_set>(m_io, SIGCONT);
        await_return();
    }
    on_stream(TRY(make_stream(m_io, std::move(m_input), std::move(m_output), false)));
    return {};
}

/// A shell that had stopped us has set the terminal to its own liking meanwhile.
void StdioChardev::await_return()
{
    m_continued->async_wait([this, watch = std::weak_ptr(m_continued)](boost::system::error_code error, int) {
        if (error || watch.expired())
            return; // all of this has ended, maybe with a signal already on its way here
        if (m_raw->in_foreground())
            m_raw->enter_again();
        await_return();
    });
}

Result<std::unique_ptr<RingbufChardev>> RingbufChardev::create(std::string label, std::int64_t size)
{
    // 0 stands for the default, as in QEMU.
    auto const wanted = static_cast<std::uint64_t>(size == 0 ? default_size : size);
    if (!std::has_single_bit(wanted))
        return Error::generic("size of ringbuf chardev must be power of two");
    if (wanted > static_cast<std::uint64_t>(max_size))
        return Error::generic(cat("size of ringbuf chardev must be at most ", max_size));
    return std::unique_ptr<RingbufChardev>(new RingbufChardev(std::move(label), wanted));
}

Result<void> RingbufChardev::open(OnStream)
{
    return Error::generic(cat("Chardev '", label(), "' is a ringbuf, which cannot be talked over"));
}

void RingbufChardev::write(std::string_view bytes)
{
    if (bytes.size() > m_size)
        bytes.remove_prefix(bytes.size() - m_size);
    for (char const c : bytes) {
        m_held[(m_first + m_count) % m_size] = c;
        if (m_count < m_size)
            ++m_count;
        else
            m_first = (m_first + 1) % m_size;
    }
}

std::string RingbufChardev::read(std::uint64_t size)
{
    std::string taken(static_cast<std::size_t>(std::min<std::uint64_t>(size, m_count)), '\0');
    for (char& c : taken) {
        c = m_held[m_first];
        m_first = (m_first + 1) % m_size;
    }
    m_count -= taken.size();
    return taken;
}

} // namespace minivisor::io
