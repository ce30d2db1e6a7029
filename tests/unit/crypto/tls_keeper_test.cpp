// SPDX-License-Identifier: GPL-3.0-or-later
// Credentials that are kept good: on real files, with a clock of the test's own.
#include "crypto/tls_keeper.hpp"

#include "crypto/secret.hpp"
#include "crypto/tls_creds.hpp"
#include "pki.hpp"
#include "qapi/schema/crypto.hpp"
#include "qom/user_object.hpp"
#include "util/log.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

using namespace minivisor;
using namespace minivisor::crypto;
using namespace minivisor::crypto::test;
using std::chrono::days;

namespace {

constexpr long day = 86400;

struct House {
    House()
    {
        registry.declare_event<qapi::TlsCredsReloadEvent>();
        registry.declare_event<qapi::TlsCertificateExpiryEvent>();
        registry.declare_event<qapi::TlsRevocationListExpiryEvent>();
        register_secrets(types);
        register_tls_creds(types);
        subscription = events.subscribe([this](qapi::EventRecord const& event) { heard.push_back(event); });
    }
    ~House() { keeper.shut_down(); }

    /// "" or the complaint.
    std::string add(std::string const& dir, bool refresh, std::string const& id = "tls0")
    {
        auto const added = qom::add_user_object(tree,
            {{"qom-type", "tls-creds-x509"}, {"id", id}, {"endpoint", "server"}, {"dir", dir},
                {"__org.minivisor_refresh", refresh}},
            qapi::Spelling::json);
        return added ? "" : added.error().desc();
    }
    /// "7 CN=localhost" for each announcement since the last call, "7 CRL of CN=Test CA" where a list is meant.
    std::string announced()
    {
        keeper.look();
        std::string text;
        for (auto const& event : std::exchange(heard, {})) {
            auto const& data = event.data.as_object();
            auto const* const list = data.if_contains("revocation-list");
            text += std::to_string(data.at("days").as_int64()) + " "
                + std::string(list ? "CRL of " + qapi::str(list->as_object().at("issuer").as_string())
                                   : qapi::str(data.at("certificate").as_object().at("subject").as_string()))
                + "; ";
        }
        return text;
    }
    /// Lets things happen until it holds. How many loads several changes make depends on their speed.
    void until(std::function<bool()> const& holds)
    {
        while (!holds())
            io.run_one();
    }
    TlsCreds* creds(std::string const& id = "tls0") { return find_tls_creds(tree, id).value(); }

    boost::asio::io_context io;
    qom::TypeRegistry types;
    qapi::Registry registry;
    qapi::EventBus events{registry};
    qom::Tree tree{types};
    std::chrono::system_clock::time_point time = std::chrono::system_clock::now();
    TlsKeeper keeper{io.get_executor(), tree, events, [this] { return time; }};
    std::vector<qapi::EventRecord> heard;
    qapi::EventBus::Subscription subscription;
    log::Capture log;
};

/// A folder whose authority lasts for ten years, and whose server's certificate so many days.
struct Files : Directory {
    explicit Files(long lasts = 400)
    {
        auto spec = ca_spec();
        spec.not_after = 3650 * day;
        ca = issue(spec);
        dir.write("ca-cert.pem", ca.certificate_pem());
        renew(lasts);
    }
    void renew(long lasts)
    {
        auto spec = server_spec();
        spec.not_after = lasts * day;
        set_server(spec);
    }
    /// As good tools write files.
    void replace(std::string const& name, std::string const& content) const
    {
        dir.write("new", content);
        std::filesystem::rename(dir.file("new"), dir.file(name));
    }
};

} // namespace

TEST_CASE("the end of a certificate is announced at 30, 7 and 1 days, and when it has come")
{
    Files const files(40);
    House house;
    REQUIRE(house.add(files.dir.path(), false) == "");
    CHECK(house.announced() == "");
    auto const begin = house.time;
    for (auto const& [later, wanted] :
        {std::pair{days(9), ""}, {days(10), "30 CN=localhost; "}, {days(32), ""}, {days(33), "7 CN=localhost; "},
            {days(39), "1 CN=localhost; "}, {days(41), "0 CN=localhost; "}, {days(60), ""}}) {
        house.time = begin + later;
        CHECK(house.announced() == wanted);
    }
    auto const lines = house.log.lines();
    REQUIRE(lines.size() == 4);
    CHECK(lines[0].starts_with("warning: The certificate CN=localhost of the TLS credentials 'tls0' expires within 30 "
                               "days: it is valid until "));
    CHECK(lines[3].starts_with(
        "The certificate CN=localhost of the TLS credentials 'tls0' has expired: it was valid until "));
    // The authority's end counts as well.
    house.time = begin + days(3649);
    CHECK(house.announced() == "1 CN=Test CA; ");
}

