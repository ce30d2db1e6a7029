// SPDX-License-Identifier: GPL-3.0-or-later
// The commands that a source may put between the sections of its stream.
#include "migration/receiver.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

namespace minivisor::migration {

namespace {

struct KnownCommand {
    Command command;
    std::string_view name;
    /// Of the payload; negative where the command looks itself.
    int length;
    /// Why it is refused here; empty where it is obeyed.
    std::string_view refusal;
    int errno_value = EINVAL;
};

constexpr std::array known_commands{
    KnownCommand{Command::open_return_path, "OPEN_RETURN_PATH", 0, ""},
    KnownCommand{Command::ping, "PING", 4, ""},
    KnownCommand{Command::postcopy_advise, "POSTCOPY_ADVISE", -1, ""},
    KnownCommand{
        Command::postcopy_listen, "POSTCOPY_LISTEN", 0, "CMD_POSTCOPY_LISTEN in wrong postcopy state (0)", EPERM},
    KnownCommand{Command::postcopy_run, "POSTCOPY_RUN", 0, "CMD_POSTCOPY_RUN in wrong postcopy state (0)", EPERM},
    KnownCommand{Command::postcopy_ram_discard, "POSTCOPY_RAM_DISCARD", -1,
        "CMD_POSTCOPY_RAM_DISCARD in wrong postcopy state (0)", EPERM},
    KnownCommand{Command::packaged, "PACKAGED", 4, "Packaged device state (postcopy) is not supported"},
    KnownCommand{Command::enable_colo, "ENABLE_COLO", 0, "COLO is not supported"},
    KnownCommand{Command::postcopy_resume, "POSTCOPY_RESUME", 0, "Resuming a postcopy migration is not supported"},
    KnownCommand{Command::recv_bitmap, "MIG_CMD_RECV_BITMAP", -1, "Recovering a postcopy migration is not supported"},
    // From QEMU 10.0 on: it says nothing that the END section does not say.
    KnownCommand{Command::switchover_start, "SWITCHOVER_START", 0, ""},
};

} // namespace

Result<void> Receiver::load_command()
{
    auto const number = TRY(m_reader.be16());
    auto const length = TRY(m_reader.be16());
    auto const known = std::find_if(known_commands.begin(), known_commands.end(),
        [&](KnownCommand const& candidate) { return static_cast<std::uint16_t>(candidate.command) == number; });
    if (known == known_commands.end())
        return m_log.refuse(cat("MIG_CMD 0x", hex(number), " unknown (len 0x", hex(length), ")"));
    if (known->length >= 0 && length != known->length) {
        return m_log.refuse(
            ERANGE, cat(known->name, " received with bad length - expecting ", known->length, ", got ", length));
    }
    if (!known->refusal.empty())
        return m_log.refuse(known->errno_value, std::string(known->refusal));
    switch (known->command) {
    case Command::open_return_path:
        if (m_return_path)
            return m_log.refuse("CMD_OPEN_RETURN_PATH called when RP already open");
        m_return_path = true;
        if (m_options.switchover_ack)
            return answer(Answer::switchover_ack);
        return {};
    case Command::ping: {
        auto const value = TRY(m_reader.be32());
        if (!m_return_path)
            return m_log.refuse(EPERM, cat("CMD_PING (0x", hex(value), ") received with no return path"));
        return answer(Answer::pong, value);
    }
    case Command::postcopy_advise:
        // Without payload it only announces dirty bitmaps, which would come in a section of their own.
        if (length == 16)
            return m_log.refuse("RAM postcopy is disabled but have 16 byte advise");
        if (length != 0)
            return m_log.refuse(cat("CMD_POSTCOPY_ADVISE invalid length (", length, ")"));
        return {};
    default: return {};
    }
}

} // namespace minivisor::migration
