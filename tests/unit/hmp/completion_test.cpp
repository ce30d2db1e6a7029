// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/completion.hpp"

#include "fake_house.hpp"
#include "qapi/schema/qom.hpp"

#include <catch2/catch.hpp>

using namespace minivisor;
using namespace minivisor::hmp;

namespace {

enum class Endpoint { client, server };
BOOST_DESCRIBE_ENUM(Endpoint, client, server)

struct CredsOptions {
    std::string dir;
    std::optional<Endpoint> endpoint;
    std::optional<bool> verify_peer;
};
BOOST_DESCRIBE_STRUCT(CredsOptions, (), (dir, endpoint, verify_peer))
constexpr auto docs(CredsOptions const*)
{
    return qapi::members({{"dir", "folder"}, {"endpoint", "side"}, {"verify-peer", "look"}});
}

qapi::ObjectPropertyInfo property(std::string name, std::string type)
{
    qapi::ObjectPropertyInfo info;
    info.name = std::move(name);
    info.type = std::move(type);
    return info;
}

struct Desk {
    FakeHouse house;

    Desk()
    {
        house.bound.bind<qapi::QomList>(
            [](qapi::QomListArguments where) -> Result<std::vector<qapi::ObjectPropertyInfo>> {
                using List = std::vector<qapi::ObjectPropertyInfo>;
                if (where.path == "/")
                    return List{property("type", "string"), property("objects", "child<container>")};
                if (where.path == "/objects" || where.path == "/objects/")
                    return List{property("type", "string"), property("auth0", "child<authz-simple>"),
                        property("tls0", "child<tls-creds-x509>")};
                if (where.path == "auth0" || where.path == "/objects/auth0")
                    return List{property("type", "string"), property("identity", "string")};
                return Error::device_not_found("no");
            });
        house.bound.bind<qapi::ObjectAdd>([](qapi::Value) { return Result<void>(); });
        house.bound.describe_arguments(qapi::ObjectAdd::name, [] {
            qapi::UnionInfo info{"qom-type", {"id"}, {}};
            info.branches.emplace_back("authz-simple", &qapi::type_of<qapi::Empty>());
            info.branches.emplace_back("tls-creds-x509", &qapi::type_of<CredsOptions>());
            return info;
        });
    }

    /// The line's last word is completed, as the line editor would cut it.
    Candidates tab(std::string_view line)
    {
        auto const end = line.find_last_of(word_breaks(line));
        auto const start = end == line.npos ? 0 : end + 1;
        return complete(house, command_table(), line.substr(0, start), line.substr(start));
    }
    std::string words(std::string_view line)
    {
        std::string joined;
        for (auto const& word : tab(line).words)
            joined += (joined.empty() ? "" : " ") + word;
        return joined;
    }
};

} // namespace

TEST_CASE("commands, topics of info and of help are completed")
{
    Desk desk;
    CHECK(desk.words("migrate_set_") == "migrate_set_capability migrate_set_parameter");
    CHECK(desk.words("migrate_inc") == "migrate_incoming");
    CHECK(desk.words("qui") == "quit");
    CHECK(desk.words("info migrate_") == "migrate_capabilities migrate_parameters");
    CHECK(desk.words("  info  stat") == "status");
    CHECK(desk.words("help migrate_p") == "migrate_pause");
    CHECK(desk.words("help info qom") == "qom-tree");
    CHECK(desk.words("info status x") == "");
    CHECK(desk.words("frobnicate x") == "");
}

TEST_CASE("ids, paths and properties are completed from the tree")
{
    Desk desk;
    CHECK(desk.words("object_del au") == "auth0");
    CHECK(desk.tab("object_del au").ends_word);
    CHECK(desk.words("object_del auth0 ") == "");
    CHECK(desk.words("qom-get auth0 ident") == "identity");
    CHECK(desk.words("qom-set -j auth0 ident") == "identity");
    CHECK(desk.words("qom-list /obj") == "/objects");
    CHECK(desk.words("info qom-tree /objects/") == "/objects/auth0 /objects/tls0");
    CHECK(!desk.tab("qom-list /obj").ends_word);
    CHECK(desk.words("qom-get ") == "/ auth0 tls0");
    CHECK(desk.words("qom-get /nope/x") == "");
}

TEST_CASE("what migration knows is completed with its values")
{
    Desk desk;
    CHECK(desk.words("migrate_set_parameter tls-cr") == "tls-creds");
    CHECK(desk.words("migrate_set_str_parameter tls-cr") == "tls-creds");
    CHECK(desk.words("migrate_set_parameter tls-creds t") == "tls0");
    CHECK(desk.words("migrate_set_parameter multifd-compression z") == "zlib zstd");
    CHECK(desk.words("migrate_set_parameter block-incremental ") == "off on");
    CHECK(desk.words("migrate_set_capability ev") == "events");
    CHECK(desk.words("migrate_set_capability events o") == "off on");
    CHECK(desk.words("migrate_continue pre") == "pre-switchover");
}

TEST_CASE("object_add is completed by type, key and value")
{
    Desk desk;
    CHECK(desk.words("object_add ") == "authz-simple help tls-creds-x509");
    CHECK(desk.words("object_add authz-s") == "authz-simple");
    CHECK(!desk.tab("object_add authz-s").ends_word);
    CHECK(desk.words("object_add qom-type=tls") == "tls-creds-x509");
    CHECK(desk.words("object_add tls-creds-x509,") == "dir= endpoint= id= verify-peer=");
    CHECK(desk.words("object_add tls-creds-x509,id=a,endp") == "endpoint=");
    CHECK(desk.words("object_add tls-creds-x509,id=a,") == "dir= endpoint= verify-peer=");
    CHECK(desk.words("object_add tls-creds-x509,endpoint=") == "client server");
    CHECK(desk.words("object_add qom-type=tls-creds-x509,verify-peer=o") == "off on");
    CHECK(desk.tab("object_add tls-creds-x509,dir=/tm").files);
    CHECK(desk.words("object_add nope,") == "");
}

TEST_CASE("files are left to the line editor")
{
    Desk desk;
    CHECK(desk.tab("pmemsave 0 10 /tm").files);
    CHECK(!desk.tab("pmemsave 0 ").files);
    CHECK(complete(desk.house, command_table(), "pmemsave 0 10 \"", "/tm").files);
}

TEST_CASE("without a tree nothing is offered and nothing fails")
{
    FakeHouse house;
    CHECK(complete(house, command_table(), "object_del ", "").words.empty());
    CHECK(complete(house, command_table(), "object_add ", "x").words.empty());
}
