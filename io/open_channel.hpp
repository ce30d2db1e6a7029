// SPDX-License-Identifier: GPL-3.0-or-later
// Channels to what the operator names himself: files, which nobody answers from, and shell commands.
#pragma once

#include "io/address.hpp"
#include "io/channel.hpp"

#include <sys/types.h>

namespace minivisor::io {

/// Opens (and makes) the file and goes to the address's offset; what stood behind it is cut off when the
/// offset is 0. `opened` is the file, where somebody else has opened it already.
Result<std::unique_ptr<Channel>> open_file_for_writing(FileAddress const& address, util::UniqueFd opened = {});
Result<std::unique_ptr<Channel>> open_file_for_reading(FileAddress const& address, util::UniqueFd opened = {});
/// What open(2) is to be called with for writing.
int flags_for_writing(FileAddress const& address);

/// A shell command that runs, with a socket to its standard input and output.
struct RunningCommand {
    util::UniqueFd socket;
    pid_t child = 0; ///< leads a process group of its own
};

/// Runs the command by /bin/sh -c.
Result<RunningCommand> start_command(ExecAddress const& address);
/// Kills it and waits for it.
void end_command(pid_t child);

/// `inner` is a channel over the command's socket. finish() waits for the command and fails unless it
/// ended with status 0; cancel() kills it. `two_way` is whether it is known to carry answers back.
std::unique_ptr<Channel> make_command_channel(std::unique_ptr<Channel> inner, pid_t child, bool two_way);

} // namespace minivisor::io
