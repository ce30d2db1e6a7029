// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface section 3.4.
#include "tests/unit/qom/gadget.hpp"

#include <catch2/catch.hpp>

namespace minivisor::qom {
namespace {

/// /machine/a/x, /machine/b/x, /objects/x, /objects/only.
struct Grove : Gadgets {
    Grove()
    {
        auto& machine = child(tree.root(), "machine");
        child(child(machine, "a"), "x");
        child(child(machine, "b"), "x");
        child(tree.objects(), "x");
        child(tree.objects(), "only");
    }
    Object& child(Object& parent, std::string name)
    {
        return **parent.add_child(std::move(name), std::make_unique<Object>(*types.find("container")));
    }
    std::string find(std::string_view path)
    {
        auto const found = tree.resolve(path);
        return found ? (*found)->canonical_path() : "! " + found.error().desc();
    }
};

TEST_CASE("tree: an absolute path is walked from the root")
{
    Grove grove;
    CHECK(grove.find("/") == "/");
    CHECK(grove.find("/machine") == "/machine");
    CHECK(grove.find("/machine/a/x") == "/machine/a/x");
    CHECK(grove.find("/machine/c") == "! Device '/machine/c' not found");
    CHECK(grove.find("/x") == "! Device '/x' not found");
    CHECK(grove.tree.resolve("/x").error().error_class() == util::ErrorClass::device_not_found);
}

TEST_CASE("tree: repeated slashes and one at the end count as one")
{
    Grove grove;
    CHECK(grove.find("//machine///a//x/") == "/machine/a/x");
    CHECK(grove.find("a//x/") == "/machine/a/x");
    CHECK(grove.find("////") == "/");
}

TEST_CASE("tree: a partial path is unique anywhere in the tree, or ambiguous")
{
    Grove grove;
    CHECK(grove.find("only") == "/objects/only");
    CHECK(grove.find("a/x") == "/machine/a/x");
    CHECK(grove.find("objects/x") == "/objects/x");
    CHECK(grove.find("x") == "! Path 'x' is ambiguous");
    CHECK(grove.tree.resolve("x").error().error_class() == util::ErrorClass::generic_error);
    CHECK(grove.find("nowhere") == "! Device 'nowhere' not found");
}

TEST_CASE("tree: the empty path is ambiguous as soon as there is more than the root")
{
    Grove grove;
    CHECK(grove.find("") == "! Path '' is ambiguous");
}

TEST_CASE("object: a name is taken once, also by a property")
{
    Grove grove;
    auto& objects = grove.tree.objects();
    auto const twice = objects.add_child("x", std::make_unique<Object>(*grove.types.find("container")));
    REQUIRE_FALSE(twice);
    CHECK(twice.error().desc() == "attempt to add duplicate property 'x' to object (type 'container')");
    CHECK(objects.check_name("type").error().desc()
        == "attempt to add duplicate property 'type' to object (type 'container')");
    CHECK(objects.children().size() == 2);
}

TEST_CASE("object: a child that is removed is whole, nameable again and out of the tree")
{
    Grove grove;
    auto& objects = grove.tree.objects();
    auto const child = objects.remove_child("x");
    REQUIRE(child);
    CHECK(child->parent() == nullptr);
    CHECK(grove.find("/objects/x") == "! Device '/objects/x' not found");
    CHECK(objects.remove_child("x") == nullptr);
    CHECK(objects.add_child("x", std::make_unique<Object>(*grove.types.find("container"))));
}

TEST_CASE("object: a child reads as its path and cannot be set")
{
    Grove grove;
    CHECK(grove.get("/machine", "a") == "\"/machine/a\"");
    CHECK(grove.set("/machine", "a", "b") == "Property 'container.a' is not writable");
    CHECK(grove.set("/machine", "type", "b") == "Property 'container.type' is not writable");
    CHECK(grove.set("/machine", "no", "b") == "Property 'container.no' not found");
    CHECK(grove.get("/machine", "no") == "Property 'container.no' not found");
    CHECK(grove.get("/machine", "type") == "\"container\"");
}

TEST_CASE("tree: user objects are found by id alone, and without /objects there is none")
{
    Gadgets gadgets;
    CHECK(gadgets.tree.find_user_object("a") == nullptr);
    CHECK(gadgets.tree.root().children().empty());
    gadgets.add(R"({"qom-type": "gadget", "id": "a", "label": "l"})");
    REQUIRE(gadgets.tree.find_user_object("a") != nullptr);
    CHECK(gadgets.tree.find_user_object("a")->canonical_path() == "/objects/a");
}

TEST_CASE("type: is_a looks at the parents, and creatable types are user-creatable")
{
    Gadgets gadgets;
    auto const& gadget = *gadgets.types.find("gadget");
    CHECK(gadget.is_a("gadget"));
    CHECK(gadget.is_a("tool"));
    CHECK(gadget.is_a("object"));
    CHECK(gadget.is_a("user-creatable"));
    CHECK_FALSE(gadget.is_a("container"));
    CHECK_FALSE(gadgets.types.find("tool")->is_a("user-creatable"));
    CHECK(gadgets.types.find_creatable("gizmo") == &gadget);
    CHECK(gadgets.types.find("gizmo") == nullptr);
    CHECK(gadgets.types.find_creatable("tool") == nullptr);
    CHECK(gadgets.types.find_creatable("container") == nullptr);
}

} // namespace
} // namespace minivisor::qom
