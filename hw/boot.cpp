// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/boot.hpp"

#include "util/text.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace minivisor::hw {

Result<accel::CpuStart> load_boot(BootOptions const& options, machine::Memory& memory)
{
    accel::CpuStart start;
    if (options.kernel) {
        std::array<std::byte, 512> s{};
        util::UniqueFd fd(open(options.kernel->c_str(), O_RDONLY | O_CLOEXEC));
        if (!fd || read(fd.get(), s.data(), s.size()) != 512)
            return Error::generic("could not load kernel");
        TRY(memory.write(0x7c00, s));
        start.mode = accel::CpuStart::Mode::real;
        start.ip = 0x7c00;
    }
    return start;
}

} // namespace minivisor::hw
