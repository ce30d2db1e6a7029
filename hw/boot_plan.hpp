// SPDX-License-Identifier: GPL-3.0-or-later
// What a loader has decided: which bytes go where, and how the first CPU starts. The loaders here are given bytes and
// touch neither files nor guest memory, so that images of any kind can be tried on them.
#pragma once

#include "accel/cpu_start.hpp"
#include "machine/memory.hpp"
#include "util/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::hw {

using Bytes = std::vector<std::byte>;

/// `size` bytes at a guest-physical address: `bytes`, then zeros.
struct BootPiece {
    std::uint64_t address = 0;
    std::span<std::byte const> bytes;
    std::uint64_t size = 0;
    std::string what; ///< for error texts
};

/// Moved, not copied: the pieces look into the images.
class BootPlan {
public:
    BootPlan() = default;
    BootPlan(BootPlan&&) noexcept = default;
    BootPlan& operator=(BootPlan&&) noexcept = default;

    /// Keeps the bytes; they stay where they are.
    std::span<std::byte const> keep(Bytes bytes);
    void add(std::string what, std::uint64_t address, std::span<std::byte const> bytes);
    /// The same with zeros after the bytes, up to `size`.
    void add(std::string what, std::uint64_t address, std::span<std::byte const> bytes, std::uint64_t size);

    /// Every piece lies in RAM that the guest may write, and none lies on another.
    Result<void> check(machine::Memory const& memory) const;
    /// Writes all pieces; the plan was checked with this memory.
    Result<void> load(machine::Memory& memory) const;

    std::span<BootPiece const> pieces() const { return m_pieces; }
    accel::CpuStart start;
    /// What the operator should hear although it is no error.
    std::vector<std::string> warnings;

private:
    std::vector<Bytes> m_images;
    std::vector<BootPiece> m_pieces;
};

/// RAM as kernels are told of it.
struct RamLayout {
    std::uint64_t below_4g = 0; ///< the end of what begins at 0
    std::uint64_t above_4g = 0; ///< the size of what begins at 4 GiB

    static RamLayout of(machine::Memory const& memory);
};

enum class KernelKind { linux_, multiboot, boot_sector };

/// QEMU's "invalid kernel header" for what is none of these.
Result<KernelKind> kind_of_kernel(std::span<std::byte const> kernel);

/// A file that goes with the kernel: an initial RAM disk, or a module with its words.
struct BootModule {
    std::string words;
    Bytes bytes;
};

/// What the kernel is told: "PATH APPEND" is a multiboot kernel's command line, `append` a Linux kernel's.
struct KernelWords {
    std::string path;
    std::string append;
};

/// One module at most, the initial RAM disk.
Result<BootPlan> plan_linux(Bytes kernel, KernelWords const& words, std::vector<BootModule> modules, RamLayout ram);
Result<BootPlan> plan_multiboot(Bytes kernel, KernelWords const& words, std::vector<BootModule> modules, RamLayout ram);
Result<BootPlan> plan_boot_sector(Bytes sector);

/// Numbers in images and tables, little-endian; the caller has looked that they are inside.
template <typename T>
T little_endian(std::span<std::byte const> bytes, std::size_t offset)
{
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        value = static_cast<T>(value | static_cast<T>(static_cast<T>(bytes[offset + i]) << (8 * i)));
    return value;
}
template <typename T>
void put_little_endian(std::span<std::byte> bytes, std::size_t offset, T value)
{
    for (std::size_t i = 0; i < sizeof(T); ++i)
        bytes[offset + i] = static_cast<std::byte>(value >> (8 * i));
}

/// A segment of 4 GiB from 0, as a descriptor table holds it.
inline constexpr std::uint64_t flat_code32 = 0x00cf9b000000ffff;
inline constexpr std::uint64_t flat_code64 = 0x00af9b000000ffff;
inline constexpr std::uint64_t flat_data = 0x00cf93000000ffff;

} // namespace minivisor::hw
