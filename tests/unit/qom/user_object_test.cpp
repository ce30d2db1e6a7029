// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface sections 1 and 3.4.
#include "tests/unit/qom/gadget.hpp"

#include <catch2/catch.hpp>

namespace minivisor::qom {
namespace {

TEST_CASE("object-add: makes the object with its options, under either name of the type")
{
    Gadgets gadgets;
    CHECK(gadgets.add(R"({"qom-type": "gadget", "id": "a", "label": "l", "level": 3, "colour": "dark-blue"})") == "");
    CHECK(gadgets.add(R"({"qom-type": "gizmo", "id": "b.c-d_1", "label": ""})") == "");
    CHECK(gadgets.get("/objects/a", "type") == "\"gadget\"");
    CHECK(gadgets.get("/objects/a", "level") == "3");
    CHECK(gadgets.get("/objects/a", "colour") == "\"dark-blue\"");
    CHECK(gadgets.get("/objects/b.c-d_1", "type") == "\"gadget\"");
}

TEST_CASE("object-add: what cannot be made leaves nothing behind")
{
    Gadgets gadgets;
    auto const tried = Gadget::tried;
    CHECK(gadgets.add(R"({"id": "a", "label": "l"})") == "Parameter 'qom-type' is missing");
    CHECK(gadgets.add(R"({"qom-type": 1, "id": "a"})") == "Invalid parameter type for 'qom-type', expected: string");
    CHECK(gadgets.add(R"({"qom-type": "no", "id": "a"})") == "Parameter 'qom-type' does not accept value 'no'");
    CHECK(gadgets.add(R"({"qom-type": "tool", "id": "a"})") == "Parameter 'qom-type' does not accept value 'tool'");
    CHECK(gadgets.add(R"({"qom-type": "gadget", "label": "l"})") == "Parameter 'id' is missing");
    CHECK(gadgets.add(R"({"qom-type": "gadget", "id": "a"})") == "Parameter 'label' is missing");
    CHECK(gadgets.add(R"({"qom-type": "gadget", "id": "a", "label": "l", "x": 1})") == "Parameter 'x' is unexpected");
    CHECK(gadgets.add(R"({"qom-type": "gadget", "id": "1a", "label": "l"})") == "Parameter 'id' expects an identifier");
    CHECK(
        gadgets.add(R"({"qom-type": "gadget", "id": "a/b", "label": "l"})") == "Parameter 'id' expects an identifier");
    CHECK(Gadget::tried == tried);
    CHECK(gadgets.add(R"({"qom-type": "gadget", "id": "a", "label": "l", "broken": true})") == "gadget is broken");
    CHECK(Gadget::tried == tried + 1);
    CHECK(Gadget::alive == 0);
    CHECK(gadgets.tree.objects().children().empty());
}

TEST_CASE("object-add: an id is taken once, and the second is not even begun")
{
    Gadgets gadgets;
    CHECK(gadgets.add(R"({"qom-type": "gadget", "id": "a", "label": "first"})") == "");
    auto const tried = Gadget::tried;
    CHECK(gadgets.add(R"({"qom-type": "gadget", "id": "a", "label": "second"})")
        == "attempt to add duplicate property 'a' to object (type 'container')");
    CHECK(Gadget::tried == tried);
    CHECK(gadgets.get("/objects/a", "label") == "\"first\"");
}

TEST_CASE("object-add: members may be nested under props or parameters, but not be given twice")
{
    Gadgets gadgets;
    CHECK(gadgets.add(R"({"qom-type": "gadget", "id": "a", "props": {"label": "p", "level": 1}})") == "");
    CHECK(gadgets.get("/objects/a", "label") == "\"p\"");
    CHECK(gadgets.add(R"({"qom-type": "gadget", "id": "b", "level": 2, "parameters": {"label": "q"}})") == "");
    CHECK(gadgets.get("/objects/b", "level") == "2");
    CHECK(gadgets.add(R"({"qom-type": "gadget", "id": "c", "label": "l", "props": {"label": "p"}})")
        == "Parameter 'label' is given beside 'props' and in it");
    CHECK(gadgets.add(R"({"qom-type": "gadget", "id": "c", "props": {"label": "p"}, "parameters": {"label": "q"}})")
        == "Parameter 'label' is given beside 'parameters' and in it");
    CHECK(gadgets.add(R"({"qom-type": "gadget", "id": "c", "props": 1})")
        == "Invalid parameter type for 'props', expected: object");
    CHECK(gadgets.add(R"({"qom-type": "gadget", "id": "c", "props": {"label": "p", "props": {}}})")
        == "Parameter 'props' is unexpected");
    CHECK(gadgets.tree.find_user_object("c") == nullptr);
}

TEST_CASE("object_add: scalars are text")
{
    Gadgets gadgets;
    CHECK(
        gadgets.add(R"({"qom-type": "gadget", "id": "a", "label": "l", "level": "7"})", qapi::Spelling::keyval) == "");
    CHECK(gadgets.get("/objects/a", "level") == "7");
    CHECK(gadgets.add(R"({"qom-type": "gadget", "id": "b", "label": "l", "broken": "maybe"})", qapi::Spelling::keyval)
        == "Parameter 'broken' expects 'on' or 'off'");
}

TEST_CASE("object-del: deletes what is there and not in use")
{
    Gadgets gadgets;
    gadgets.add(R"({"qom-type": "gadget", "id": "a", "label": "l"})");
    auto* gadget = static_cast<Gadget*>(gadgets.tree.find_user_object("a"));
    gadget->in_use = true;
    CHECK(gadgets.remove("a") == "object 'a' is in use, can not be deleted");
    CHECK(Gadget::alive == 1);
    gadget->in_use = false;
    CHECK(gadgets.remove("a") == "");
    CHECK(Gadget::alive == 0);
    CHECK(gadgets.remove("a") == "object 'a' not found");
    CHECK(gadgets.add(R"({"qom-type": "gadget", "id": "a", "label": "again"})") == "");
}

TEST_CASE("properties: unset text reads as empty, other unset options as null, computed ones as they are")
{
    Gadgets gadgets;
    gadgets.add(R"({"qom-type": "gadget", "id": "a", "label": "four"})");
    CHECK(gadgets.get("/objects/a", "level") == "null");
    CHECK(gadgets.get("/objects/a", "length") == "4");
    CHECK(gadgets.get("/objects/a", "words") == "[]");
}

TEST_CASE("properties: a settable one takes what its type takes and the object agrees to, whole or not at all")
{
    Gadgets gadgets;
    gadgets.add(R"({"qom-type": "gadget", "id": "a", "label": "l", "words": ["old"]})");
    CHECK(gadgets.set("/objects/a", "label", "new") == "");
    CHECK(gadgets.get("/objects/a", "label") == "\"new\"");
    CHECK(gadgets.set("/objects/a", "label", 1) == "Invalid parameter type for 'label', expected: string");
    CHECK(gadgets.set("/objects/a", "label", "no") == "not that label");
    CHECK(gadgets.set("/objects/a", "level", 256) == "Parameter 'level' expects uint8_t");
    CHECK(gadgets.get("/objects/a", "level") == "null");
    CHECK(gadgets.get("/objects/a", "label") == "\"new\"");
    CHECK(gadgets.set("/objects/a", "words", qapi::Array{"new"}) == "");
    CHECK(gadgets.get("/objects/a", "words") == "[\"new\"]");
    CHECK(gadgets.set("/objects/a", "colour", "red") == "Property 'gadget.colour' is not writable");
    CHECK(gadgets.set("/objects/a", "length", 1) == "Property 'gadget.length' is not writable");
    CHECK(gadgets.set("/objects/a", "no", 1) == "Property 'gadget.no' not found");
}

TEST_CASE("help: lists the creatable types, and a type's options in order of the alphabet")
{
    Gadgets gadgets;
    CHECK(
        creatable_types_help(gadgets.types) == std::vector<std::string>{"List of user creatable objects:", "  gadget"});
    CHECK(type_help(gadgets.types, "gizmo").value()
        == std::vector<std::string>{"gadget options:", "  broken=<bool>", "  colour=<Colour>", "  label=<string>",
            "  level=<int>", "  words=<string>"});
    CHECK(type_help(gadgets.types, "tool").error().desc() == "Parameter 'qom-type' does not accept value 'tool'");
}

} // namespace
} // namespace minivisor::qom
