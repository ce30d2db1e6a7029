// SPDX-License-Identifier: GPL-3.0-or-later
// HMP commands about the monitor itself: help, info, quit, getfd, closefd; info version, info history.
#pragma once

#include "hmp/command.hpp"

namespace minivisor::hmp {

void add_control_commands(CommandTable& table);

} // namespace minivisor::hmp
