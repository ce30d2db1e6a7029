// SPDX-License-Identifier: GPL-3.0-or-later
// -sandbox: a filter of system calls (seccomp) for the whole process, put into force once everything is open. The
// groups of calls are QEMU's. A call of the base group or of the obsolete ones ends the process; spawning and changing
// priorities fail with EPERM, so that what asks for them (an exec: migration) fails and the guest goes on.
#pragma once

#include "util/result.hpp"

namespace minivisor::main {

struct SandboxOptions {
    bool obsolete = false; ///< allow calls that have been replaced
    bool elevate_privileges = true; ///< allow to become another user or group
    bool no_new_privileges = false; ///< elevateprivileges=children: only programs that are started gain none
    bool spawn = true; ///< allow new processes
    bool resource_control = true; ///< allow changes of priority and affinity
};

/// For all threads, and with no way back.
Result<void> enter_sandbox(SandboxOptions const& options);

} // namespace minivisor::main
