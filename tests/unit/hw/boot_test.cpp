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

struct Guest {
    explicit Guest(std::uint64_t size = 4 * mib) { memory.add_anonymous("ram", 0, size).value(); }

    std::string load(BootOptions const& options)
    {
        auto const done = load_boot(options, memory);
        if (!done)
            return done.error().desc();
        start = *done;
        return "";
    }
    std::string at(std::uint64_t address, std::size_t size) const
    {
        std::string text(size, '\0');
        REQUIRE(memory.read(address, std::as_writable_bytes(std::span(text))));
        return text;
    }
    bool untouched() const
    {
        std::string const all = at(0, 4 * mib);
        return all.find_first_not_of('\0') == std::string::npos && memory.blocks().size() == 1
            && memory.regions().size() == 1;
    }

    machine::Memory memory;
    accel::CpuStart start;
};

std::string sector_of(std::string const& begin)
{
    std::string sector = begin;
    sector.resize(510);
    return sector + "\x55\xaa";
}

} // namespace

TEST_CASE("a boot sector stands at 0x7c00 and is entered in real mode")
{
    TempDir dir;
    Guest guest;
    auto const sector = sector_of("hello");
    REQUIRE(guest.load({.kernel = dir.write("sector", sector)}) == "");
    CHECK(guest.at(0x7c00, 512) == sector);
    CHECK(guest.start.mode == accel::CpuStart::Mode::real);
    CHECK(guest.start.ip == 0x7c00);
    CHECK(guest.start.segment == 0);
    CHECK(guest.start.dx == 0x80);
}

TEST_CASE("firmware ends at 4 GiB, and its last 128 KiB below 1 MiB, over the RAM there")
{
    TempDir dir;
    Guest guest;
    std::string image(192 * 1024, 'a');
    image.replace(64 * 1024, 5, "below");
    image.replace(image.size() - 16, 5, "reset");
    REQUIRE(guest.load({.bios = dir.write("bios", image)}) == "");
    CHECK(guest.start.mode == accel::CpuStart::Mode::reset_vector);
    CHECK(guest.at(4 * gib - 16, 5) == "reset");
    CHECK(guest.at(0xffff0, 5) == "reset");
    CHECK(guest.at(0xe0000, 5) == "below");
    CHECK(guest.at(4 * gib - image.size(), 1) == "a");
    CHECK(guest.memory.find_region(0xe0000)->read_only);
    CHECK(guest.memory.find_region(4 * gib - 1)->read_only);
    CHECK(guest.memory.find("pc.bios")->size() == image.size());
    CHECK_FALSE(guest.memory.find_region(0xdffff)->read_only);
    CHECK_FALSE(guest.memory.find_region(mib)->read_only);
    CHECK(guest.memory.find("ram")->data()[0xe0000] == std::byte{0});
}

TEST_CASE("small firmware takes only as much as it has below 1 MiB")
{
    TempDir dir;
    Guest guest;
    REQUIRE(guest.load({.bios = dir.write("bios", std::string(64 * 1024, 'b'))}) == "");
    CHECK(guest.at(0xf0000, 1) == "b");
    CHECK(guest.memory.find_region(0xeffff)->block->id() == "ram");
}

