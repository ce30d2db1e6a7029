// SPDX-License-Identifier: GPL-3.0-or-later
// Puts what the guest begins with into its memory, and says where the first CPU starts: a firmware image (-bios), or
// a kernel (-kernel) whose kind its first bytes tell: Linux bzImage, multiboot, or a boot sector of 512 bytes.
#pragma once

#include "accel/cpu_start.hpp"
#include "hw/boot_plan.hpp"
#include "machine/memory.hpp"
#include "util/result.hpp"

#include <optional>
#include <string>

namespace minivisor::hw {

struct BootOptions {
    std::optional<std::string> bios, kernel, append, initrd;
};

/// What is to be loaded, read and checked as a whole. Called once, before the guest runs, when all RAM is mapped. The
/// firmware image becomes a read-only block "pc.bios" that ends at 4 GiB, and its last 128 KiB are seen below 1 MiB;
/// nothing else has changed, and after an error the guest sees what it saw before. BootPlan::load does the rest, at the
/// start and after each reset.
Result<BootPlan> plan_boot(BootOptions const& options, machine::Memory& memory);

} // namespace minivisor::hw
