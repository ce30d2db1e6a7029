// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: the design's security posture. Strangers come over loopback; TLS is real.
#include "io/channel.hpp"
#include "io/door.hpp"
#include "tests/unit/crypto/pki.hpp"

#include <boost/asio/detached.hpp>
#include <catch2/catch.hpp>

#include <sys/resource.h>
#include <sys/socket.h>

#include <thread>

namespace minivisor::io {
namespace {

using namespace std::chrono_literals;
using Stage = Refusal::Stage;

std::size_t open_descriptors()
{
    auto const list = std::filesystem::directory_iterator("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(list), end(list)));
}

std::shared_ptr<crypto::TlsContext const> load(crypto::test::Directory const& pki, crypto::Endpoint endpoint)
{
    crypto::X509Options options;
    options.endpoint = endpoint;
    options.dir = pki.dir.path();
    return crypto::TlsContext::load_x509(options).value();
}

/// A door on loopback and what came of whom. Plain unless `admission` says otherwise.
struct DoorHouse {
    explicit DoorHouse(DoorOptions options = {}) { open(std::move(options)); }
    ~DoorHouse() { close(); }

    void open(DoorOptions options)
    {
        if (!options.admission)
            options.admission = []() -> Result<Admission> { return Admission{}; };
        auto socket = ListeningSocket::create(parse_inet("127.0.0.1:0").value()).value();
        door.emplace(
            io, std::move(socket), std::move(options),
            [this](Visitor visitor) { visitors.push_back(std::move(visitor)); },
            [this](Refusal const& refusal) { refusals.push_back(refusal); });
    }
    /// Runs until `done`, at most some seconds.
    template <typename Condition>
    bool run_until(Condition done)
    {
        auto const limit = std::chrono::steady_clock::now() + 20s;
        while (!done() && std::chrono::steady_clock::now() < limit) {
            io.restart();
            io.run_one_for(100ms);
        }
        return done();
    }
    void close()
    {
        if (!door)
            return;
        door->close();
        boost::asio::co_spawn(io, door->join(), boost::asio::detached);
        io.restart();
        io.run();
        door.reset();
    }
    util::UniqueFd knock() { return connect_socket(door->address()).value(); }
    util::UniqueFd say(std::string_view text)
    {
        auto fd = knock();
        CHECK(send(fd.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
        return fd;
    }

    boost::asio::io_context io;
    std::optional<Door> door;
    std::vector<Visitor> visitors;
    std::vector<Refusal> refusals;
};

DoorOptions looks_at_first()
{
    DoorOptions options;
    options.first_size = 4;
    options.check_first = [](std::span<std::byte const> first) -> Result<void> {
        if (std::string_view(reinterpret_cast<char const*>(first.data()), first.size()) != "QEVM")
            return Error::generic("not that magic");
        return {};
    };
    return options;
}

/// A client of the door that shakes hands on a thread of its own and then sends.
struct TlsCaller {
    TlsCaller(util::UniqueFd socket, std::shared_ptr<crypto::TlsContext const> context)
        : fd(std::move(socket))
        , session(crypto::TlsSession::create(std::move(context), fd.get(), "localhost", {}).value())
        , thread([this] {
            auto const shaken = session->complete_handshake(20s);
            if (shaken)
                session->write(std::as_bytes(std::span(std::string_view("QEVM"))))
                    .ignore("the door's refusal is what is tested");
        })
    {
    }
    ~TlsCaller() { thread.join(); }
    util::UniqueFd fd;
    std::unique_ptr<crypto::TlsSession> session;
    std::thread thread;
};

DoorOptions with_tls(std::shared_ptr<crypto::TlsContext const> context, Authorize authorize)
{
    auto options = looks_at_first();
    options.admission = [context, authorize]() -> Result<Admission> { return Admission{context, authorize}; };
    return options;
}

void only_friend(Applicant const& applicant, std::function<void(crypto::Decision)> const& answer)
{
    answer({applicant.question.identity == "CN=friend", ""});
}

} // namespace

TEST_CASE("door: who says the right first bytes passes, and they are handed on")
{
    DoorHouse house(looks_at_first());
    auto const caller = house.say("QEVMrest");
    REQUIRE(house.run_until([&] { return house.visitors.size() == 1; }));
    auto& visitor = house.visitors[0];
    CHECK(visitor.first.size() == 4);
    CHECK(visitor.identity == "");
    CHECK(visitor.peer.starts_with("127.0.0.1:"));
    std::byte rest[10];
    CHECK(make_channel(std::move(visitor.connection)).value()->read(rest).value() == 4);
    CHECK(house.refusals.empty());
}

TEST_CASE("door: first bytes may come in pieces")
{
    DoorHouse house(looks_at_first());
    auto const caller = house.say("QE");
    house.io.run_for(10ms);
    CHECK(house.visitors.empty());
    send(caller.get(), "VM", 2, 0);
    CHECK(house.run_until([&] { return house.visitors.size() == 1; }));
}

TEST_CASE("door: strangers are refused with the reason and end nothing")
{
    DoorHouse house(looks_at_first());
    auto const wrong = house.say("GET ");
    REQUIRE(house.run_until([&] { return house.refusals.size() == 1; }));
    CHECK(house.refusals[0].reason.desc() == "not that magic");
    CHECK(house.refusals[0].stage == Stage::first_bytes);
    {
        auto const silent = house.knock();
    }
    REQUIRE(house.run_until([&] { return house.refusals.size() == 2; }));
    CHECK(house.refusals[1].reason.desc() == "The peer closed the connection without sending anything");
    {
        auto const cut = house.say("QE");
    }
    REQUIRE(house.run_until([&] { return house.refusals.size() == 3; }));
    CHECK(house.refusals[2].reason.desc() == "The peer closed the connection before it said what it wants");
    auto const right = house.say("QEVM");
    CHECK(house.run_until([&] { return house.visitors.size() == 1; }));
}

TEST_CASE("door: who says nothing in time is hung up on")
{
    auto options = looks_at_first();
    options.deadline = 30ms;
    DoorHouse house(std::move(options));
    auto const silent = house.knock();
    REQUIRE(house.run_until([&] { return house.refusals.size() == 1; }));
    CHECK(house.refusals[0].reason.desc() == "The peer sent nothing that could be looked at: Connection timed out");
    char byte = 0;
    CHECK(house.run_until([&] { return recv(silent.get(), &byte, 1, MSG_DONTWAIT) == 0; }));
}

TEST_CASE("door: when it is full the one who has waited longest goes, and the right one comes in")
{
    auto options = looks_at_first();
    options.max_waiting = 3;
    DoorHouse house(std::move(options));
    std::vector<util::UniqueFd> silent;
    for (int i = 0; i < 8; ++i)
        silent.push_back(house.knock());
    REQUIRE(house.run_until([&] { return house.refusals.size() == 5; }));
    CHECK(house.refusals[0].reason.desc()
        == "The peer sent nothing that could be looked at: too many connections at a time");
    char byte = 0;
    CHECK(recv(silent[0].get(), &byte, 1, MSG_DONTWAIT) == 0);
    CHECK(recv(silent[7].get(), &byte, 1, MSG_DONTWAIT) == -1);
    auto const right = house.say("QEVM");
    CHECK(house.run_until([&] { return house.visitors.size() == 1; }));
}

TEST_CASE("door: an admission that fails refuses the connection")
{
    auto options = looks_at_first();
    options.admission = []() -> Result<Admission> { return Error::generic("credentials are gone"); };
    DoorHouse house(std::move(options));
    auto const caller = house.say("QEVM");
    REQUIRE(house.run_until([&] { return house.refusals.size() == 1; }));
    CHECK(house.refusals[0].reason.desc() == "credentials are gone");
    CHECK(house.refusals[0].stage == Stage::transport);
    CHECK(house.visitors.empty());
}

TEST_CASE("door: with TLS the right one comes in while silent and refused ones are there")
{
    crypto::test::Directory friendly;
    friendly.set_client(crypto::test::client_spec("friend"));
    auto const server = load(friendly, crypto::Endpoint::server);
    auto const good = load(friendly, crypto::Endpoint::client);
    friendly.set_client(crypto::test::client_spec("stranger"));
    auto const unwanted = load(friendly, crypto::Endpoint::client);
    DoorHouse house(with_tls(server, only_friend));

    std::vector<util::UniqueFd> silent;
    for (int i = 0; i < 20; ++i)
        silent.push_back(house.knock());
    auto const plain = house.say("QEVM plain text");
    TlsCaller refused(house.knock(), unwanted);
    TlsCaller right(house.knock(), good);
    REQUIRE(house.run_until([&] { return house.visitors.size() == 1 && house.refusals.size() == 2; }));
    CHECK(house.visitors[0].identity == "CN=friend");
    CHECK(make_channel(std::move(house.visitors[0].connection)).value()->two_way());
    bool denied = false, no_tls = false;
    for (auto const& refusal : house.refusals) {
        denied = denied || (refusal.stage == Stage::authorize && refusal.identity == "CN=stranger");
        no_tls = no_tls || (refusal.stage == Stage::handshake && refusal.identity.empty());
    }
    CHECK(denied);
    CHECK(no_tls);
}

TEST_CASE("door: a certificate of another authority is refused before anybody is asked")
{
    crypto::test::Directory ours;
    crypto::test::Directory theirs;
    int asked = 0;
    DoorHouse house(with_tls(load(ours, crypto::Endpoint::server), [&asked](Applicant const&, auto const& answer) {
        ++asked;
        answer({true, ""});
    }));
    theirs.dir.write("ca-cert.pem", ours.ca.certificate_pem());
    // Its own certificate is of the other authority, which a sanity check would see.
    crypto::X509Options options;
    options.endpoint = crypto::Endpoint::client;
    options.dir = theirs.dir.path();
    options.sanity_check = false;
    TlsCaller caller(house.knock(), crypto::TlsContext::load_x509(options).value());
    REQUIRE(house.run_until([&] { return house.refusals.size() == 1; }));
    CHECK(house.refusals[0].stage == Stage::verify);
    CHECK(asked == 0);
    CHECK(house.visitors.empty());
}

TEST_CASE("door: an authorization may take its time, others come in meanwhile")
{
    crypto::test::Directory friendly;
    friendly.set_client(crypto::test::client_spec("friend"));
    auto const server = load(friendly, crypto::Endpoint::server);
    auto const good = load(friendly, crypto::Endpoint::client);
    friendly.set_client(crypto::test::client_spec("slow"));
    auto const slow = load(friendly, crypto::Endpoint::client);
    std::vector<std::function<void(crypto::Decision)>> open;
    DoorHouse house(with_tls(server, [&](Applicant const& applicant, std::function<void(crypto::Decision)> answer) {
        CHECK(applicant.peer.starts_with("127.0.0.1:"));
        if (applicant.question.identity == "CN=friend")
            return answer({true, ""});
        open.push_back(std::move(answer));
    }));
    TlsCaller first(house.knock(), slow);
    TlsCaller second(house.knock(), slow);
    REQUIRE(house.run_until([&] { return open.size() == 2; }));
    TlsCaller right(house.knock(), good);
    REQUIRE(house.run_until([&] { return house.visitors.size() == 1; }));
    CHECK(house.visitors[0].identity == "CN=friend");
    open[0]({true, ""});
    open[1]({false, "not today"});
    REQUIRE(house.run_until([&] { return house.visitors.size() == 2 && house.refusals.size() == 1; }));
    CHECK(house.visitors[1].identity == "CN=slow");
    CHECK(house.refusals[0].stage == Stage::authorize);
    CHECK(house.refusals[0].reason.desc() == "not today");
}

TEST_CASE("door: an authorization that does not come is a no at the deadline, and may come when all is over")
{
    crypto::test::Directory const pki;
    std::function<void(crypto::Decision)> late;
    auto options = with_tls(load(pki, crypto::Endpoint::server),
        [&](Applicant const&, std::function<void(crypto::Decision)> answer) { late = std::move(answer); });
    options.deadline = 300ms;
    DoorHouse house(std::move(options));
    TlsCaller caller(house.knock(), load(pki, crypto::Endpoint::client));
    REQUIRE(house.run_until([&] { return house.refusals.size() == 1; }));
    if (late) { // else the machine was too slow for the handshake
        CHECK(house.refusals[0].stage == Stage::authorize);
        CHECK(house.refusals[0].reason.desc() == "TLS x509 authz check was given up: Connection timed out");
        late({true, ""});
    }
    CHECK(house.visitors.empty());
}

TEST_CASE("door: closing it gives up who waits for an authorization")
{
    crypto::test::Directory const pki;
    std::function<void(crypto::Decision)> late;
    DoorHouse house(with_tls(load(pki, crypto::Endpoint::server),
        [&](Applicant const&, std::function<void(crypto::Decision)> answer) { late = std::move(answer); }));
    TlsCaller caller(house.knock(), load(pki, crypto::Endpoint::client));
    REQUIRE(house.run_until([&] { return late != nullptr; }));
    house.close();
    late({true, ""});
    CHECK(house.visitors.empty());
    CHECK(house.refusals.empty());
}

TEST_CASE("door: a handshake that does not end is cut at the deadline")
{
    crypto::test::Directory const pki;
    auto options = with_tls(load(pki, crypto::Endpoint::server), only_friend);
    options.deadline = 30ms;
    DoorHouse house(std::move(options));
    auto const silent = house.knock();
    REQUIRE(house.run_until([&] { return house.refusals.size() == 1; }));
    CHECK(house.refusals[0].stage == Stage::handshake);
    CHECK(house.refusals[0].reason.desc() == "TLS handshake failed: Connection timed out");
}

TEST_CASE("door: closing it hangs up on all who wait, tells of none and leaves nothing open")
{
    auto const before = open_descriptors();
    {
        DoorHouse house(looks_at_first());
        std::vector<util::UniqueFd> silent;
        for (int i = 0; i < 5; ++i)
            silent.push_back(house.say("Q"));
        house.io.run_for(20ms);
        house.close();
        char byte = 0;
        for (auto const& fd : silent)
            CHECK(recv(fd.get(), &byte, 1, MSG_DONTWAIT) <= 0);
        CHECK(house.refusals.empty());
        CHECK(house.visitors.empty());
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("door: it may be closed by whoever comes in")
{
    DoorOptions options;
    DoorHouse house;
    house.close();
    options.admission = []() -> Result<Admission> { return Admission{}; };
    auto socket = ListeningSocket::create(parse_inet("127.0.0.1:0").value()).value();
    int came = 0;
    house.door.emplace(
        house.io, std::move(socket), std::move(options), [&](Visitor) { ++came, house.door->close(); },
        [](Refusal const&) {});
    auto const first = house.knock();
    auto const second = house.knock();
    house.run_until([&] { return came > 0; });
    house.close();
    CHECK(came == 1);
}

TEST_CASE("door: when no descriptor is free it goes on once one is")
{
    // UBSan's vptr check needs two descriptors for itself and cries wolf here.
    DoorHouse house(looks_at_first());
    auto caller = house.say("QEVM");
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    for (rlim_t free : {0, 1}) {
        // Exactly so many descriptors are left below the limit.
        util::UniqueFd probe(dup(caller.get()));
        rlimit const tight{static_cast<rlim_t>(probe.get()) + free, before.rlim_max};
        probe.reset();
        REQUIRE(setrlimit(RLIMIT_NOFILE, &tight) == 0);
        house.io.restart();
        house.io.run_for(20ms);
        REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
        REQUIRE(house.run_until([&] { return house.visitors.size() + house.refusals.size() == 1; }));
        house.visitors.clear();
        house.refusals.clear();
        caller = house.say("QEVM");
    }
}

} // namespace minivisor::io
