// SPDX-License-Identifier: GPL-3.0-or-later
// Keys that the kernel keeps (keyrings(7)). Linux only.
#pragma once

#include "crypto/secret_bytes.hpp"
#include "util/result.hpp"

#include <cstddef>
#include <cstdint>

namespace minivisor::crypto {

/// What the key of that serial number holds, with QEMU's text where it cannot be read; refuses more than `max_bytes`.
Result<SecretBytes> read_kernel_key(std::int32_t serial, std::size_t max_bytes);

} // namespace minivisor::crypto
