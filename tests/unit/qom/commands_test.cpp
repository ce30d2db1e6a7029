// SPDX-License-Identifier: GPL-3.0-or-later
#include "qom/commands.hpp"
#include "tests/unit/qom/gadget.hpp"

#include <catch2/catch.hpp>

namespace minivisor::qom {
namespace {

struct Bound : Gadgets {
    Bound() { bind_commands(registry, tree); }
    std::string call(std::string_view command, std::string_view arguments)
    {
        auto const* entry = registry.find(command);
        REQUIRE(entry);
        qapi::CallContext context;
        auto const done = std::get<qapi::SyncHandler>(entry->handler)(qapi::parse_json(arguments).value(), context);
        if (!done)
            return "! " + done.error().desc();
        CHECK(qapi::conforms(*entry->returns, *done));
        return qapi::to_json(*done);
    }
    qapi::Registry registry;
};

TEST_CASE("qom-list: properties of the parents first, then the children in order of addition")
{
    Bound bound;
    CHECK(bound.call("object-add", R"({"qom-type": "gadget", "id": "z", "label": "l"})") == "{}");
    CHECK(bound.call("object-add", R"({"qom-type": "gadget", "id": "a", "label": "l"})") == "{}");
    CHECK(bound.call("qom-list", R"({"path": "/objects"})")
        == R"([{"name": "type", "type": "string"}, {"name": "z", "type": "child<gadget>"}, {"name": "a", "type": "child<gadget>"}])");
    CHECK(bound.call("qom-list", R"({"path": "z"})")
        == R"([{"name": "type", "type": "string"}, {"name": "label", "type": "string"}, {"name": "level", "type": "int"}, )"
           R"({"name": "colour", "type": "Colour"}, {"name": "broken", "type": "bool"}, {"name": "words", "type": "string"}, )"
           R"({"name": "length", "type": "int"}])");
    CHECK(bound.call("qom-list", R"({"path": "/"})")
        == R"([{"name": "type", "type": "string"}, {"name": "objects", "type": "child<container>"}])");
    CHECK(bound.call("qom-list", R"({"path": "/no"})") == "! Device '/no' not found");
}

TEST_CASE("qom-get and qom-set: by path and property")
{
    Bound bound;
    bound.call("object-add", R"({"qom-type": "gadget", "id": "a", "label": "l"})");
    CHECK(bound.call("qom-get", R"({"path": "a", "property": "label"})") == "\"l\"");
    CHECK(bound.call("qom-set", R"({"path": "/objects/a", "property": "label", "value": "m"})") == "{}");
    CHECK(bound.call("qom-get", R"({"path": "/objects/a", "property": "label"})") == "\"m\"");
    CHECK(bound.call("qom-get", R"({"path": "/objects", "property": "a"})") == "\"/objects/a\"");
    CHECK(bound.call("qom-set", R"({"path": "/no", "property": "label", "value": "m"})") == "! Device '/no' not found");
}

TEST_CASE("qom-list-types: abstract ones only when asked for, and those below one that is named")
{
    Bound bound;
    CHECK(bound.call("qom-list-types", "{}")
        == R"([{"name": "container", "parent": "object"}, {"name": "gadget", "parent": "tool"}])");
    CHECK(bound.call("qom-list-types", R"({"abstract": true, "implements": "tool"})")
        == R"([{"name": "gadget", "parent": "tool"}, {"name": "tool", "abstract": true, "parent": "object"}])");
    CHECK(bound.call("qom-list-types", R"({"implements": "user-creatable"})")
        == R"([{"name": "gadget", "parent": "tool"}])");
    CHECK(bound.call("qom-list-types", R"({"implements": "no"})") == "[]");
    CHECK(
        bound.call("qom-list-properties", R"({"typename": "container"})") == R"([{"name": "type", "type": "string"}])");
    CHECK(bound.call("qom-list-properties", R"({"typename": "no"})") == "! Class 'no' not found");
}

TEST_CASE("object_add: text is key=value pairs, JSON or a question")
{
    Bound bound;
    auto const add = [&bound](std::string const& text) {
        return bound.call("__org.minivisor_object-add-text", qapi::to_json(qapi::Object{{"text", text}}));
    };
    CHECK(add("gadget,id=a,label=x,,y,words.0=v") == "\"\"");
    CHECK(bound.get("/objects/a", "label") == "\"x,y\"");
    CHECK(bound.get("/objects/a", "words") == "[\"v\"]");
    CHECK(add(R"({"qom-type": "gadget", "id": "b", "label": "j", "level": 1})") == "\"\"");
    CHECK(bound.get("/objects/b", "level") == "1");
    CHECK(add("gadget,id=c,label=x,nope=1") == "! Parameter 'nope' is unexpected");
    CHECK(add("help") == R"("List of user creatable objects:\n  gadget\n")");
    CHECK(add("gadget,help").starts_with(R"("gadget options:\n  broken=<bool>\n)"));
    CHECK(add("nope,help") == R"("List of user creatable objects:\n  gadget\n")");
    CHECK(add("{").starts_with("! JSON parse error"));
    CHECK(bound.tree.find_user_object("c") == nullptr);
}

TEST_CASE("object-add: its arguments are described as a union over the creatable types")
{
    Bound bound;
    auto const* entry = bound.registry.find("object-add");
    REQUIRE(entry->union_of);
    auto const info = entry->union_of();
    CHECK(info.tag == "qom-type");
    CHECK(info.common_strings == std::vector<std::string>{"id"});
    REQUIRE(info.branches.size() == 1);
    CHECK(info.branches[0].first == "gadget");
    CHECK(info.branches[0].second == &qapi::type_of<GadgetOptions>());
    CHECK(bound.call("object-del", R"({"id": "no"})") == "! object 'no' not found");
}

} // namespace
} // namespace minivisor::qom
