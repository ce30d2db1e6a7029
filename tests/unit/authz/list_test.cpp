// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface section 11.
#include "authz/list.hpp"
#include "authz/list_file.hpp"
#include "qapi/json.hpp"
#include "qom/user_object.hpp"
#include "tests/unit/temp_dir.hpp"
#include "util/log.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <thread>

namespace minivisor::authz {
namespace {

using test::TempDir;
namespace fs = std::filesystem;

constexpr auto fred_only = R"({"rules": [{"match": "fred", "policy": "allow"}], "policy": "deny"})";
constexpr auto bob_only = R"({"rules": [{"match": "bob", "policy": "allow"}], "policy": "deny"})";

struct ListGate {
    ListGate()
    {
        register_base(types);
        register_list(types);
        register_list_file(types);
    }
    /// "" or the complaint.
    std::string add(std::string_view json)
    {
        auto const added = qom::add_user_object(tree, qapi::parse_json(json).value().as_object(), qapi::Spelling::json);
        return added ? "" : added.error().desc();
    }
    std::string add_file(std::string const& path)
    {
        return add(R"({"qom-type": "authz-list-file", "id": "auth0", "filename": ")" + path + "\"}");
    }
    Decision decide(std::string_view identity)
    {
        Decision answer;
        ask(tree, "auth0", identity, {}, [&answer](Decision decision) { answer = std::move(decision); });
        return answer;
    }
    bool allows(std::string_view identity) { return decide(identity).allowed; }
    std::string detail(std::string_view identity) { return decide(identity).detail; }
    /// Waits for a reload to take effect; the test's own time limit ends it otherwise.
    void until_allowed(std::string_view identity)
    {
        while (!allows(identity))
            std::this_thread::yield();
    }
    void until_refused(std::string_view identity)
    {
        while (allows(identity))
            std::this_thread::yield();
    }

