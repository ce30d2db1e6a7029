// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/boot_plan.hpp"
#include "util/units.hpp"

#include <catch2/catch.hpp>

using namespace minivisor;
using namespace minivisor::hw;

namespace {

using util::gib;
using util::mib;
constexpr RamLayout linux_ram{64 * mib, 0};

/// A bzImage of protocol 2.15 with one sector of set-up code, as the build of a 64-bit kernel makes it.
struct LinuxImage {
    LinuxImage()
        : bytes(2 * 512 + 4096)
    {
        put(0x1f1, std::uint8_t{1});
        put(0x200, std::uint16_t{0x6aeb});
        put(0x202, std::uint32_t{0x53726448});
        put(0x206, std::uint16_t{0x20f});
        put(0x211, std::uint8_t{1});
        put(0x214, std::uint32_t{0x100000});
        put(0x22c, std::uint32_t{0x7fffffff});
        put(0x230, std::uint32_t{0x200000});
        put(0x234, std::uint8_t{1});
        put(0x236, std::uint16_t{3});
        put(0x238, std::uint32_t{2047});
        put(0x258, std::uint64_t{0x1000000});
        put(0x260, std::uint32_t{0x800000});
        put(0x400, std::uint32_t{0x4c4e524b}); // its 32-bit part
    }
    template <typename T>
    void put(std::size_t offset, T value)
    {
        put_little_endian(std::span(bytes), offset, value);
    }
    Bytes bytes;
};

Result<BootPlan> plan(
    LinuxImage image, std::string append = "", std::optional<std::size_t> initrd = {}, RamLayout in = linux_ram)
{
    std::vector<BootModule> modules;
    if (initrd)
        modules.push_back({"initrd", Bytes(*initrd, std::byte{7})});
    return plan_linux(std::move(image.bytes), {"path", std::move(append)}, std::move(modules), in);
}

std::string refusal(
    LinuxImage image, std::string append = "", std::optional<std::size_t> initrd = {}, RamLayout in = linux_ram)
{
    auto const planned = plan(std::move(image), std::move(append), initrd, in);
    return planned ? "" : planned.error().desc();
}

/// Guest memory as the plan leaves it.
struct LoadedLinux {
    explicit LoadedLinux(Result<BootPlan> const& planned, RamLayout in = linux_ram)
    {
        memory.add_anonymous("ram", 0, in.below_4g).value();
        REQUIRE(planned);
        REQUIRE(planned->check(memory));
        REQUIRE(planned->load(memory));
        start = planned->start;
    }
    template <typename T>
    T at(std::uint64_t address) const
    {
        std::array<std::byte, sizeof(T)> bytes{};
        REQUIRE(memory.read(address, bytes));
        return little_endian<T>(bytes, 0);
    }
    machine::Memory memory;
    accel::CpuStart start;
};

} // namespace

TEST_CASE("a 64-bit kernel is entered 0x200 bytes after its begin with paging on")
{
    LoadedLinux const guest(plan(LinuxImage()));
    CHECK(guest.start.mode == accel::CpuStart::Mode::long64);
    CHECK(guest.start.ip == 0x100200);
    CHECK(guest.at<std::uint32_t>(0x100000) == 0x4c4e524b);
    CHECK(guest.at<std::uint32_t>(guest.start.si + 0x202) == 0x53726448);
    // Each page of the first 4 GiB is itself: walk the tables for some addresses.
    for (std::uint64_t const address : {std::uint64_t{0}, 3 * mib, 1024 * mib, 4 * gib - 1}) {
        auto const top = guest.at<std::uint64_t>(guest.start.page_tables + (address >> 39) * 8);
        auto const middle = guest.at<std::uint64_t>((top & ~std::uint64_t{4095}) + ((address >> 30) & 511) * 8);
        auto const entry = guest.at<std::uint64_t>((middle & ~std::uint64_t{4095}) + ((address >> 21) & 511) * 8);
        CHECK((top & 3) == 3);
        CHECK((middle & 3) == 3);
        CHECK((entry & 0x83) == 0x83);
        CHECK((entry & ~std::uint64_t{0xfff}) == (address & ~(2 * mib - 1)));
    }
    CHECK(guest.start.gdt_limit == 31);
    CHECK(guest.at<std::uint64_t>(guest.start.gdt_base) == 0);
    CHECK(guest.at<std::uint64_t>(guest.start.gdt_base + 0x10) == 0x00af9b000000ffff);
    CHECK(guest.at<std::uint64_t>(guest.start.gdt_base + 0x18) == 0x00cf93000000ffff);
}

TEST_CASE("a kernel without a 64-bit entry is entered in 32 bits at its begin")
{
    LinuxImage image;
    image.put(0x236, std::uint16_t{2});
    LoadedLinux const guest(plan(image));
    CHECK(guest.start.mode == accel::CpuStart::Mode::protected32);
    CHECK(guest.start.ip == 0x100000);
    CHECK(guest.start.page_tables == 0);
    CHECK(guest.at<std::uint64_t>(guest.start.gdt_base + 0x10) == 0x00cf9b000000ffff);
}

