// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/unit/hw/load_boot.hpp"
#include "tests/unit/temp_dir.hpp"
#include "util/units.hpp"

#include <catch2/catch.hpp>

using namespace minivisor;
using namespace minivisor::hw;
using test::TempDir;

namespace {

using util::gib;
using util::mib;
constexpr RamLayout multiboot_ram{4 * mib, 2 * mib};

struct MultibootImage {
    explicit MultibootImage(std::size_t size = 0x1000)
        : bytes(size)
    {
    }
    template <typename T>
    MultibootImage& put(std::size_t offset, T value)
    {
        put_little_endian(std::span(bytes), offset, value);
        return *this;
    }
    MultibootImage& header(std::size_t at, std::uint32_t flags)
    {
        return put(at, std::uint32_t{0x1badb002}).put(at + 4, flags).put(at + 8, 0u - 0x1badb002 - flags);
    }
    Bytes bytes;
};

/// A file without ELF header whose multiboot header stands at 0x20.
MultibootImage plain(std::uint32_t header, std::uint32_t load, std::uint32_t load_end, std::uint32_t bss_end)
{
    MultibootImage image;
    image.header(0x20, 0x10000).put(0x2c, header).put(0x30, load).put(0x34, load_end).put(0x38, bss_end);
    image.put(0x3c, std::uint32_t{0x100040}).put(0x40, std::uint32_t{0x65646f63});
    return image;
}

/// An ELF kernel with one segment: 16 bytes of the file and 16 of zeros at physical 0x200000, virtual 0xc0200000.
MultibootImage elf()
{
    MultibootImage image;
    image.put(0, std::uint32_t{0x464c457f}).put(4, std::uint16_t{0x0101}).put(16, std::uint16_t{2});
    image.put(18, std::uint16_t{3}).put(24, std::uint32_t{0xc0200008}).put(28, std::uint32_t{0x34});
    image.put(42, std::uint16_t{32}).put(44, std::uint16_t{1});
    image.put(0x34, std::uint32_t{1}).put(0x38, std::uint32_t{0x200}).put(0x3c, std::uint32_t{0xc0200000});
    image.put(0x40, std::uint32_t{0x200000}).put(0x44, std::uint32_t{16}).put(0x48, std::uint32_t{32});
    image.put(0x4c, std::uint32_t{5});
    image.header(0x100, 3).put(0x200, std::uint32_t{0x31464c45});
    return image;
}

Result<BootPlan> plan(MultibootImage image, std::vector<BootModule> modules = {})
{
    auto const kind = kind_of_kernel(image.bytes);
    REQUIRE(kind);
    REQUIRE(*kind == KernelKind::multiboot);
    return plan_multiboot(std::move(image.bytes), {"kernel.elf", "verbose"}, std::move(modules), multiboot_ram);
}

std::string refusal(MultibootImage image, std::vector<BootModule> modules = {})
{
    auto const planned = plan(std::move(image), std::move(modules));
    if (!planned)
        return planned.error().desc();
    machine::Memory memory;
    memory.add_anonymous("ram", 0, multiboot_ram.below_4g).value();
    auto const checked = planned->check(memory);
    return checked ? "" : checked.error().desc();
}

struct LoadedMultiboot {
    explicit LoadedMultiboot(Result<BootPlan> const& planned)
    {
        memory.add_anonymous("ram", 0, multiboot_ram.below_4g).value();
        REQUIRE(memory.write(0x200010, std::as_bytes(std::span("what was there before"))));
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
    std::string text(std::uint64_t address) const
    {
        std::string found;
        for (auto c = at<char>(address); c != 0; c = at<char>(++address))
            found += c;
        return found;
    }
    machine::Memory memory;
    accel::CpuStart start;
};

} // namespace

TEST_CASE("an ELF kernel's segments are loaded at their physical addresses and its entry is found there")
{
    LoadedMultiboot const guest(plan(elf()));
    CHECK(guest.at<std::uint32_t>(0x200000) == 0x31464c45);
    CHECK(guest.at<std::uint64_t>(0x200010) == 0);
    CHECK(guest.at<std::uint64_t>(0x200018) == 0);
    CHECK(guest.start.mode == accel::CpuStart::Mode::protected32);
    CHECK(guest.start.ip == 0x200008);
    CHECK(guest.start.ax == 0x2badb002);
    CHECK(guest.at<std::uint64_t>(guest.start.gdt_base + 8) == 0x00cf9b000000ffff);
    CHECK(guest.at<std::uint64_t>(guest.start.gdt_base + 16) == 0x00cf93000000ffff);
    CHECK(guest.start.gdt_limit == 23);
}

TEST_CASE("a multiboot kernel learns of memory, command line and loader")
{
    LoadedMultiboot const guest(plan(elf()));
    auto const info = guest.start.bx;
    CHECK(guest.at<std::uint32_t>(info) == 0x247);
    CHECK(guest.at<std::uint32_t>(info + 4) == 640);
    CHECK(guest.at<std::uint32_t>(info + 8) == 3 * 1024);
    CHECK(guest.text(guest.at<std::uint32_t>(info + 16)) == "kernel.elf verbose");
    CHECK(guest.text(guest.at<std::uint32_t>(info + 64)) == "minivisor");
    auto const map = guest.at<std::uint32_t>(info + 48);
    CHECK(guest.at<std::uint32_t>(info + 44) == 4 * 24);
    CHECK(guest.at<std::uint32_t>(map) == 20);
    CHECK(guest.at<std::uint64_t>(map + 12) == 0xa0000);
    CHECK(guest.at<std::uint64_t>(map + 48 + 4) == mib);
    CHECK(guest.at<std::uint64_t>(map + 48 + 12) == 3 * mib);
    CHECK(guest.at<std::uint64_t>(map + 72 + 4) == 4 * gib);
    CHECK(guest.at<std::uint32_t>(map + 72 + 20) == 1);
}

TEST_CASE("modules follow the kernel, each at a page, with their words")
{
    std::vector<BootModule> modules;
    modules.push_back({"first with words", Bytes(5000, std::byte{1})});
    modules.push_back({"second", Bytes(10, std::byte{2})});
    LoadedMultiboot const guest(plan(elf(), std::move(modules)));
    auto const info = guest.start.bx;
    CHECK((guest.at<std::uint32_t>(info) & 8) == 8);
    REQUIRE(guest.at<std::uint32_t>(info + 20) == 2);
    auto const table = guest.at<std::uint32_t>(info + 24);
    CHECK(guest.at<std::uint32_t>(table) == 0x201000);
    CHECK(guest.at<std::uint32_t>(table + 4) == 0x201000 + 5000);
    CHECK(guest.text(guest.at<std::uint32_t>(table + 8)) == "first with words");
    CHECK(guest.at<std::uint32_t>(table + 16) == 0x203000);
    CHECK(guest.at<std::uint8_t>(0x203009) == 2);
    CHECK(guest.text(guest.at<std::uint32_t>(table + 24)) == "second");
    std::vector<BootModule> large;
    large.push_back({"large", Bytes(2 * mib)});
    CHECK(refusal(elf(), std::move(large))
        == "module 'large' does not fit into RAM: 2097152 bytes, and there is room for 2093056");
}

TEST_CASE("a kernel of any format is loaded as its multiboot header says")
{
    LoadedMultiboot const guest(plan(plain(0x100020, 0x100000, 0, 0)));
    CHECK(guest.start.ip == 0x100040);
    CHECK(guest.at<std::uint32_t>(0x100040) == 0x65646f63);
    LoadedMultiboot const part(plan(plain(0x200010, 0x200000, 0x200100, 0x200200)));
    CHECK(part.at<std::uint32_t>(0x200010) == 0x1badb002);
    CHECK(part.at<std::uint32_t>(0x200030) == 0x65646f63);
}

TEST_CASE("a multiboot header that lies is refused in QEMU's words")
{
    CHECK(refusal(plain(0xf0000, 0x100000, 0, 0)) == "invalid load_addr address");
    CHECK(refusal(plain(0x100024, 0x100000, 0, 0)) == "invalid header_addr address");
    CHECK(refusal(plain(0x100020, 0x100000, 0x50, 0)) == "invalid load_end_addr address");
    CHECK(refusal(plain(0x100020, 0x100000, 0xf0000000, 0)) == "fread() failed");
    CHECK(refusal(plain(0x100020, 0x100000, 0x101000, 0x50)) == "invalid bss_end_addr address");
    CHECK(refusal(plain(0xfffffff0, 0xfffffff0, 0, 0)) == "kernel does not fit in address space");
    CHECK(refusal(plain(0xe0000000, 0xe0000000, 0, 0)) == "kernel: 4064 bytes do not fit into RAM at 0xe0000000");
    CHECK(refusal(plain(0x100020, 0x100000, 0, 0xffffffff)).starts_with("kernel: "));
    CHECK(refusal(plain(0x9000, 0x9000, 0, 0)) == "kernel and multiboot information overlap at 0x9000");
    CHECK(refusal(MultibootImage().header(0, 0x10008))
        == "the kernel wants multiboot features that are not supported (flags 0x10008)");
    CHECK(refusal(MultibootImage(44).header(0x10, 0x10000)) == "invalid kernel header");
    CHECK(refusal(MultibootImage(12).header(0, 0x10000)) == "invalid kernel header");
    CHECK(refusal(MultibootImage(12).header(0, 0)) == "Error while loading elf kernel");
}

TEST_CASE("an ELF file that lies is refused")
{
    std::string const words = "Error while loading elf kernel";
    CHECK(refusal(elf().put(18, std::uint16_t{62})) == "Cannot load x86-64 image, give a 32bit one.");
    for (std::size_t const offset : {0u, 4u, 16u, 18u, 42u}) // what it is
        CHECK(refusal(elf().put(offset, std::uint16_t{9})) == words);
    CHECK(refusal(elf().put(28, std::uint32_t{0xfff0})) == words);
    CHECK(refusal(elf().put(28, ~std::uint32_t{0})) == words);
    CHECK(refusal(elf().put(44, std::uint16_t{0xffff})) == words);
    CHECK(refusal(elf().put(44, std::uint16_t{0})) == words);
    CHECK(refusal(elf().put(0x38, std::uint32_t{0xff8})) == words);
    CHECK(refusal(elf().put(0x38, ~std::uint32_t{0})) == words);
    CHECK(refusal(elf().put(0x44, ~std::uint32_t{0})) == words);
    CHECK(refusal(elf().put(0x48, std::uint32_t{15})) == words);
    CHECK(refusal(elf().put(0x40, ~std::uint32_t{0})) == words);
    CHECK(refusal(elf().put(0x48, ~std::uint32_t{0})) == words);
    CHECK(refusal(elf().put(0x48, std::uint32_t{0x80000000})).starts_with("kernel: "));
    auto two = elf().put(44, std::uint16_t{2});
    for (std::size_t i = 0; i < 28; i += 4)
        two.put(0x54 + i, little_endian<std::uint32_t>(two.bytes, 0x34 + i));
    CHECK(refusal(two) == "kernel and kernel overlap at 0x200000");
}

TEST_CASE("a video mode is not set, and that is told")
{
    auto const planned = plan(elf().header(0x100, 7));
    REQUIRE(planned);
    CHECK(planned->warnings == std::vector<std::string>{"multiboot knows VBE. we don't"});
}

TEST_CASE("a list of modules has words after each name, and two commas for one of a name")
{
    TempDir dir;
    machine::Memory memory;
    memory.add_anonymous("ram", 0, multiboot_ram.below_4g).value();
    auto const image = elf();
    auto const kernel = dir.write("kernel", {reinterpret_cast<char const*>(image.bytes.data()), image.bytes.size()});
    dir.write("a,b", "module");
    auto const start = load_boot({.kernel = kernel, .initrd = dir.path() + "/a,,b one two," + kernel}, memory);
    REQUIRE(start);
    std::array<std::byte, 6> found{};
    REQUIRE(memory.read(0x201000, found));
    CHECK(found[0] == std::byte{'m'});
    auto const absent = load_boot({.kernel = kernel, .initrd = kernel + "," + dir.path() + "/none x"}, memory);
    REQUIRE_FALSE(absent);
    CHECK(absent.error().desc() == "Failed to open file '" + dir.path() + "/none'");
}