    qom::TypeRegistry types;
    qom::Tree tree{types};
};

TEST_CASE("authz-list: says which rule refused, or that none matched")
{
    ListGate gate;
    REQUIRE(gate.add(R"({"qom-type": "authz-list", "id": "auth0", "rules": [)"
                     R"({"match": "danb", "policy": "deny"}, {"match": "dan*", "policy": "allow", "format": "glob"}]})")
        == "");
    CHECK(gate.allows("dana"));
    CHECK(gate.detail("danb") == "rule 0 denies it");
    CHECK(gate.detail("eve") == "no rule matches it");
}

TEST_CASE("authz-list: rules and policy may change; a refused change changes nothing")
{
    ListGate gate;
    REQUIRE(gate.add(R"({"qom-type": "authz-list", "id": "auth0"})") == "");
    auto* object = gate.tree.find_user_object("auth0");
    CHECK_FALSE(gate.allows("q"));
    REQUIRE(object->set("rules", qapi::parse_json(R"([{"match": "q", "policy": "allow"}])").value()));
    CHECK(gate.allows("q"));
    CHECK_FALSE(object->set("rules", qapi::Value("x")));
    CHECK(gate.allows("q"));
    REQUIRE(object->set("policy", qapi::Value("allow")));
    CHECK(gate.allows("anybody"));
}

TEST_CASE("authz-list-file: a change is in force without being asked for, however it is made")
{
    TempDir dir;
    auto const path = dir.path() + "/acl.json";
    dir.write("acl.json", fred_only);
    ListGate gate;
    REQUIRE(gate.add_file(path) == "");
    CHECK(gate.allows("fred"));
    SECTION("written in place")
    {
        dir.write("acl.json", bob_only);
        gate.until_allowed("bob");
    }
    SECTION("replaced by a rename")
    {
        dir.write("new.json", bob_only);
        fs::rename(dir.path() + "/new.json", path);
        gate.until_allowed("bob");
    }
    SECTION("deleted, which changes nothing, and made again")
    {
        fs::remove(path);
        dir.write("acl.json", bob_only);
        gate.until_allowed("bob");
    }
    SECTION("replaced by a link")
    {
        dir.write("other.json", bob_only);
        fs::remove(path);
        fs::create_symlink("other.json", path);
        gate.until_allowed("bob");
    }
    CHECK_FALSE(gate.allows("fred"));
}

TEST_CASE("authz-list-file: a link that is turned elsewhere, as a mounted ConfigMap does it, is seen")
{
    TempDir dir;
    fs::create_directory(dir.path() + "/v1");
    fs::create_directory(dir.path() + "/v2");
    dir.write("v1/acl.json", fred_only);
    dir.write("v2/acl.json", bob_only);
    fs::create_directory_symlink("v1", dir.path() + "/..data");
    fs::create_symlink("..data/acl.json", dir.path() + "/acl.json");
    ListGate gate;
    REQUIRE(gate.add_file(dir.path() + "/acl.json") == "");
    CHECK(gate.allows("fred"));
    fs::create_directory_symlink("v2", dir.path() + "/..new");
    fs::rename(dir.path() + "/..new", dir.path() + "/..data");
    gate.until_allowed("bob");
    // The watch followed: a change behind the new link is seen too.
    dir.write("v2/acl.json", fred_only);
    gate.until_allowed("fred");
}

TEST_CASE("authz-list-file: a directory that is moved away and made anew is seen")
{
    TempDir dir;
    fs::create_directory(dir.path() + "/d");
    dir.write("d/acl.json", fred_only);
    ListGate gate;
    REQUIRE(gate.add_file(dir.path() + "/d/acl.json") == "");
    fs::rename(dir.path() + "/d", dir.path() + "/old");
    CHECK(gate.allows("fred"));
    fs::create_directory(dir.path() + "/d");
    dir.write("d/acl.json", bob_only);
    gate.until_allowed("bob");
}

TEST_CASE("authz-list-file: a file that cannot be used denies everybody until it can, and the reason is logged")
{
    util::log::Capture log;
    TempDir dir;
    dir.write("acl.json", fred_only);
    ListGate gate;
    REQUIRE(gate.add_file(dir.path() + "/acl.json") == "");
    dir.write("new.json", R"({"rules": [], "policy": "allow", "more": 1})");
    fs::rename(dir.path() + "/new.json", dir.path() + "/acl.json");
    gate.until_refused("fred");
    CHECK(gate.detail("fred") == "its file cannot be used: Property 'authz-list.more' not found");
    dir.write("new.json", fred_only);
    fs::rename(dir.path() + "/new.json", dir.path() + "/acl.json");
    gate.until_allowed("fred");
    CHECK(log.lines()
        == std::vector<std::string>{"Property 'authz-list.more' not found",
            "Nobody is let in by the rules in '" + dir.path() + "/acl.json' until they can be read"});
}

TEST_CASE("authz-list-file: a thousand changes at once leave the last one in force")
{
    util::log::Capture log;
    TempDir dir;
    dir.write("acl.json", fred_only);
    ListGate gate;
    REQUIRE(gate.add_file(dir.path() + "/acl.json") == "");
    for (int i = 0; i < 1000; ++i) {
        dir.write("new.json", i % 2 == 0 ? "rubbish" : fred_only);
        fs::rename(dir.path() + "/new.json", dir.path() + "/acl.json");
    }
    dir.write("new.json", bob_only);
    fs::rename(dir.path() + "/new.json", dir.path() + "/acl.json");
    gate.until_allowed("bob");
    CHECK_FALSE(gate.allows("fred"));
}

TEST_CASE("authz-list-file: what is no file of rules makes no object")
{
    TempDir dir;
    ListGate gate;
    auto const path = dir.path() + "/acl.json";
    CHECK(gate.add_file(path)
        == "Unable to read '" + path + "': Failed to open file '" + path + "': No such file or directory");
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    CHECK(gate.add_file(path) == "Expecting a JSON value");
    fs::remove(path);
    dir.write("acl.json", std::string_view("\0\xff\x80", 3));
    CHECK(gate.add_file(path).starts_with("JSON parse error"));
    dir.write("acl.json", std::string(100, '['));
    CHECK(gate.add_file(path) == "JSON nesting depth limit exceeded");
    dir.write("acl.json", "[]");
    CHECK(gate.add_file(path) == "File '" + path + "' must contain a JSON object");
    CHECK_FALSE(gate.allows("fred"));
}

TEST_CASE("authz-list-file: the example of QEMU's manual is taken with its comma behind the last rule")
{
    TempDir dir;
    dir.write(
        "acl.json", R"({"rules": [{"match": "fred", "policy": "allow", "format": "exact"},], "policy": "deny",})");
    ListGate gate;
    REQUIRE(gate.add_file(dir.path() + "/acl.json") == "");
    CHECK(gate.allows("fred"));
    dir.write("b.json", R"({"rules": [,], "policy": "deny"})");
    CHECK(gate.add(R"({"qom-type": "authz-list-file", "id": "b", "filename": ")" + dir.path() + "/b.json\"}")
        == "JSON parse error, expecting value");
}

TEST_CASE("authz-listfile is another spelling of authz-list-file")
{
    TempDir dir;
    dir.write("acl.json", fred_only);
    ListGate gate;
    REQUIRE(
        gate.add(R"({"qom-type": "authz-listfile", "id": "auth0", "filename": ")" + dir.path() + "/acl.json\"}") == "");
    CHECK(gate.tree.find_user_object("auth0")->type().name == "authz-list-file");
}

} // namespace
} // namespace minivisor::authz
