// SPDX-License-Identifier: GPL-3.0-or-later
// Binds the commands about the session itself and what it hands over: quit, getfd, closefd, add-fd and its kin.
#pragma once

#include "qapi/registry.hpp"
#include "util/fd_sets.hpp"

#include <functional>

namespace minivisor::monitor {

/// `quit` is called for the command of that name; `sets` outlives the registry's use.
void bind_commands(qapi::Registry& registry, util::FdSets& sets, std::function<void()> quit);

} // namespace minivisor::monitor
