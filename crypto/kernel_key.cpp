// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/kernel_key.hpp"

#include "util/text.hpp"

#include <array>
#include <cerrno>
#include <cstdio>

#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace minivisor::crypto {

namespace {

/// The key's size; `to` is written as far as it goes. -1 with errno otherwise. glibc has no call for it.
long read_into(std::int32_t serial, SecretBytes& to)
{
    return ::syscall(SYS_keyctl, KEYCTL_READ, serial, to.data(), to.size());
}

} // namespace

Result<SecretBytes> read_kernel_key(std::int32_t serial, std::size_t max_bytes)
{
    std::array<char, 16> shown;
    std::snprintf(shown.data(), shown.size(), "%08x", static_cast<unsigned>(serial));
    SecretBytes bytes;
    while (true) {
        auto const size = read_into(serial, bytes);
        if (size < 0)
            return Error::system(cat("Unable to read serial key ", shown.data()), errno);
        if (static_cast<std::size_t>(size) > max_bytes)
            return Error::generic(
                cat("Unable to read serial key ", shown.data(), ": it is longer than ", max_bytes, " bytes"));
        // The first round asks for the size; the key may grow before the next one.
        bool const whole = static_cast<std::size_t>(size) <= bytes.size();
        bytes.resize(static_cast<std::size_t>(size));
        if (whole)
            return bytes;
    }
}

} // namespace minivisor::crypto