TEST_CASE("a certificate that is replaced in time is not announced any more")
{
    Files files(40);
    House house;
    REQUIRE(house.add(files.dir.path(), false) == "");
    auto const begin = house.time;
    house.time = begin + days(35);
    CHECK(house.announced() == "7 CN=localhost; ");
    files.renew(80);
    REQUIRE(house.keeper.reload("tls0"));
    REQUIRE(std::exchange(house.heard, {}).size() == 1);
    house.time = begin + days(45);
    CHECK(house.announced() == "");
    house.time = begin + days(51);
    CHECK(house.announced() == "30 CN=localhost; ");
    // The clock was wrong, and is set right.
    house.time = begin;
    CHECK(house.announced() == "");
    house.time = begin + days(51);
    CHECK(house.announced() == "30 CN=localhost; ");
    REQUIRE(qom::delete_user_object(house.tree, "tls0"));
    house.time = begin + days(81);
    CHECK(house.announced() == "");
}

TEST_CASE("the issuers behind our own certificate and every one of the authorities are watched")
{
    Files const files(3000);
    auto middle_spec = ca_spec("Middle");
    middle_spec.not_after = 40 * day;
    auto const middle = issue(middle_spec, &files.ca);
    auto leaf_spec = server_spec();
    leaf_spec.not_after = 3000 * day;
    auto const leaf = issue(leaf_spec, &middle);
    files.dir.write("server-cert.pem", leaf.certificate_pem() + middle.certificate_pem());
    files.dir.write("server-key.pem", leaf.key_pem());
    auto second_spec = ca_spec("Second CA");
    second_spec.not_after = 100 * day;
    auto third_spec = ca_spec("Third CA");
    third_spec.not_after = 200 * day;
    files.dir.write("ca-cert.pem",
        files.ca.certificate_pem() + issue(second_spec).certificate_pem() + issue(third_spec).certificate_pem());
    House house;
    REQUIRE(house.add(files.dir.path(), false) == "");
    CHECK(house.announced() == "");
    auto const begin = house.time;
    for (auto const& [later, wanted] : {std::pair{days(10), "30 CN=Middle; "}, {days(33), "7 CN=Middle; "},
             {days(39), "1 CN=Middle; "}, {days(41), "0 CN=Middle; "}, {days(70), "30 CN=Second CA; "},
             {days(101), "0 CN=Second CA; "}, {days(170), "30 CN=Third CA; "}}) {
        house.time = begin + later;
        CHECK(house.announced() == wanted);
    }
    CHECK(house.log.lines().front().starts_with(
        "warning: The issuer's certificate CN=Middle of the TLS credentials 'tls0' expires within 30 days: "));
}

TEST_CASE("an issuer that two identities share is announced once")
{
    Files const files(3000);
    auto middle_spec = ca_spec("Middle");
    middle_spec.not_after = 20 * day;
    auto const middle = issue(middle_spec, &files.ca);
    for (std::string const number : {"", "-0"}) {
        auto spec = server_spec();
        spec.not_after = 3000 * day;
        auto const leaf = issue(spec, &middle);
        files.dir.write("server-cert" + number + ".pem", leaf.certificate_pem() + middle.certificate_pem());
        files.dir.write("server-key" + number + ".pem", leaf.key_pem());
    }
    House house;
    REQUIRE(house.add(files.dir.path(), false) == "");
    CHECK(house.announced() == "30 CN=Middle; ");
}

