// SPDX-License-Identifier: GPL-3.0-or-later
// Server and Client with real sockets and a session that only repeats.
#include "io/socket_chardev.hpp"
#include "monitor/server.hpp"
#include "tests/support/fake_house.hpp"
#include "tests/unit/crypto/pki.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace minivisor::monitor {
namespace {

using namespace std::chrono_literals;

struct Bell : qapi::Event<"BELL"> {
    static constexpr std::string_view summary = "A bell.";
};

/// What the sessions of a test have come to.
struct Diary {
    int alive = 0;
    std::string fed;
    bool thirsty = true;
    Wire* wire = nullptr; ///< of the last session
    int cut_off = 0; ///< commands that ended because their client left
};

/// Greets with "hi ", repeats what it is fed; 'q' hangs up, 'L' starts a command that does not end.
class Parrot final : public Session {
public:
    Parrot(Diary& diary, Wire& wire)
        : m_diary(diary)
        , m_wire(wire)
    {
        ++m_diary.alive;
        m_diary.wire = &wire;
    }
    ~Parrot() override { --m_diary.alive; }
    void start() override { m_wire.send("hi "); }
    void feed(std::string_view bytes) override
    {
        m_diary.fed += bytes;
        m_wire.send(bytes);
        if (bytes.find('q') != bytes.npos)
            m_wire.close();
        if (bytes.find('L') != bytes.npos)
            m_wire.spawn([this] { return wait_long(); });
    }
    bool wants_input() const override { return m_diary.thirsty; }
    void deliver(qapi::EventRecord const& event) override { m_wire.send("<" + event.name + ">"); }

private:
    boost::asio::awaitable<void> wait_long()
    {
        struct Note {
            Diary& diary;
            ~Note() { ++diary.cut_off; }
        } const note{m_diary};
        boost::asio::steady_timer never(
            co_await boost::asio::this_coro::executor, boost::asio::steady_timer::time_point::max());
        co_await never.async_wait(boost::asio::use_awaitable);
    }

    Diary& m_diary;
    Wire& m_wire;
};

struct Place {
    Place()
    {
        house.bound.declare_event<Bell>();
        server.emplace(io, house);
    }
    ~Place() { shut_down(); }

