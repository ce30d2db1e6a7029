// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/vmstate.hpp"

#include "migration/vmdesc.hpp"
#include "tests/unit/migration/support.hpp"

using namespace minivisor;
using namespace minivisor::migration;
using namespace minivisor::migration::test;

namespace {

struct Toy {
    std::uint32_t value = 0;
    std::uint8_t extra = 0;
};

machine::SavedState toy_state()
{
    return {.name = "toy",
        .version = 2,
        .minimum_version = 1,
        .fields = {machine::saved<&Toy::value>("value")},
        .subsections = {{.name = "toy/extra",
            .version = 1,
            .fields = {machine::saved<&Toy::extra>("extra")},
            .needed = [](void const* toy) { return static_cast<Toy const*>(toy)->extra != 0; }}},
        .after_load = [](void* toy, std::uint32_t) -> Result<void> {
            if (static_cast<Toy*>(toy)->value > 1000)
                return Error::generic("the value is too large");
            return {};
        }};
}

/// Loads one section's data and footer mark into a toy.
Result<void> load_toy(Toy& toy, Bytes const& data, std::uint32_t version, LoadLog& log)
{
    auto const state = toy_state();
    ScriptChannel channel(data.str() + '\x7e');
    StreamReader reader(channel);
    TRY(load_device(reader, {"pci/toy", 1, &state, &toy}, version, log));
    if (reader.u8().value_or(0) != 0x7e)
        return Error::generic("not at the footer");
    return {};
}

} // namespace

TEST_CASE("the devices of a machine none are saved as QEMU saves them")
{
    TestVm vm(0);
    vm.timer = {.cpu_ticks_offset = 5, .cpu_clock_offset = 7};
    auto const stream = saved(vm);
    Bytes expected;
    expected.header().configuration();
    expected.full(1, 2, "ram", 0, 4, Bytes().be64(4).be64(0x10)).ram_end().timer().global_state();
    CHECK(stream.substr(0, expected.size()) == expected.str());
    CHECK(stream.substr(expected.size())
        == Bytes()
               .u8(0)
               .u8(6)
               .be32(486)
               .text(R"({"page_size": 4096, "devices": [{"name": "timer", "instance_id": 0, "vmsd_name": "timer", )"
                     R"("version": 2, "fields": [{"name": "cpu_ticks_offset", "type": "int64", "size": 8}, )"
                     R"({"name": "unused", "type": "unused_buffer", "size": 8}, {"name": "cpu_clock_offset", )"
                     R"("type": "int64", "size": 8}]}, {"name": "globalstate", "instance_id": 0, )"
                     R"("vmsd_name": "globalstate", "version": 1, "fields": [{"name": "size", "type": "uint32", )"
                     R"("size": 4}, {"name": "runstate", "type": "buffer", "size": 100}]}]})")
               .str());
}

TEST_CASE("a subsection is saved when it is needed, described, and loaded again")
{
    auto const state = toy_state();
    Toy toy{.value = 9};
    machine::SavedDevices devices;
    REQUIRE(devices.add({"pci/toy", 1, &state, &toy}));
    CHECK(describe_devices(devices).find("subsections") == std::string::npos);
    toy.extra = 3;
    CHECK(describe_devices(devices).ends_with(R"(, "subsections": [{"vmsd_name": "toy/extra", "version": 1, )"
                                              R"("fields": [{"name": "extra", "type": "uint8", "size": 1}]}]}]})"));
    ScriptChannel channel;
    StreamWriter writer(channel, nullptr, nullptr);
    REQUIRE(save_device(writer, devices.devices()[0], 6));
    REQUIRE(writer.flush());
    auto const data = Bytes().be32(9).u8(5).str8("toy/extra").be32(1).u8(3);
    CHECK(channel.written == Bytes().full(4, 6, "pci/toy", 1, 2, data).str());
    Toy back;
    LoadLog log;
    CHECK(load_toy(back, data, 2, log));
    CHECK(back.value == 9);
    CHECK(back.extra == 3);
}

TEST_CASE("device data that does not fit is refused in QEMU's words")
{
    Toy toy;
    LoadLog log;
    auto const context = "error while loading state for instance 0x1 of device 'pci/toy'";
    SECTION("too old")
    {
        CHECK_FALSE(load_toy(toy, Bytes().be32(1), 0, log));
        CHECK(log.lines()
            == std::vector<std::string>{
                "toy: incoming version_id 0 is too old for local minimum version_id  1", context});
    }
    SECTION("cut in a field")
    {
        LoadLog cut;
        auto const state = toy_state();
        ScriptChannel channel(Bytes().be16(1).str());
        StreamReader reader(channel);
        CHECK_FALSE(load_device(reader, {"pci/toy", 1, &state, &toy}, 2, cut));
        cut.finish();
        CHECK(cut.lines()
            == std::vector<std::string>{
                "Failed to load toy:value", context, "load of migration failed: Input/output error"});
    }
    SECTION("an unknown subsection of its own")
    {
        CHECK_FALSE(load_toy(toy, Bytes().be32(1).u8(5).str8("toy/other").be32(1), 2, log));
        log.finish();
        CHECK(log.lines().back() == "load of migration failed: No such file or directory");
    }
    SECTION("something that looks like another's subsection is left to the footer check")
    {
        CHECK(load_toy(toy, Bytes().be32(1).u8(5).str8("foo/other").be32(1), 2, log).error().desc()
            == "not at the footer");
    }
    SECTION("a newer subsection")
    {
        CHECK(load_toy(toy, Bytes().be32(1).u8(5).str8("toy/extra").be32(2).u8(1), 2, log).error().desc()
            == "toy/extra: incoming version_id 2 is too new for local version_id 1");
    }
    SECTION("a value that the device refuses")
    {
        CHECK(load_toy(toy, Bytes().be32(1001), 2, log).error().desc() == "the value is too large");
        CHECK(log.lines().back() == context);
    }
}

TEST_CASE("an old timer section has no virtual clock")
{
    TimerState timer;
    LoadLog log;
    ScriptChannel channel(Bytes().be64(4).be64(0).str());
    StreamReader reader(channel);
    CHECK(load_device(reader, {"timer", 0, &TimerState::saved_state, &timer}, 1, log));
    CHECK(timer.cpu_ticks_offset == 4);
    CHECK(reader.position() == 16);
}

TEST_CASE("the run state keeps within its hundred bytes")
{
    GlobalState state;
    CHECK(state.name().empty());
    state.set("paused");
    CHECK(state.size == 7);
    CHECK(state.name() == "paused");
    state.set(std::string(200, 'x'));
    CHECK(state.name() == std::string(99, 'x'));
    state.runstate.fill('r');
    CHECK(state.name() == std::string(100, 'r'));
    CHECK(is_run_state("finish-migrate"));
    CHECK_FALSE(is_run_state("Running"));
}
