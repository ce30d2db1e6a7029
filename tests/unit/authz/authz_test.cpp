// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface section 11.
#include "authz/simple.hpp"
#include "qom/user_object.hpp"

#include <catch2/catch.hpp>

namespace minivisor::authz {
namespace {

struct Other final : qom::OptionsObject<qapi::Empty> {
    using OptionsObject::OptionsObject;
    static Result<std::unique_ptr<Other>> create(qom::Type const& type, qapi::Empty options, qom::Tree&)
    {
        return std::make_unique<Other>(type, options);
    }
};

struct Gate {
    Gate()
    {
        register_base(types);
        register_simple(types);
        qom::UserType<Other>("other", "Decides nothing.").add_to(types);
    }
    void add(qapi::Object arguments)
    {
        REQUIRE(qom::add_user_object(tree, std::move(arguments), qapi::Spelling::json));
    }
    void allow(std::string const& identity)
    {
        add({{"qom-type", "authz-simple"}, {"id", "auth0"}, {"identity", identity}});
    }
    qom::TypeRegistry types;
    qom::Tree tree{types};
};

/// Of a driver that can say at once.
Decision decide(qom::Tree& tree, std::string const& authz_id, std::string_view identity)
{
    std::optional<Decision> answer;
    ask(tree, authz_id, identity, {}, [&answer](Decision decision) { answer = std::move(decision); });
    REQUIRE(answer);
    return *answer;
}

TEST_CASE("authz-simple: allows the one identity, byte for byte")
{
    Gate gate;
    gate.allow("CN=a,O=Org");
    CHECK(decide(gate.tree, "auth0", "CN=a,O=Org").allowed);
    for (auto const* other : {"", "CN=a,O=org", "CN=a,O=Org ", "CN=a,O=Or", "O=Org,CN=a", "CN=*"}) {
        auto const decision = decide(gate.tree, "auth0", other);
        CHECK_FALSE(decision.allowed);
        CHECK(decision.error.empty());
        CHECK(decision.detail == "it allows only 'CN=a,O=Org'");
    }
    CHECK_FALSE(decide(gate.tree, "auth0", std::string_view("CN=a,O=Org\0", 11)).allowed);
}

TEST_CASE("authz-simple: an asterisk is a character like any other")
{
    Gate gate;
    gate.allow("CN=*");
    CHECK(decide(gate.tree, "auth0", "CN=*").allowed);
    CHECK_FALSE(decide(gate.tree, "auth0", "CN=a").allowed);
}

TEST_CASE("authz: a ledger counts, and keeps the last refusals only")
{
    Ledger ledger;
    ledger.allowed();
    for (std::size_t i = 0; i < Ledger::most_refusals + 5; ++i)
        ledger.refused({{}, "peer", "CN=" + std::to_string(i), "no"}, i % 2 == 1);
    CHECK(ledger.allowed_count() == 1);
    CHECK(ledger.denied_count() == 11);
    CHECK(ledger.error_count() == 10);
    REQUIRE(ledger.refusals().size() == Ledger::most_refusals);
    CHECK(ledger.refusals().front().identity == "CN=5");
    CHECK(ledger.refusals().back().identity == "CN=20");
}

TEST_CASE("authz: a decision tells of which generation the object was")
{
    Gate gate;
    gate.allow("CN=a");
    CHECK(decide(gate.tree, "auth0", "CN=a").generation == 1);
    REQUIRE(gate.tree.find_user_object("auth0")->set("identity", qapi::Value("CN=b")));
    CHECK(decide(gate.tree, "auth0", "CN=a").generation == 2);
    CHECK(decide(gate.tree, "nope", "CN=a").generation == 0);
}

TEST_CASE("authz: a missing object and one that is no authorization are a no")
{
    Gate gate;
    auto decision = decide(gate.tree, "auth0", "fred");
    CHECK_FALSE(decision.allowed);
    CHECK(decision.error == "Cannot find QAuthZ object ID auth0");
    decision = decide(gate.tree, "", "");
    CHECK_FALSE(decision.allowed);
    CHECK(decision.error == "Cannot find QAuthZ object ID ");
    gate.add({{"qom-type", "other"}, {"id", "auth1"}});
    decision = decide(gate.tree, "auth1", "fred");
    CHECK_FALSE(decision.allowed);
    CHECK(decision.error == "Object 'auth1' is not a QAuthZ subclass");
}

TEST_CASE("authz: the object is looked up at each question")
{
    Gate gate;
    gate.allow("fred");
    CHECK(decide(gate.tree, "auth0", "fred").allowed);
    REQUIRE(gate.tree.find_user_object("auth0")->set("identity", "bob"));
    CHECK_FALSE(decide(gate.tree, "auth0", "fred").allowed);
    CHECK(decide(gate.tree, "auth0", "bob").allowed);
    REQUIRE(qom::delete_user_object(gate.tree, "auth0"));
    CHECK(decide(gate.tree, "auth0", "bob").error == "Cannot find QAuthZ object ID auth0");
    gate.allow("fred");
    CHECK(decide(gate.tree, "auth0", "fred").allowed);
}

TEST_CASE("authz-simple: identity is required, and the base type cannot be made")
{
    Gate gate;
    auto const add = [&gate](qapi::Object arguments) {
        auto const done = qom::add_user_object(gate.tree, std::move(arguments), qapi::Spelling::json);
        return done ? std::string() : done.error().desc();
    };
    CHECK(add({{"qom-type", "authz-simple"}, {"id", "a"}}) == "Parameter 'identity' is missing");
    CHECK(add({{"qom-type", "authz-simple"}, {"id", "a"}, {"identity", "x"}, {"filename", "f"}})
        == "Parameter 'filename' is unexpected");
    CHECK(add({{"qom-type", "authz"}, {"id", "a"}}) == "Parameter 'qom-type' does not accept value 'authz'");
    CHECK(gate.types.find("authz-simple")->is_a("authz"));
}

} // namespace
} // namespace minivisor::authz