    SessionFactory parrots()
    {
        return [this](House&, Wire& wire) { return std::make_unique<Parrot>(diary, wire); };
    }
    /// A client on a socketpair: the test's end.
    util::UniqueFd join()
    {
        int pair[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
        server->serve(io::make_stream(io, util::UniqueFd(pair[1])).value(), parrots());
        settle();
        return util::UniqueFd(pair[0]);
    }
    void listen(io::Address const& address)
    {
        io::SocketServer::Hooks hooks;
        hooks.admission = []() -> Result<io::Admission> { return io::Admission(); };
        hooks.on_refusal = [](io::Refusal const&) {};
        device.emplace(io, "c0", io::ListeningSocket::create(address).value(), false, std::move(hooks));
        REQUIRE(server->serve(*device, parrots()));
    }
    void settle()
    {
        io.restart();
        io.poll();
    }
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
    void say(util::UniqueFd const& fd, std::string_view text)
    {
        CHECK(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
        settle();
    }
    /// What is there to read now; "EOF" at the end where the house has hung up.
    static std::string hear(util::UniqueFd const& fd)
    {
        std::string text;
        char buffer[4096];
        for (;;) {
            auto const got = recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
            if (got < 0)
                return text;
            if (got == 0)
                return text + "EOF";
            text.append(buffer, static_cast<std::size_t>(got));
        }
    }
    void shut_down()
    {
        if (!server)
            return;
        bool over = false;
        if (device) {
            device->close();
            boost::asio::co_spawn(io, device->join(), boost::asio::detached);
        }
        boost::asio::co_spawn(io, server->shut_down(), [&over](std::exception_ptr) { over = true; });
        io.restart();
        io.run_for(20s);
        REQUIRE(over);
        server.reset();
    }

    boost::asio::io_context io;
    test::FakeHouse house;
    Diary diary;
    std::optional<Server> server;
    std::optional<io::SocketServer> device;
};

} // namespace

TEST_CASE("server: a client is greeted, heard and answered")
{
    Place place;
    auto const client = place.join();
    CHECK(place.hear(client) == "hi ");
    place.say(client, "abc");
    CHECK(place.hear(client) == "abc");
    CHECK(place.diary.fed == "abc");
}

TEST_CASE("server: a client that leaves takes its session and its commands with it")
{
    Place place;
    {
        auto const client = place.join();
        place.say(client, "L");
        CHECK(place.diary.alive == 1);
    }
    CHECK(place.run_until([&] { return place.diary.alive == 0; }));
    CHECK(place.diary.cut_off == 1);
    auto const next = place.join();
    CHECK(place.hear(next) == "hi ");
}

TEST_CASE("server: a session hangs up when everything it has said is written")
{
    Place place;
    auto const client = place.join();
    place.say(client, "bye q");
    CHECK(place.run_until([&] { return place.diary.alive == 0; }));
    CHECK(place.hear(client) == "hi bye qEOF");
}

TEST_CASE("server: a session that hangs up while nothing comes in ends too")
{
    Place place;
    auto const client = place.join();
    place.diary.wire->send("late");
    place.diary.wire->close();
    CHECK(place.run_until([&] { return place.diary.alive == 0; }));
    CHECK(place.hear(client) == "hi lateEOF");
}

TEST_CASE("server: events go to all who are there")
{
    Place place;
    auto const one = place.join();
    auto const two = place.join();
    place.house.bus.emit<Bell>();
    place.settle();
    CHECK(place.hear(one) == "hi <BELL>");
    CHECK(place.hear(two) == "hi <BELL>");
}

TEST_CASE("client: a session that has enough is not fed until it takes input again")
{
    Place place;
    auto const client = place.join();
    place.diary.thirsty = false;
    place.say(client, "a"); // the wait for input was on its way already
    auto const fed = place.diary.fed;
    place.say(client, "b");
    place.settle();
    CHECK(place.diary.fed == fed);
    place.diary.thirsty = true;
    place.diary.wire->resume_input();
    place.settle();
    CHECK(place.diary.fed == "ab");
}

TEST_CASE("client: while much is unread nothing more is read, and all of it arrives in the end")
{
    Place place;
    auto const client = place.join();
    std::string const much(4 << 20, 'x');
    place.diary.wire->send(much);
    place.settle();
    place.say(client, "y");
    place.say(client, "z");
    CHECK(place.diary.fed.size() <= 1);
    std::string heard;
    CHECK(place.run_until([&] {
        heard += place.hear(client);
        return heard.size() >= 3 + much.size() + 2;
    }));
    CHECK(heard == "hi " + much + "yz");
}

TEST_CASE("client: one that never reads is hung up on before it fills the memory")
{
    Place place;
    auto const client = place.join();
    std::string const piece(8 << 20, 'x');
    for (int i = 0; i < 10 && place.diary.alive > 0; ++i) {
        place.diary.wire->send(piece);
        place.settle();
    }
    CHECK(place.run_until([&] { return place.diary.alive == 0; }));
}

TEST_CASE("client: the peer's reset while something is written ends it")
{
    Place place;
    {
        auto const client = place.join();
        place.diary.wire->send(std::string(4 << 20, 'x'));
        place.settle();
    }
    CHECK(place.run_until([&] { return place.diary.alive == 0; }));
}

TEST_CASE("client: descriptors that come with bytes wait for their name")
{
    Place place;
    auto const client = place.join();
    auto pipe = util::make_pipe().value();
    std::uint8_t const byte = 'f';
    int const passed = pipe.read_end.get();
    REQUIRE(util::send_with_fds(client.get(), {&byte, 1}, {&passed, 1}).value() == 1);
    place.settle();
    auto& table = place.diary.wire->descriptors();
    REQUIRE(table.name_received("mine"));
    auto const taken = table.take("mine").value();
    struct stat sent { };
    struct stat got { };
    REQUIRE(fstat(passed, &sent) == 0);
    REQUIRE(fstat(taken.get(), &got) == 0);
    CHECK(sent.st_ino == got.st_ino);
    CHECK_FALSE(table.name_received("another"));
}

TEST_CASE("server: a console's end of input does not end it")
{
    Place place;
    auto input = util::make_pipe().value();
    auto output = util::make_pipe(O_NONBLOCK).value();
    place.server->serve(
        io::make_stream(place.io, std::move(input.read_end), std::move(output.write_end), false).value(),
        place.parrots());
    REQUIRE(util::write_all(input.write_end.get(), "a"));
    place.settle();
    input.write_end.reset();
    place.settle();
    CHECK(place.diary.alive == 1);
    place.house.bus.emit<Bell>();
    place.settle();
    char buffer[20];
    CHECK(read(output.read_end.get(), buffer, sizeof buffer) == 10); // "hi a<BELL>"
    place.shut_down();
    CHECK(place.diary.alive == 0);
}

TEST_CASE("server: several clients come in by one socket, which goes with the server")
{
    Place place;
    crypto::test::TempDir const dir;
    io::Address const address = io::UnixAddress{dir.file("s")};
    place.listen(address);
    auto const one = io::connect_socket(address).value();
    auto const two = io::connect_socket(address).value();
    CHECK(place.run_until([&] { return place.diary.alive == 2; }));
    place.say(two, "2");
    CHECK(place.run_until([&] { return place.diary.fed == "2"; }));
    place.shut_down();
    CHECK(place.diary.alive == 0);
    CHECK(place.hear(one) == "hi EOF");
    CHECK_FALSE(std::filesystem::exists(dir.file("s")));
}

} // namespace minivisor::monitor
