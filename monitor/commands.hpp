// SPDX-License-Identifier: GPL-3.0-or-later
// Binds the commands about the session itself: quit, getfd, closefd.
#pragma once

#include "qapi/registry.hpp"

#include <functional>

namespace minivisor::monitor {

/// `quit` is called for the command of that name.
void bind_commands(qapi::Registry& registry, std::function<void()> quit);

} // namespace minivisor::monitor
