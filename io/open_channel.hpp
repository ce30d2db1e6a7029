// SPDX-License-Identifier: GPL-3.0-or-later
// Channels to what the operator names himself: files and shell commands. One-way: nobody answers there.
#pragma once

#include "io/address.hpp"
#include "io/channel.hpp"

namespace minivisor::io {

enum class Direction { read, write };

/// Opens (and makes) the file and goes to the address's offset; what stood behind it is cut off when the
/// offset is 0.
Result<std::unique_ptr<Channel>> open_file_for_writing(FileAddress const& address);
Result<std::unique_ptr<Channel>> open_file_for_reading(FileAddress const& address);

/// Runs the command by /bin/sh -c with a pipe to its standard input, or from its standard output.
/// finish() waits for it and fails unless it ended with status 0; cancel() kills it.
Result<std::unique_ptr<Channel>> open_command(ExecAddress const& address, Direction direction);

} // namespace minivisor::io
