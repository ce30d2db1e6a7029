// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/receiver.hpp"

#include "tests/unit/migration/support.hpp"

#include <thread>

using namespace minivisor;
using namespace minivisor::migration;
using namespace minivisor::migration::test;

namespace {

constexpr std::size_t guest_pages = 16;
constexpr std::uint64_t size = guest_pages * page_size;

Bytes begun() { return Bytes().header().configuration(); }
Bytes with_ram() { return begun().ram_start(size); }
/// A whole stream around these RAM records.
Bytes around(Bytes const& records) { return with_ram().ram_part(records).ram_end().timer().global_state().end(); }
Bytes good() { return around({}); }
Bytes rest() { return Bytes().ram_start(size).ram_end().timer().global_state().end(); }

struct Fault {
    char const* what;
    Bytes stream;
    /// QEMU's lines, but for the last.
    std::vector<std::string> lines;
    char const* reason = "Invalid argument";
};

} // namespace

TEST_CASE("a stream fills the memory and tells the state the guest was in")
{
    TestVm vm(guest_pages);
    std::memset(vm.ram->data(), 0x55, size);
    auto const records = Bytes()
                             .be64(0x1008)
                             .str8("ram")
                             .fill(page_size, 'a')
                             .be64(0x2022)
                             .u8(0)
                             .be64(0x3022)
                             .u8(0xff)
                             .be64(0x1028)
                             .fill(page_size, 'b');
    auto const result = load(vm, around(records).str());
    REQUIRE(result.outcome == LoadResult::Outcome::loaded);
    CHECK_FALSE(result.error);
    CHECK(result.run_state == "running");
    CHECK(vm.timer.cpu_clock_offset == 7);
    auto const* data = vm.ram->data();
    CHECK(data[0] == std::byte{0x55});
    CHECK(data[page_size] == std::byte{'b'});
    CHECK(data[2 * page_size - 1] == std::byte{'b'});
    CHECK(machine::is_zero_page(data + 2 * page_size));
    CHECK(data[3 * page_size + 77] == std::byte{0xff});
    CHECK(data[4 * page_size] == std::byte{0x55});
}

TEST_CASE("a stranger is told from a source and touches nothing")
{
    TestVm vm(guest_pages);
    for (auto const& [bytes, sentence] :
        std::vector<std::pair<std::string, std::string>>{{"", "Not a migration stream"},
            {"QEV", "Not a migration stream"}, {"GET / HTTP/1.0\r\n\r\n", "Not a migration stream"},
            {Bytes().text("QEVM").be32(2).str(), "SaveVM v2 format is obsolete and don't work anymore"},
            {Bytes().text("QEVM").be32(4).str(), "Unsupported migration stream version"}}) {
        bool begun = false;
        ScriptChannel channel(bytes);
        auto const result = Receiver(vm.view, channel, {.on_begin = [&] { begun = true; }}).run();
        CHECK(result.outcome == LoadResult::Outcome::stranger);
        CHECK(result.error->desc() == sentence);
        CHECK(result.lines.size() == 2);
        CHECK_FALSE(begun);
    }
}

