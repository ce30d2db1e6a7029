// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/saved_state.hpp"

#include <catch2/catch.hpp>

using namespace minivisor::machine;

namespace {

struct Toy {
    bool on = false;
    std::int16_t level = 0;
    std::uint32_t counter = 0;
    std::array<std::uint8_t, 3> name{};
    std::array<std::uint16_t, 2> pair{};
    std::uint64_t newer = 0;
};

SavedState const toy_state{
    .name = "toy",
    .version = 3,
    .minimum_version = 1,
    .fields = {saved<&Toy::on>("on"), saved<&Toy::level>("level"), saved<&Toy::counter>("counter"),
        saved<&Toy::name>("name"), unused(2), saved<&Toy::pair>("pair"), saved<&Toy::newer>("newer", 2)},
};

} // namespace

TEST_CASE("a field knows its type and size from the member it saves")
{
    auto const& fields = toy_state.fields;
    CHECK(fields[0].type == "bool");
    CHECK(fields[1].type == "int16");
    CHECK(fields[2].type == "uint32");
    CHECK(fields[3].type == "buffer");
    CHECK(fields[3].size == 3);
    CHECK(fields[4].type == "unused_buffer");
    CHECK(fields[5].type == "uint16");
    CHECK(fields[5].array_length == 2);
    CHECK(fields[6].type == "uint64");
    CHECK(toy_state.field_bytes(1) == 1 + 2 + 4 + 3 + 2 + 4);
    CHECK(toy_state.field_bytes(2) == 1 + 2 + 4 + 3 + 2 + 4 + 8);
}

TEST_CASE("fields stand big-endian in the stream and come back as they were")
{
    Toy const toy{.on = true, .level = -2, .counter = 0x01020304, .name = {9, 8, 7}, .pair = {0x0a0b, 0xfffe}};
    std::array<std::byte, 4> bytes{};
    toy_state.fields[2].save(&toy, bytes.data());
    CHECK(bytes == std::array{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}});
    Toy back;
    for (auto const& field : toy_state.fields) {
        std::vector<std::byte> data(field.bytes());
        if (field.save == nullptr)
            continue;
        field.save(&toy, data.data());
        field.load(&back, data.data());
    }
    CHECK(back.on);
    CHECK(back.level == -2);
    CHECK(back.counter == 0x01020304);
    CHECK(back.name == toy.name);
    CHECK(back.pair == toy.pair);
}

TEST_CASE("devices are found by name and instance, and none is there twice")
{
    Toy first;
    Toy second;
    SavedDevices devices;
    REQUIRE(devices.add({"toy", 0, &toy_state, &first}));
    REQUIRE(devices.add({"toy", 1, &toy_state, &second}));
    CHECK_FALSE(devices.add({"toy", 1, &toy_state, &second}));
    CHECK_FALSE(devices.add({"", 0, &toy_state, &second}));
    CHECK(devices.find("toy", 1)->device == &second);
    CHECK(devices.find("toy", 2) == nullptr);
    devices.remove(&first);
    CHECK(devices.find("toy", 0) == nullptr);
    CHECK(devices.devices().size() == 1);
}
