// SPDX-License-Identifier: GPL-3.0-or-later
// The description of the device sections in JSON that ends a stream: what each field is called and how
// large it is. Nobody needs it to load; it lets a holder find the ends of sections it cannot read.
#pragma once

#include "machine/saved_state.hpp"

#include <string>

namespace minivisor::migration {

/// The text for these devices as they would be saved now, spelled as QEMU spells it.
std::string describe_devices(machine::SavedDevices const& devices);

} // namespace minivisor::migration