TEST_CASE("what does not fit this machine is refused in QEMU's words")
{
    auto const context = std::string("error while loading state for instance 0x0 of device 'ram'");
    auto const in_part = std::string("error while loading state section id 2(ram)");
    auto const machine_part = [](std::string_view name, Bytes const& data, unsigned version = 1) {
        return begun().u8(5).str8(name).be32(version).add(data).add(rest());
    };
    std::string const unknown = ". Make sure that your current VM setup matches your saved VM setup, including any "
                                "hotplugged devices";
    std::vector<Fault> const faults{
        {"no configuration", Bytes().header().add(rest()), {"Configuration section missing"}},
        {"another machine", Bytes().header().configuration("pc-i440fx-7.2").add(rest()),
            {"Machine type received is 'pc-i440fx-7.2' and local is 'none'"}},
        {"a long name", Bytes().header().u8(7).be32(0xffffffff).text("none"),
            {"The machine type received has a name of 4294967295 bytes"}},
        {"a name cut off", Bytes().header().u8(7).be32(4).text("no"), {"Failed to load configuration:name"},
            "Input/output error"},
        {"an unknown part of the configuration", machine_part("configuration/foo", {}),
            {"Subsection 'configuration/foo' is not known here"}, "No such file or directory"},
        {"a capability", machine_part("configuration/capabilities", Bytes().be32(1).str8("x-ignore-shared")),
            {"Capability x-ignore-shared is off, but received capability is on"}},
        {"an unknown capability", machine_part("configuration/capabilities", Bytes().be32(1).str8("foo")),
            {"Received unknown capability foo", "Failed to load configuration/capabilities:capabilities"}},
        {"a newer list of capabilities", machine_part("configuration/capabilities", Bytes().be32(0), 2),
            {"configuration/capabilities: incoming version_id 2 is too new for local version_id 1"}},
        {"another page size", machine_part("configuration/target-page-bits", Bytes().be32(13)),
            {"Received TARGET_PAGE_BITS is 13 but local is 12"}},
        {"an unknown section type", begun().u8(9), {"Unknown savevm section type 9"}},
        {"another block", begun().ram_start(size, "x"), {"Unknown ramblock \"x\", cannot accept migration", context}},
        {"a smaller block", begun().ram_start(size / 2),
            {"Size mismatch: ram: 0x8000 != 0x10000: Invalid argument", context}},
        {"a block twice",
            begun().full(1, 2, "ram", 0, 4, Bytes().be64(2 * size | 4).str8("ram").be64(size).str8("ram").be64(size)),
            {"The list of RAM blocks is inconsistent at block 'ram'", context}},
        {"no block", begun().full(1, 2, "ram", 0, 4, Bytes().be64(4).be64(0x10)),
            {"RAM block 'ram' is not in the migration stream", context}},
        {"an old RAM section", begun().full(1, 2, "ram", 0, 3, Bytes().be64(0x10)),
            {"Version 3 of the RAM section is not supported", context}},
        {"a new RAM section", begun().full(1, 2, "ram", 0, 5, {}), {"savevm: unsupported version 5 for 'ram' v4"}},
        {"a second RAM", begun().full(1, 2, "ram", 1, 4, {}), {"Unknown savevm section or instance 'ram' 1" + unknown}},
        {"an unknown device", with_ram().full(4, 9, "foo", 0, 1, {}),
            {"Unknown savevm section or instance 'foo' 0" + unknown}},
        {"a newer timer", with_ram().full(4, 0, "timer", 0, 3, Bytes().fill(24)),
            {"savevm: unsupported version 3 for 'timer' v2"}},
        {"a section without a name", with_ram().full(4, 9, "", 0, 1, {}), {"Unable to read ID string for section 9"}},
        {"a wrong footer", with_ram().u8(4).be32(0).str8("timer").be32(0).be32(2).fill(24).footer(7),
            {"Mismatched section id in footer for timer - read 0x7 expected 0x0"}},
        {"no footer", with_ram().u8(4).be32(0).str8("timer").be32(0).be32(2).fill(24).u8(0),
            {"Missing section footer for timer"}},
        {"a part of nothing", with_ram().part(2, 77, {}), {"Unknown savevm section 77"}},
        {"an unknown block's page", around(Bytes().be64(8).str8("zz").fill(page_size)),
            {"Can't find block zz", "Illegal RAM offset 0", in_part}},
        {"a page behind the end", around(Bytes().be64(size | 8).str8("ram").fill(page_size)),
            {"Illegal RAM offset 10000", in_part}},
        {"a page far behind the end", around(Bytes().be64(~std::uint64_t{0xfff} | 2).str8("ram").u8(0)),
            {"Illegal RAM offset fffffffffffff000", in_part}},
        {"a page of no block", around(Bytes().be64(0x28).fill(page_size)),
            {"Ack, bad migration stream!", "Illegal RAM offset 0", in_part}},
        {"no kind of record", around(Bytes().be64(0)), {"Unknown combination of migration flags: 0x0", in_part}},
        {"two kinds of record", around(Bytes().be64(0xa)), {"Unknown combination of migration flags: 0xa", in_part}},
        {"a compressed page", around(Bytes().be64(0x100)), {"Received an unexpected compressed page", in_part}},
        {"a broken run state", with_ram().ram_end().timer().global_state("garbage").end(),
            {"invalid parameter value: garbage", "error while loading state for instance 0x0 of device 'globalstate'"}},
        {"no RAM at all", begun().timer().global_state().end(),
            {"The migration stream holds no RAM, this machine has some"}},
        {"RAM without an end", with_ram().timer().global_state().end(), {"The migration stream has no end of its RAM"}},
        {"command 0", begun().command(0), {"MIG_CMD 0x0 unknown (len 0x0)"}},
        {"command 50", begun().command(50), {"MIG_CMD 0x32 unknown (len 0x0)"}},
        {"a return path with a length", begun().command(1, Bytes().be16(0)),
            {"OPEN_RETURN_PATH received with bad length - expecting 0, got 2"}, "Numerical result out of range"},
        {"a short ping", begun().command(2, Bytes().be16(0)), {"PING received with bad length - expecting 4, got 2"},
            "Numerical result out of range"},
        {"a ping that cannot be answered", begun().command(2, Bytes().be32(1)),
            {"CMD_PING (0x1) received with no return path"}, "Operation not permitted"},
        {"postcopy", begun().command(3, Bytes().be64(4096).be64(4096)),
            {"RAM postcopy is disabled but have 16 byte advise"}},
        {"postcopy by a wrong word", begun().command(3, Bytes().be64(1)), {"CMD_POSTCOPY_ADVISE invalid length (8)"}},
        {"listening for postcopy", begun().command(4), {"CMD_POSTCOPY_LISTEN in wrong postcopy state (0)"},
            "Operation not permitted"},
        {"a package", begun().command(7, Bytes().be32(0xffffffff)),
            {"Packaged device state (postcopy) is not supported"}},
    };
    for (auto const& fault : faults) {
        INFO(fault.what);
        TestVm vm(guest_pages);
        auto const result = load(vm, fault.stream.str());
        CHECK(result.outcome == LoadResult::Outcome::failed);
        auto lines = fault.lines;
        lines.push_back(std::string("load of migration failed: ") + fault.reason);
        CHECK(result.lines == lines);
        REQUIRE(result.error);
        // A stream that merely ends has no sentence of QEMU's.
        if (std::string_view(fault.reason) != "Input/output error")
            CHECK(result.error->desc() == fault.lines.front());
    }
}

