// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface section 2.6.
#include "qapi/json.hpp"
#include "qmp/introspect.hpp"

#include <catch2/catch.hpp>

#include <set>

namespace minivisor::qmp {
namespace {

enum class Taste { sweet, very_sour };
BOOST_DESCRIBE_ENUM(Taste, sweet, very_sour)
struct Fruit {
    std::string name;
    std::optional<Taste> taste;
    std::optional<std::vector<std::uint8_t>> sizes;
    std::optional<qapi::StrOrNull> owner;
};
BOOST_DESCRIBE_STRUCT(Fruit, (), (name, taste, sizes, owner))
constexpr auto docs(Fruit const*) { return qapi::members({{"name", ""}, {"taste", ""}, {"sizes", ""}, {"owner", ""}}); }

struct Eat : qapi::Command<"eat", Fruit> {
    static constexpr qapi::CommandInfo info{.summary = "Eat.", .allow_oob = true};
};
struct ListFruits : qapi::Command<"list-fruits", qapi::Empty, std::vector<Fruit>> {
    static constexpr qapi::CommandInfo info{.summary = "List."};
};
struct Plant : qapi::Command<"plant", qapi::Value> {
    static constexpr qapi::CommandInfo info{.summary = "A union."};
};
struct Ripe : qapi::Event<"RIPE", Fruit> {
    static constexpr std::string_view summary = "Ripe.";
};

struct Schema {
    Schema()
    {
        registry.bind<Eat>([](Fruit) -> Result<void> { return {}; });
        registry.bind<ListFruits>([]() -> Result<std::vector<Fruit>> { return std::vector<Fruit>(); });
        registry.bind<Plant>([](qapi::Value) -> Result<void> { return {}; });
        registry.describe_arguments("plant", [] {
            return qapi::UnionInfo{
                "kind", {"id"}, {{"fruit", &qapi::type_of<Fruit>()}, {"none", &qapi::type_of<qapi::Empty>()}}};
        });
        registry.declare_event<Ripe>();
        entries = schema_of(registry).as_array();
    }
    qapi::Object const& named(std::string_view name) const
    {
        for (auto const& entry : entries)
            if (entry.at("name").as_string() == name)
                return entry.as_object();
        FAIL("no entry " << name);
        return entries[0].as_object();
    }
    std::string_view text(qapi::Object const& entry, std::string_view member) const
    {
        return qapi::view(entry.at(member).as_string());
    }
    std::string shown(std::string_view name) const { return qapi::to_json(named(name)); }

    qapi::Registry registry;
    qapi::Array entries;
};

TEST_CASE("schema: each name is entered once, and every name that is used is entered")
{
    Schema const schema;
    std::set<std::string> names;
    for (auto const& entry : schema.entries)
        CHECK(names.insert(qapi::str(entry.at("name").as_string())).second);
    auto const used = [&names](qapi::Value const& value) { CHECK(names.count(qapi::str(value.as_string())) == 1); };
    for (auto const& value : schema.entries) {
        auto const& entry = value.as_object();
        for (auto const* member : {"arg-type", "ret-type", "element-type"})
            if (entry.contains(member))
                used(entry.at(member));
        for (auto const* list : {"members", "variants"})
            if (auto const* parts = entry.if_contains(list); parts && entry.at("meta-type") != "enum")
                for (auto const& part : parts->as_array())
                    used(part.at("type"));
    }
}

TEST_CASE("schema: a command's arguments, result and being out of band")
{
    Schema const schema;
    auto const& eat = schema.named("eat");
    CHECK(eat.at("meta-type") == "command");
    CHECK(eat.at("allow-oob") == true);
    CHECK_FALSE(schema.named("list-fruits").contains("allow-oob"));
    CHECK(schema.shown(schema.text(eat, "ret-type")).find(R"("meta-type": "object", "members": [])")
        != std::string::npos);
    CHECK(schema.named("list-fruits").at("arg-type") == eat.at("ret-type"));
    auto const& fruits = schema.named(schema.text(schema.named("list-fruits"), "ret-type"));
    CHECK(fruits.at("meta-type") == "array");
    CHECK(fruits.at("element-type") == eat.at("arg-type"));
    CHECK(schema.text(fruits, "name") == "[" + std::string(schema.text(eat, "arg-type")) + "]");
    CHECK(schema.named("RIPE").at("meta-type") == "event");
    CHECK(schema.named("RIPE").at("arg-type") == eat.at("arg-type"));
}

TEST_CASE("schema: members, their types and that they are optional")
{
    Schema const schema;
    auto const& members = schema.named(schema.text(schema.named("eat"), "arg-type")).at("members").as_array();
    REQUIRE(members.size() == 4);
    CHECK(qapi::to_json(members[0]) == R"({"name": "name", "type": "str"})");
    auto const type_of_member
        = [&](std::size_t i) { return schema.shown(qapi::view(members[i].at("type").as_string())); };
    for (std::size_t i = 1; i < 4; ++i)
        CHECK(members[i].at("default").is_null());
    CHECK(type_of_member(1).ends_with(
        R"("meta-type": "enum", "members": [{"name": "sweet"}, {"name": "very-sour"}], "values": ["sweet", "very-sour"]})"));
    CHECK(type_of_member(2) == R"({"name": "[int]", "meta-type": "array", "element-type": "int"})");
    CHECK(type_of_member(3).ends_with(R"("meta-type": "alternate", "members": [{"type": "str"}, {"type": "null"}]})"));
    CHECK(schema.shown("str") == R"({"name": "str", "meta-type": "builtin", "json-type": "string"})");
    CHECK(schema.shown("int") == R"({"name": "int", "meta-type": "builtin", "json-type": "int"})");
}

TEST_CASE("schema: a union names its tag, what all branches have and each branch")
{
    Schema const schema;
    auto const& plant = schema.named(schema.text(schema.named("plant"), "arg-type"));
    CHECK(plant.at("tag") == "kind");
    CHECK(plant.at("members").as_array().size() == 2);
    CHECK(qapi::to_json(plant.at("members").at(1)) == R"({"name": "id", "type": "str"})");
    CHECK(schema.shown(qapi::view(plant.at("members").at(0).at("type").as_string())).find(R"(["fruit", "none"])")
        != std::string::npos);
    REQUIRE(plant.at("variants").as_array().size() == 2);
    CHECK(plant.at("variants").at(0).at("case") == "fruit");
    CHECK(plant.at("variants").at(0).at("type") == schema.named("eat").at("arg-type"));
}

TEST_CASE("schema: that of one command has it and the types it uses, and no more")
{
    Schema const schema;
    auto const names = [&](std::string const& name) {
        std::set<std::string> found;
        auto const part = schema_of(schema.registry, name);
        REQUIRE(part);
        for (auto const& entry : part->as_array())
            found.insert(qapi::str(entry.at("name").as_string()));
        return found;
    };
    auto const eat = names("eat");
    CHECK(eat.count("eat") == 1);
    CHECK(eat.count("str") == 1);
    CHECK(eat.count("list-fruits") == 0);
    CHECK(eat.size() == 9); // the command, its arguments, an empty result, str, null, an enum, an alternate, int, [int]
    CHECK(names("RIPE").count("RIPE") == 1);
    CHECK(schema_of(schema.registry, "nope").error().desc() == "There is no command or event 'nope'");
}

TEST_CASE("schema: an empty registry has an empty schema")
{
    CHECK(qapi::to_json(schema_of(qapi::Registry())) == "[]");
}

} // namespace
} // namespace minivisor::qmp