TEST_CASE("the time by which a revocation list has to be replaced is announced likewise")
{
    Files const files(3000);
    files.dir.write("ca-crl.pem", revocation_list(files.ca, {files.client.certificate.get()}, 40 * day));
    House house;
    REQUIRE(house.add(files.dir.path(), false) == "");
    CHECK(house.announced() == "");
    auto const begin = house.time;
    for (auto const& [later, wanted] : {std::pair{days(9), ""}, {days(10), "30 CRL of CN=Test CA; "}, {days(32), ""},
             {days(33), "7 CRL of CN=Test CA; "}, {days(39), "1 CRL of CN=Test CA; "},
             {days(41), "0 CRL of CN=Test CA; "}, {days(60), ""}}) {
        house.time = begin + later;
        CHECK(house.announced() == wanted);
    }
    auto const lines = house.log.lines();
    REQUIRE(lines.size() == 4);
    CHECK(lines[0].starts_with("warning: The revocation list of CN=Test CA of the TLS credentials 'tls0' ends within "
                               "30 days: the next one is due at "));
    CHECK(lines[3].starts_with("The revocation list of CN=Test CA of the TLS credentials 'tls0' is past its time and "
                               "may miss revoked certificates: the next one was due at "));
    // A new list is judged by itself.
    files.dir.write("ca-crl.pem", revocation_list(files.ca, {}, 200 * day));
    REQUIRE(house.keeper.reload("tls0"));
    REQUIRE(std::exchange(house.heard, {}).size() == 1);
    CHECK(house.announced() == "");
}

TEST_CASE("a revocation list that names no time does not end")
{
    Files const files(3000);
    files.dir.write("ca-crl.pem", revocation_list(files.ca, {}, std::nullopt));
    House house;
    REQUIRE(house.add(files.dir.path(), false) == "");
    house.time += days(2000);
    CHECK(house.announced() == "");
}

TEST_CASE("credentials that come are looked at without being asked")
{
    Files const files(5);
    House house;
    REQUIRE(house.add(files.dir.path(), false) == "");
    while (house.heard.empty())
        house.io.run_one();
    CHECK(house.heard.front().name == "__org.minivisor_TLS_CERTIFICATE_EXPIRY");
}

TEST_CASE("files that change are loaded anew, all or nothing")
{
    Files files;
    House house;
    REQUIRE(house.add(files.dir.path(), true) == "");
    auto* const creds = house.creds();
    auto const complains
        = [&](std::string const& text) { return [=] { return creds->complaint().find(text) != std::string::npos; }; };
    auto const content = [&] { return creds->complaint().empty(); };
    auto const old = creds->context();
    auto const fresh = issue(server_spec(), &files.ca);
    files.replace("server-cert.pem", fresh.certificate_pem());
    house.until(complains("The certificate and the given key do not match."));
    CHECK(creds->context() == old);
    CHECK(creds->generation() == 1);
    CHECK(house.heard.back().name == "__org.minivisor_TLS_CREDS_RELOAD");
    CHECK(house.heard.back().data.as_object().at("error") == qapi::Value(creds->complaint()));
    files.replace("server-key.pem", fresh.key_pem());
    house.until(content);
    CHECK(creds->context() != old);
    CHECK(creds->generation() == 2);
    CHECK(!house.heard.back().data.as_object().contains("error"));
    // In place, too, and files that were not there before.
    files.dir.write("ca-crl.pem", "rubbish");
    house.until(complains("Cannot load CRL '"));
    files.dir.write("ca-crl.pem", revocation_list(files.ca, {files.client.certificate.get()}));
    house.until(content);
    auto const second = issue(server_spec(), &files.ca, "RSA2048");
    files.dir.write("server-key-0.pem", second.key_pem());
    house.until(complains("without corresponding cert"));
    files.dir.write("server-cert-0.pem", second.certificate_pem());
    house.until([&] { return creds->context()->identities().size() == 2; });
}

TEST_CASE("a pair whose files are replaced one after the other is not loaded in between")
{
    Files files;
    House house;
    REQUIRE(house.add(files.dir.path(), true) == "");
    for (int round = 2; round < 8; ++round) {
        auto const fresh = issue(server_spec(), &files.ca);
        files.replace("server-key.pem", fresh.key_pem());
        files.replace("server-cert.pem", fresh.certificate_pem());
        house.until([&] { return house.creds()->generation() >= round; });
    }
    for (auto const& event : house.heard)
        CHECK(!event.data.as_object().contains("error"));
}

TEST_CASE("nothing is followed unasked, and nothing after the credentials are gone")
{
    Files files;
    House house;
    REQUIRE(house.add(files.dir.path(), false) == "");
    REQUIRE(house.add(files.dir.path(), true, "followed") == "");
    CHECK(house.creds()->watch() == nullptr);
    files.replace("server-key.pem", files.server.key_pem());
    house.until([&] { return house.creds("followed")->generation() > 1; });
    CHECK(house.creds()->generation() == 1);
    REQUIRE(qom::delete_user_object(house.tree, "followed"));
    house.heard.clear();
    files.replace("server-key.pem", files.server.key_pem());
    house.keeper.shut_down();
    house.io.run();
    CHECK(house.heard.empty());
}
