// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/core_file.hpp"
#include "tests/unit/temp_dir.hpp"
#include "util/fd.hpp"
#include "util/units.hpp"

#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <thread>

using namespace minivisor;
using namespace minivisor::hw;
using test::TempDir;

namespace {

using util::mib;

struct Guest {
    Guest()
    {
        memory.add_anonymous("ram", 0, 2 * mib).value();
        memory.add_anonymous("high", 0x100000000, mib).value();
        REQUIRE(memory.write(0x1234, std::as_bytes(std::span("low memory"))));
        REQUIRE(memory.write(0x100000ff0, std::as_bytes(std::span("high memory"))));
    }
    machine::Memory memory;
};

CpuRegisters cpu_of(std::uint64_t rip)
{
    CpuRegisters cpu;
    cpu.rax = 0x1111;
    cpu.r15 = 0xf00f;
    cpu.rip = rip;
    cpu.rflags = 0x202;
    cpu.cs.selector = 8;
    cpu.gs.base = 0x9999;
    cpu.cr[0] = 1;
    return cpu;
}

std::string write(CoreFile const& core, std::string const& path)
{
    util::UniqueFd const fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    std::atomic<std::uint64_t> done{0};
    std::atomic<bool> const stop{false};
    auto const written = core.write(fd.get(), done, stop);
    if (!written)
        return written.error().desc();
    CHECK(done == core.memory_size());
    return "";
}

/// What gdb says to these commands; empty where there is no gdb.
std::string gdb(std::string const& core, std::string const& commands)
{
    if (std::system("command -v gdb >/dev/null 2>&1") != 0)
        return "";
    std::unique_ptr<FILE, int (*)(FILE*)> const pipe(
        popen(("gdb -nx -batch " + commands + " -c " + core + " 2>&1").c_str(), "r"), pclose);
    std::string text;
    for (int c = std::fgetc(pipe.get()); c != EOF; c = std::fgetc(pipe.get()))
        text += static_cast<char>(c);
    return text;
}

} // namespace

TEST_CASE("a core file has the registers of each CPU and memory at its physical addresses, as gdb reads it")
{
    TempDir dir;
    Guest guest;
    CoreFile const core(guest.memory, {}, {cpu_of(0x7c00), cpu_of(0x8000)});
    CHECK(core.memory_size() == 3 * mib);
    REQUIRE(write(core, dir.file("core")) == "");
    auto const text = gdb(dir.file("core"),
        "-ex 'info registers' -ex 'x/s 0x1234' -ex 'x/s 0x100000ff0' -ex 'info threads' -ex 'thread 2' -ex 'p $rip'");
    if (text.empty()) {
        WARN("gdb is not installed");
        return;
    }
    INFO(text);
    CHECK(text.find("r15            0xf00f") != std::string::npos);
    CHECK(text.find("rip            0x7c00") != std::string::npos);
    CHECK(text.find("\"low memory\"") != std::string::npos);
    CHECK(text.find("\"high memory\"") != std::string::npos);
    CHECK(text.find("0x8000") != std::string::npos);
}

TEST_CASE("a guest without CPUs gives memory alone")
{
    TempDir dir;
    Guest guest;
    REQUIRE(write(CoreFile(guest.memory, {}, {}), dir.file("core")) == "");
    auto const text = gdb(dir.file("core"), "-ex 'x/s 0x1234'");
    INFO(text);
    CHECK((text.empty() || text.find("\"low memory\"") != std::string::npos));
}

TEST_CASE("a filter keeps what it names, whatever its numbers")
{
    Guest guest;
    auto const size = [&](std::uint64_t begin, std::uint64_t length) {
        return CoreFile(guest.memory, CoreFilter{begin, length}, {}).memory_size();
    };
    CHECK(size(0x1001, 5) == 5);
    CHECK(size(2 * mib - 10, 0x100000000) == 10 + mib);
    CHECK(size(0, ~std::uint64_t{0}) == 3 * mib);
    CHECK(size(5 * mib, mib) == 0);
    CHECK(size(~std::uint64_t{0}, ~std::uint64_t{0}) == 0);
    CHECK(size(0, 0) == 0);
}

TEST_CASE("a file that cannot be written says why, and one that nobody reads can be given up")
{
    Guest guest;
    CoreFile const core(guest.memory, {}, {});
    CHECK(write(core, "/dev/full") == "dump: failed to write elf header: No space left on device");
    auto pipe = util::make_pipe().value();
    std::atomic<std::uint64_t> done{0};
    std::atomic<bool> stop{false};
    std::thread writer([&] { CHECK_FALSE(core.write(pipe.write_end.get(), done, stop)); });
    char byte = 0;
    CHECK(read(pipe.read_end.get(), &byte, 1) == 1);
    stop = true;
    writer.join();
    CHECK(done < core.memory_size());
}