TEST_CASE("what cannot be loaded is refused in QEMU's words and changes nothing")
{
    TempDir dir;
    Guest guest;
    auto const rubbish = dir.write("rubbish", std::string(2000, 'x'));
    auto const empty = dir.write("empty", "");
    auto const large = dir.write("large", std::string(5 * mib, '\0'));
    auto const bios = dir.write("bios", std::string(64 * 1024, 'b'));
    auto const sector = dir.write("sector", sector_of(""));
    auto const folder = dir.path() + "/";
    for (auto const& path : {dir.path() + "/absent", rubbish, empty, folder, std::string("/dev/zero")})
        CHECK(guest.load({.bios = path}) == "could not load PC BIOS '" + path + "'");
    CHECK(guest.load({.bios = dir.write("huge", std::string(17 * mib, '\0'))}).starts_with("could not load PC BIOS '"));
    CHECK(guest.load({.kernel = "/absent"}) == "could not open kernel file '/absent': No such file or directory");
    CHECK(guest.load({.kernel = folder}) == "could not load kernel '" + folder + "': Is a directory");
    CHECK(guest.load({.kernel = "/dev/zero"}) == "could not load kernel '/dev/zero': not a regular file");
    CHECK(guest.load({.kernel = large})
        == "could not load kernel '" + large + "': it has 5242880 bytes, 4194304 are the most");
    CHECK(guest.load({.kernel = rubbish}) == "invalid kernel header");
    CHECK(guest.load({.kernel = empty}) == "invalid kernel header");
    CHECK(guest.load({.kernel = dir.write("no-mark", std::string(512, '\0'))}) == "invalid kernel header");
    CHECK(guest.load({.append = "x"}) == "-append only allowed with -kernel option");
    CHECK(guest.load({.initrd = "x"}) == "-initrd only allowed with -kernel option");
    CHECK(guest.load({.bios = bios, .kernel = sector})
        == "-bios and -kernel exclude each other: a kernel is started without firmware");
    CHECK(guest.load({.kernel = sector, .append = "x"}) == "a boot sector takes neither -append nor -initrd");
    CHECK(guest.untouched());
}

TEST_CASE("without RAM, or with RAM where firmware is to be, nothing is loaded")
{
    TempDir dir;
    machine::Memory none;
    auto const sector = dir.write("sector", sector_of(""));
    CHECK(load_boot({.kernel = sector}, none).error().desc().starts_with("could not load kernel '"));
    machine::Memory high;
    high.add_anonymous("high", 4 * gib - mib, 2 * mib).value();
    CHECK(load_boot({.kernel = sector}, high).error().desc() == "boot sector: 512 bytes do not fit into RAM at 0x7c00");
    CHECK_FALSE(load_boot({.bios = dir.write("bios", std::string(64 * 1024, 'b'))}, high));
    CHECK(high.blocks().size() == 1);
}

TEST_CASE("a plan is loaded as often as one likes")
{
    TempDir dir;
    Guest guest;
    auto const plan = plan_boot({.kernel = dir.write("sector", sector_of("again"))}, guest.memory);
    REQUIRE(plan);
    CHECK(guest.untouched());
    REQUIRE(plan->load(guest.memory));
    REQUIRE(guest.memory.write(0x7c00, std::as_bytes(std::span("spoilt"))));
    REQUIRE(plan->load(guest.memory));
    CHECK(guest.at(0x7c00, 5) == "again");
}

TEST_CASE("pieces that overlap, or leave the RAM, are refused")
{
    Guest guest;
    Bytes const bytes(4096);
    BootPlan plan;
    plan.add("one", 0x1000, bytes);
    plan.add("two", 0x2000, bytes);
    CHECK(plan.check(guest.memory));
    plan.add("three", 0x2fff, bytes);
    CHECK(plan.check(guest.memory).error().desc() == "two and three overlap at 0x2fff");
    BootPlan outside;
    outside.add("tail", 4 * mib - 4096, bytes, 4097);
    CHECK_FALSE(outside.check(guest.memory));
    BootPlan around;
    around.add("around", ~std::uint64_t{0} - 10, bytes);
    CHECK_FALSE(around.check(guest.memory));
}

TEST_CASE("kernels are told of RAM below the hole and of RAM above 4 GiB")
{
    machine::Memory memory;
    memory.add_anonymous("low", 0, 2 * mib).value();
    memory.add_anonymous("more", 2 * mib, mib).value();
    memory.add_anonymous("high", 4 * gib, 5 * mib).value();
    auto const layout = RamLayout::of(memory);
    CHECK(layout.below_4g == 3 * mib);
    CHECK(layout.above_4g == 5 * mib);
}
