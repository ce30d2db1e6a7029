// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "hw/boot.hpp"

namespace minivisor::hw {

/// Plans and loads at once; where the first CPU starts.
inline Result<accel::CpuStart> load_boot(BootOptions const& options, machine::Memory& memory)
{
    auto const plan = TRY(plan_boot(options, memory));
    TRY(plan.load(memory));
    return plan.start;
}

} // namespace minivisor::hw
