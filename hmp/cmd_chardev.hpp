// SPDX-License-Identifier: GPL-3.0-or-later
// HMP commands about character devices: chardev-add, chardev-remove, ringbuf_write, ringbuf_read, info chardev.
#pragma once

#include "hmp/command.hpp"

namespace minivisor::hmp {

void add_chardev_commands(CommandTable& table);

} // namespace minivisor::hmp
