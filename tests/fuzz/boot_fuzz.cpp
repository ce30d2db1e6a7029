// SPDX-License-Identifier: GPL-3.0-or-later
// Any bytes as a kernel, with and without something beside it: what is planned lies within guest RAM, piece beside
// piece, and can be loaded; what is refused is refused with a sentence.
#include "hw/boot_plan.hpp"
#include "tests/fuzz/check.hpp"

using namespace minivisor;
using fuzz::require;

namespace {

constexpr std::uint64_t ram_size = 8 << 20;

machine::Memory& guest_memory()
{
    static machine::Memory memory;
    if (memory.blocks().empty())
        memory.add_anonymous("ram", 0, ram_size).value();
    return memory;
}

Result<hw::BootPlan> plan(hw::Bytes kernel, std::size_t modules)
{
    auto const kind = TRY(hw::kind_of_kernel(kernel));
    auto const ram = hw::RamLayout::of(guest_memory());
    std::vector<hw::BootModule> files;
    for (std::size_t i = 0; i < modules; ++i)
        files.push_back({"module", hw::Bytes(5000 * i + 1)});
    hw::KernelWords const words{"kernel", "some words"};
    if (kind == hw::KernelKind::boot_sector)
        return hw::plan_boot_sector(std::move(kernel));
    return kind == hw::KernelKind::linux_ ? hw::plan_linux(std::move(kernel), words, std::move(files), ram)
                                          : hw::plan_multiboot(std::move(kernel), words, std::move(files), ram);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    auto const* const bytes = reinterpret_cast<std::byte const*>(data);
    for (std::size_t const modules : {0, 1, 3}) {
        auto const planned = plan(hw::Bytes(bytes, bytes + size), modules);
        if (!planned) {
            require(!planned.error().desc().empty(), "a refusal has a sentence");
            continue;
        }
        auto const checked = planned->check(guest_memory());
        if (!checked) {
            require(!checked.error().desc().empty(), "a refusal has a sentence");
            continue;
        }
        for (auto const& piece : planned->pieces())
            require(
                piece.bytes.size() <= piece.size && piece.address < ram_size && piece.size <= ram_size - piece.address,
                "a piece lies in RAM", piece.what);
        require(planned->load(guest_memory()).has_value(), "what was checked can be loaded");
    }
    return 0;
}
