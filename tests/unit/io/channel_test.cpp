// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/channel.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <cstdlib>
#include <thread>

#include <sys/socket.h>
#include <unistd.h>

using namespace minivisor;
using io::FdChannel;

namespace {

using Pair = std::pair<std::unique_ptr<FdChannel>, std::unique_ptr<FdChannel>>;

Pair socket_pair()
{
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    return {FdChannel::create(util::UniqueFd(fds[0]), FdChannel::Kind::socket).value(),
        FdChannel::create(util::UniqueFd(fds[1]), FdChannel::Kind::socket).value()};
}

Result<void> write_text(io::Channel& channel, std::string text)
{
    iovec const piece{text.data(), text.size()};
    return channel.write({&piece, 1});
}

std::string read_all(io::Channel& channel)
{
    std::string all;
    std::array<std::byte, 70'000> buffer;
    while (true) {
        auto const n = channel.read(buffer).value();
        if (n == 0)
            return all;
        all.append(reinterpret_cast<char const*>(buffer.data()), n);
    }
}

} // namespace

TEST_CASE("a large write of many pieces arrives whole and in order, however slowly it is read")
{
    auto [a, b] = socket_pair();
    std::string text(3'000'000, ' ');
    for (std::size_t i = 0; i < text.size(); ++i)
        text[i] = static_cast<char>(i * 7 + i / 4096);
    Result<void> written;
    std::thread writer([&channel = *a, &text, &written] {
        std::vector<iovec> pieces;
        for (std::size_t at = 0; at < text.size(); at += 1000)
            pieces.push_back({text.data() + at, std::min<std::size_t>(1000, text.size() - at)});
        written = channel.write(pieces);
        channel.close_write();
    });
    auto const arrived = read_all(*b) == text;
    writer.join();
    CHECK(arrived);
    CHECK(written);
    CHECK(a->bytes_written() == text.size());
}

TEST_CASE("both directions of a socket work at once, and closing one leaves the other open")
{
    auto [a, b] = socket_pair();
    CHECK(a->two_way());
    REQUIRE(write_text(*a, "to b"));
    a->close_write();
    CHECK(read_all(*b) == "to b");
    REQUIRE(write_text(*b, "to a"));
    b.reset();
    CHECK(read_all(*a) == "to a");
    CHECK(write_text(*a, "more").error().desc() == "Unable to write to socket: Broken pipe");
}

TEST_CASE("reading into pieces fills them in order")
{
    auto [a, b] = socket_pair();
    REQUIRE(write_text(*a, "abcdefgh"));
    std::string first(3, ' ');
    std::string second(10, ' ');
    std::array<iovec, 2> const pieces{{{first.data(), 3}, {second.data(), 10}}};
    CHECK(b->read_pieces(pieces).value() == 8);
    CHECK(first == "abc");
    CHECK(second.substr(0, 5) == "defgh");
}

TEST_CASE("a peer that is gone is an error in QEMU's words, and no signal")
{
    std::signal(SIGPIPE, SIG_DFL);
    SECTION("socket")
    {
        auto [a, b] = socket_pair();
        b.reset();
        CHECK(write_text(*a, "x").error().desc() == "Unable to write to socket: Broken pipe");
    }
    SECTION("socket with unread bytes")
    {
        auto [a, b] = socket_pair();
        REQUIRE(write_text(*a, "x"));
        CHECK(a->bytes_in_flight() > 0);
        b.reset();
        std::array<std::byte, 1> buffer;
        CHECK(a->read(buffer).error().desc() == "Unable to read from socket: Connection reset by peer");
    }
    SECTION("pipe of a command")
    {
        auto pipe = util::make_pipe().value();
        auto channel = FdChannel::create({}, std::move(pipe.write_end), FdChannel::Kind::command).value();
        CHECK_FALSE(channel->two_way());
        pipe.read_end.reset();
        CHECK(write_text(*channel, "x").error().desc() == "Unable to write to command: Broken pipe");
    }
    sigset_t pending;
    ::sigpending(&pending);
    CHECK(::sigismember(&pending, SIGPIPE) == 0);
}

TEST_CASE("closing the write end of a pipe ends it for the reader")
{
    auto pipe = util::make_pipe().value();
    auto writer = FdChannel::create({}, std::move(pipe.write_end), FdChannel::Kind::command).value();
    auto reader = FdChannel::create(std::move(pipe.read_end), FdChannel::Kind::file).value();
    REQUIRE(write_text(*writer, "text"));
    writer->close_write();
    CHECK(read_all(*reader) == "text");
    CHECK_FALSE(write_text(*writer, "more"));
}

TEST_CASE("a file is written and read, and is no two-way channel")
{
    std::string name = "/tmp/minivisor-channel-XXXXXX";
    util::UniqueFd fd(::mkstemp(name.data()));
    REQUIRE(fd);
    ::unlink(name.c_str());
    CHECK(FdChannel::kind_of(fd.get()) == FdChannel::Kind::file);
    auto copy = fd.duplicate().value();
    auto channel = FdChannel::create(std::move(fd), FdChannel::Kind::file).value();
    CHECK_FALSE(channel->two_way());
    REQUIRE(write_text(*channel, "in a file"));
    REQUIRE(::lseek(copy.get(), 0, SEEK_SET) == 0);
    CHECK(read_all(*channel) == "in a file");
}

TEST_CASE("cancelling ends a blocked reader and a blocked writer, and all that comes after")
{
    auto [a, b] = socket_pair();
    Result<std::size_t> got = std::size_t{0};
    Result<void> written;
    std::thread reader([&got, &channel = *a] {
        std::array<std::byte, 10> buffer;
        got = channel.read(buffer);
    });
    std::thread writer([&written, &channel = *a] { written = write_text(channel, std::string(10'000'000, 'x')); });
    // The writer is on its way, and blocks once the buffer is full: nobody reads.
    std::array<std::byte, 1> one;
    REQUIRE(b->read(one).value() == 1);
    a->cancel();
    reader.join();
    writer.join();
    REQUIRE_FALSE(got);
    REQUIRE_FALSE(written);
    CHECK(got.error().desc() == "Unable to read from socket: Operation canceled");
    CHECK(written.error().desc() == "Unable to write to socket: Operation canceled");
    CHECK(a->cancelled());
    CHECK_FALSE(write_text(*a, "x"));
}
