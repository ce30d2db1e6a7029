// SPDX-License-Identifier: GPL-3.0-or-later
// Puts what the guest begins with into its memory, and says where the first CPU starts: a firmware image (-bios), or
// a kernel (-kernel) whose kind its first bytes tell: Linux bzImage, multiboot, or a boot sector of 512 bytes.
#pragma once

#include "accel/cpu_start.hpp"
#include "machine/memory.hpp"
#include "util/result.hpp"

#include <optional>
#include <string>

namespace minivisor::hw {

struct BootOptions {
    std::optional<std::string> bios, kernel, append, initrd;
};

/// Loads everything; nothing but `memory` is changed. Called once, before the guest runs, when all RAM is mapped. The
/// firmware image becomes a read-only block "pc.bios" that ends at 4 GiB, and its last 128 KiB are seen below 1 MiB.
Result<accel::CpuStart> load_boot(BootOptions const& options, machine::Memory& memory);

} // namespace minivisor::hw
