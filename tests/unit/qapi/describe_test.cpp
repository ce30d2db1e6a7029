// SPDX-License-Identifier: GPL-3.0-or-later
#include "qapi/describe.hpp"
#include "tests/unit/qapi/samples.hpp"

#include <catch2/catch.hpp>

namespace minivisor::qapi {
namespace {

std::string member_names(TypeInfo const& type)
{
    std::string names;
    for (auto const& member : type.members)
        names += member.name + " ";
    return names;
}

TEST_CASE("describe: types have QEMU's names")
{
    CHECK(type_of<bool>().name == "bool");
    CHECK(type_of<std::int64_t>().name == "int");
    CHECK(type_of<std::int32_t>().name == "int32");
    CHECK(type_of<std::uint64_t>().name == "uint64");
    CHECK(type_of<std::uint8_t>().name == "uint8");
    CHECK(type_of<Size>().name == "size");
    CHECK(type_of<double>().name == "number");
    CHECK(type_of<std::string>().name == "str");
    CHECK(type_of<Value>().name == "any");
    CHECK(type_of<StrOrNull>().name == "StrOrNull");
    CHECK(type_of<Mood>().name == "Mood");
    CHECK(type_of<Sample>().name == "Sample");
    CHECK(type_of<std::vector<Inner>>().name == "InnerList");
    CHECK(type_of<std::uint8_t>().c_name() == "uint8_t");
    CHECK(type_of<std::int16_t>().c_name() == "int16_t");
}

TEST_CASE("describe: a type's description is one object")
{
    CHECK(&type_of<Inner>() == type_of<std::vector<Inner>>().element);
    CHECK(type_of<Sample>().find_member("inner")->type == &type_of<Inner>());
}

TEST_CASE("describe: wire names take dashes, lose a trailing underscore and may be ours; the base comes first")
{
    CHECK(member_names(type_of<Sample>())
        == "plain flag wide wide-unsigned small short max-size ratio mood words bytes moods loose rules inner "
           "tls-creds any "
           "__org.minivisor_extra ");
    CHECK(type_of<Sample>().find_member("short_") == nullptr);
    CHECK(type_of<Sample>().find_member("max_size") == nullptr);
    CHECK(type_of<Sample>().find_member("short")->doc == "a C++ word");
    CHECK(member_names(type_of<Empty>()).empty());
}

TEST_CASE("describe: only optional members are optional")
{
    CHECK_FALSE(type_of<Inner>().find_member("match")->optional);
    CHECK(type_of<Inner>().find_member("level")->optional);
    CHECK(type_of<Inner>().find_member("level")->type == &type_of<std::uint8_t>());
}

TEST_CASE("describe: an absent member has no place until it is put")
{
    Inner inner;
    auto const& level = *type_of<Inner>().find_member("level");
    CHECK(level.get(&inner) == nullptr);
    *static_cast<std::uint8_t*>(level.put(&inner)) = 9;
    CHECK(inner.level == 9);
    CHECK(level.get(&inner) == &*inner.level);
    CHECK(level.put(&inner) == &*inner.level);
}

TEST_CASE("describe: enumerators become words")
{
    CHECK(type_of<Mood>().values == std::vector<std::string>{"calm", "very-glad", "register"});
    CHECK(wire_name(Mood::very_glad) == "very-glad");
    CHECK(wire_name(Mood::register_) == "register");
}

TEST_CASE("type_info: integers of each width keep their sign")
{
    std::int8_t small = 0;
    store_integer(type_of<std::int8_t>(), &small, -128);
    CHECK(load_integer(type_of<std::int8_t>(), &small) == -128);
    std::uint16_t half = 0;
    store_integer(type_of<std::uint16_t>(), &half, 65535);
    CHECK(load_integer(type_of<std::uint16_t>(), &half) == 65535);
    std::uint32_t word = 0;
    store_integer(type_of<std::uint32_t>(), &word, 4294967295);
    CHECK(load_integer(type_of<std::uint32_t>(), &word) == 4294967295);
    Mood mood = Mood::calm;
    store_integer(type_of<Mood>(), &mood, 2);
    CHECK(mood == Mood::register_);
}

} // namespace
} // namespace minivisor::qapi