TEST_CASE("the zero page holds the kernel's header, the memory map, the command line and the initial RAM disk")
{
    RamLayout const both{64 * mib, 5 * mib};
    LoadedLinux const guest(plan(LinuxImage(), "console=ttyS0 root=/dev/ram", 5000, both), both);
    auto const page = guest.start.si;
    CHECK(guest.at<std::uint8_t>(page + 0x210) == 0xff);
    CHECK(guest.at<std::uint8_t>(page + 0x211) == 1);
    CHECK(guest.at<std::uint16_t>(page + 0x206) == 0x20f);
    CHECK(guest.at<std::uint64_t>(page + 0x258) == 0x1000000);
    CHECK(guest.at<std::uint32_t>(page + 0x1e0) == 63 * 1024);
    auto const line = guest.at<std::uint32_t>(page + 0x228);
    CHECK(guest.at<std::uint64_t>(line) == 0x3d656c6f736e6f63); // "console="
    CHECK(guest.at<std::uint8_t>(line + 27) == 0);
    auto const initrd = guest.at<std::uint32_t>(page + 0x218);
    CHECK(guest.at<std::uint32_t>(page + 0x21c) == 5000);
    CHECK(initrd % 4096 == 0);
    CHECK(initrd == 64 * mib - 8192);
    CHECK(guest.at<std::uint8_t>(initrd + 4999) == 7);
    REQUIRE(guest.at<std::uint8_t>(page + 0x1e8) == 5);
    struct Entry {
        std::uint64_t address, size;
        std::uint32_t type;
    };
    std::vector<Entry> const wanted{
        {0, 0x9fc00, 1}, {0x9fc00, 0x400, 2}, {0xf0000, 0x10000, 2}, {mib, 63 * mib, 1}, {4 * gib, 5 * mib, 1}};
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        auto const at = page + 0x2d0 + 20 * i;
        CHECK(guest.at<std::uint64_t>(at) == wanted[i].address);
        CHECK(guest.at<std::uint64_t>(at + 8) == wanted[i].size);
        CHECK(guest.at<std::uint32_t>(at + 16) == wanted[i].type);
    }
}

TEST_CASE("the initial RAM disk lies no higher than the kernel can bear")
{
    LinuxImage image;
    image.put(0x22c, std::uint32_t{0x2ffffff});
    image.put(0x236, std::uint16_t{1});
    LoadedLinux const guest(plan(image, "", 4096));
    CHECK(guest.at<std::uint32_t>(guest.start.si + 0x218) == 0x2fff000);
    image.put(0x22c, std::uint32_t{0x100fff});
    CHECK(refusal(image, "", 4096) == "initrd is too large, cannot support.(max: 0, need 4096)");
    image.put(0x22c, std::uint32_t{0});
    CHECK(refusal(image, "", 4096) == "initrd is too large, cannot support.(max: 0, need 4096)");
    CHECK(refusal(LinuxImage(), "", 50 * mib) == "initrd is too large, cannot support.(max: 41943040, need 52428800)");
    CHECK(refusal(LinuxImage(), "", 0) == "");
}

TEST_CASE("an older kernel gets what its protocol knows")
{
    LinuxImage image;
    image.put(0x206, std::uint16_t{0x202});
    image.put(0x22c, std::uint32_t{0});
    image.put(0x258, ~std::uint64_t{0});
    image.put(0x260, ~std::uint32_t{0});
    LoadedLinux const guest(plan(image, std::string(255, 'x'), 4096));
    CHECK(guest.start.mode == accel::CpuStart::Mode::protected32);
    CHECK(refusal(image, std::string(256, 'x')) == "the command line has 256 bytes, the Linux kernel takes 255");
}

TEST_CASE("a set-up header that lies is refused")
{
    auto const with = [](std::size_t offset, auto value) {
        LinuxImage image;
        image.put(offset, value);
        return refusal(std::move(image));
    };
    CHECK(with(0x206, std::uint16_t{0x201}) == "the Linux kernel's boot protocol 2.1 is too old: 2.2 is needed");
    CHECK(with(0x211, std::uint8_t{0}) == "the Linux kernel is a zImage, which is not supported");
    CHECK(with(0x1f1, std::uint8_t{9}) == "invalid kernel header");
    CHECK(with(0x1f1, std::uint8_t{255}) == "invalid kernel header");
    CHECK(with(0x214, std::uint32_t{0x7c00}) == "invalid kernel header");
    std::string const too_large = "the Linux kernel does not fit into RAM";
    CHECK(with(0x214, std::uint32_t{0xffffffff}).starts_with(too_large));
    CHECK(with(0x230, std::uint32_t{0xffffffff}).starts_with(too_large));
    CHECK(with(0x258, ~std::uint64_t{0}).starts_with(too_large));
    CHECK(with(0x258, std::uint64_t{64 * mib}).starts_with(too_large));
    CHECK(with(0x260, ~std::uint32_t{0}).starts_with(too_large));
    CHECK(with(0x230, std::uint32_t{0}).empty());
    CHECK(with(0x201, std::uint8_t{255}).empty());
    CHECK(with(0x201, std::uint8_t{0}).empty());
    CHECK(refusal(LinuxImage(), std::string(2048, 'x'))
        == "the command line has 2048 bytes, the Linux kernel takes 2047");
    CHECK(refusal(LinuxImage(), "", {}, {mib, 0}).starts_with(too_large));
    CHECK(refusal(LinuxImage(), "", {}, {0, 0}).starts_with(too_large));
    LinuxImage cut;
    for (std::size_t const size : {0x400u, 0x290u, 0x28fu, 0x208u}) {
        cut.bytes.resize(size);
        CHECK(refusal(cut) == "invalid kernel header");
    }
    LinuxImage endless;
    endless.put(0x238, ~std::uint32_t{0});
    CHECK(refusal(endless, std::string(65535, 'x')).empty());
    CHECK_FALSE(refusal(endless, std::string(65536, 'x')).empty());
}