TEST_CASE("what QEMU takes is taken")
{
    std::vector<Bytes> const streams{
        begun().u8(5).str8("configuration/target-page-bits").be32(1).be32(12).add(rest()),
        begun().u8(5).str8("configuration/capabilities").be32(1).be32(0).add(rest()),
        begun().command(3).add(rest()),
        begun().command(11).add(rest()),
        with_ram().ram_start(size).ram_end().timer().timer().global_state().end(),
        with_ram().ram_end().full(1, 0, "timer", 0, 2, Bytes().fill(24)).part(2, 0, Bytes().fill(24)).end(),
        with_ram().ram_end().ram_part({}).end(),
    };
    for (auto const& stream : streams) {
        TestVm vm(guest_pages);
        auto const result = load(vm, stream.str());
        CHECK(result.outcome == LoadResult::Outcome::loaded);
        CHECK(result.lines.empty());
    }
}

TEST_CASE("a UUID is compared when there is one to compare with")
{
    TestVm vm(guest_pages);
    Bytes stream = begun().u8(5).str8("configuration/uuid").be32(1).be64(1).be64(2).add(rest());
    auto result = load(vm, stream.str());
    CHECK(result.outcome == LoadResult::Outcome::loaded);
    CHECK(result.lines
        == std::vector<std::string>{
            "warning: UUID is received 00000000-0000-0001-0000-000000000002, but local uuid isn't set"});
    vm.view.uuid = Uuid{9};
    result = load(vm, stream.str());
    CHECK(result.error->desc()
        == "UUID received is 00000000-0000-0001-0000-000000000002 and local is 09000000-0000-0000-0000-000000000000");
    vm.view.uuid = Uuid{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2};
    CHECK(load(vm, stream.str()).lines.empty());
}

TEST_CASE("a missing or damaged description costs a line and nothing more")
{
    for (auto const& tail : {Bytes().u8(0), Bytes().u8(0).u8('z'), Bytes().u8(0).u8(6).be32(100).text("{"),
             Bytes().u8(0).u8(6).be32(0xffffffff), Bytes().u8(0).u8(6).be16(1)}) {
        TestVm vm(guest_pages);
        auto const result = load(vm, with_ram().ram_end().timer().global_state("paused").add(tail).str());
        CHECK(result.outcome == LoadResult::Outcome::loaded);
        CHECK(result.run_state == "paused");
        CHECK(result.lines.size() == 1);
    }
}

TEST_CASE("nothing is ever written to a source that did not ask")
{
    TestVm vm(guest_pages);
    for (auto const& stream : {good(), begun().u8(9)}) {
        ScriptChannel channel(stream.str());
        channel.answers = true;
        Receiver(vm.view, channel, {}).run();
        CHECK(channel.written.empty());
    }
}

TEST_CASE("a source that asked hears its pings and the last word")
{
    TestVm vm(guest_pages);
    auto const asked = begun().command(1).command(2, Bytes().be32(77));
    auto const pong = Bytes().be16(2).be16(4).be32(77).str();
    SECTION("loaded, but only when the machine agrees")
    {
        ScriptChannel channel(Bytes(asked).add(rest()).str());
        channel.answers = true;
        std::string before;
        auto const on_loaded = [&](std::string const& state) -> Result<void> {
            before = channel.written;
            CHECK(state == "running");
            return {};
        };
        CHECK(Receiver(vm.view, channel, {.on_loaded = on_loaded}).run().outcome == LoadResult::Outcome::loaded);
        CHECK(before == pong);
        CHECK(channel.written == pong + Bytes().be16(1).be16(4).be32(0).str());
    }
    SECTION("the machine refuses")
    {
        ScriptChannel channel(Bytes(asked).add(rest()).str());
        channel.answers = true;
        auto const result = Receiver(vm.view, channel, {.on_loaded = [](std::string const&) -> Result<void> {
            return Error::generic("not today");
        }}).run();
        CHECK(result.outcome == LoadResult::Outcome::failed);
        CHECK(result.error->desc() == "not today");
        CHECK(channel.written == pong + Bytes().be16(1).be16(4).be32(1).str());
    }
    SECTION("a defect")
    {
        ScriptChannel channel(Bytes(asked).u8(9).str());
        channel.answers = true;
        CHECK(Receiver(vm.view, channel, {}).run().outcome == LoadResult::Outcome::failed);
        CHECK(channel.written == pong + Bytes().be16(1).be16(4).be32(1).str());
    }
    SECTION("twice is too much")
    {
        CHECK(load(vm, Bytes(asked).command(1).str()).error->desc()
            == "CMD_OPEN_RETURN_PATH called when RP already open");
    }
}

TEST_CASE("a load that waits for bytes is cancelled from another thread")
{
    TestVm vm(guest_pages);
    auto [source, target] = socket_pair();
    auto bytes = with_ram().str();
    iovec const piece{bytes.data(), bytes.size()};
    REQUIRE(source->write({&piece, 1}));
    std::atomic<bool> begun{false};
    Receiver receiver(vm.view, *target, {.on_begin = [&] { begun = true; }});
    LoadResult result;
    std::thread thread([&] { result = receiver.run(); });
    while (!begun)
        std::this_thread::yield();
    receiver.cancel();
    thread.join();
    CHECK(result.outcome == LoadResult::Outcome::cancelled);
}
