// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/fd.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace minivisor::util {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }
bool is_cloexec(int fd) { return (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }

std::array<UniqueFd, 2> socket_pair()
{
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// A directory of the test's own, removed with it.
struct TempDir {
    TempDir()
    {
        char name[] = "/tmp/minivisor-fd-XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        path = name;
    }
    ~TempDir() { std::filesystem::remove_all(path); }
    std::string path;
};

constexpr std::array<std::uint8_t, 3> abc{'a', 'b', 'c'};

TEST_CASE("a descriptor is closed once, by its last owner")
{
    auto pipe = make_pipe();
    REQUIRE(pipe);
    int const fd = pipe->read_end.get();
    CHECK(is_cloexec(fd));
    UniqueFd moved = std::move(pipe->read_end);
    CHECK_FALSE(pipe->read_end);
    CHECK(moved.get() == fd);
    auto copy = moved.duplicate();
    REQUIRE(copy);
    CHECK(copy->get() != fd);
    CHECK(is_cloexec(copy->get()));
    moved.reset();
    CHECK_FALSE(is_open(fd));
    CHECK(is_open(copy->get()));
}

TEST_CASE("duplicating no descriptor is an error")
{
    CHECK(UniqueFd().duplicate().error().desc() == "Failed to duplicate file descriptor: Bad file descriptor");
}

TEST_CASE("descriptors travel beside the bytes and arrive close-on-exec")
{
    auto const ends = socket_pair();
    auto pipe = make_pipe();
    REQUIRE(pipe);
    std::array<int, 2> const fds{pipe->read_end.get(), pipe->write_end.get()};
    CHECK(*send_with_fds(ends[0].get(), abc, fds) == 3U);

    std::array<std::uint8_t, 16> buffer{};
    auto received = recv_with_fds(ends[1].get(), buffer);
    REQUIRE((received && *received));
    CHECK((*received)->size == 3);
    CHECK(buffer[2] == 'c');
    CHECK_FALSE((*received)->fds_dropped);
    REQUIRE((*received)->fds.size() == 2);
    CHECK(is_cloexec((*received)->fds[0].get()));

    REQUIRE(write_all((*received)->fds[1].get(), "x"));
    char c = 0;
    CHECK(::read(pipe->read_end.get(), &c, 1) == 1);
    CHECK(c == 'x');
}

TEST_CASE("no more than sixteen descriptors pass at once")
{
    auto const ends = socket_pair();
    std::array<int, max_passed_fds + 1> fds{};
    fds.fill(ends[0].get());
    auto const refused = send_with_fds(ends[0].get(), abc, fds);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().desc() == "Cannot pass more than 16 file descriptors at once");
    CHECK_FALSE(send_with_fds(ends[0].get(), {}, std::span(fds).first(1)));

    // A sender that does not care: the kernel drops what has no room.
    iovec part{const_cast<std::uint8_t*>(abc.data()), abc.size()};
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof fds)> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    auto* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fds);
    std::memcpy(CMSG_DATA(header), fds.data(), sizeof fds);
    REQUIRE(::sendmsg(ends[0].get(), &message, 0) == 3);

    std::array<std::uint8_t, 16> buffer{};
    auto const received = recv_with_fds(ends[1].get(), buffer);
    REQUIRE((received && *received));
    CHECK((*received)->fds.size() == max_passed_fds);
    CHECK((*received)->fds_dropped);
}

TEST_CASE("an empty non-blocking socket is not an error, a closed one ends")
{
    auto ends = socket_pair();
    REQUIRE(set_nonblocking(ends[1].get()));
    std::array<std::uint8_t, 16> buffer{};
    auto const nothing = recv_with_fds(ends[1].get(), buffer);
    REQUIRE(nothing);
    CHECK_FALSE(*nothing);
    ends[0].reset();
    auto const end = recv_with_fds(ends[1].get(), buffer);
    REQUIRE((end && *end));
    CHECK((*end)->size == 0);
    CHECK(send_with_fds(ends[1].get(), abc, {}).error().desc() == "Unable to write to socket: Broken pipe");
}

TEST_CASE("a full non-blocking socket takes nothing")
{
    auto const ends = socket_pair();
    REQUIRE(set_nonblocking(ends[0].get()));
    std::vector<std::uint8_t> const much(1 << 20);
    auto sent = send_with_fds(ends[0].get(), much, {});
    while (sent && *sent)
        sent = send_with_fds(ends[0].get(), much, {});
    CHECK(sent);
}

TEST_CASE("write_all waits for a slow reader")
{
    auto pipe = make_pipe(O_NONBLOCK);
    REQUIRE(pipe);
    REQUIRE(set_nonblocking(pipe->read_end.get(), false));
    std::string const text(300000, 'x');
    std::size_t total = 0;
    std::thread reader([&] {
        char buffer[4096];
        for (ssize_t size = 0; (size = ::read(pipe->read_end.get(), buffer, sizeof buffer)) > 0;)
            total += static_cast<std::size_t>(size);
    });
    CHECK(write_all(pipe->write_end.get(), text));
    pipe->write_end.reset();
    reader.join();
    CHECK(total == text.size());
}

TEST_CASE("a file is read whole, up to the limit and no further")
{
    TempDir const dir;
    auto const path = dir.path + "/file";
    std::string const text(40000, 'y');
    std::ofstream(path) << text;
    CHECK(*read_file(path, 40000) == text);
    CHECK(read_file(path, 39999).error().desc() == "File '" + path + "' is longer than 39999 bytes");
    std::ofstream(path).flush();
    CHECK(read_file(path, 0)->empty());
}

TEST_CASE("a file that cannot be read is named in the error")
{
    TempDir const dir;
    CHECK(read_file(dir.path + "/none", 10).error().desc()
        == "Failed to open file '" + dir.path + "/none': No such file or directory");
    CHECK(read_file(dir.path, 10).error().desc() == "Failed to read from file '" + dir.path + "': Is a directory");
    CHECK_FALSE(read_file(std::string("/etc/passwd\0x", 13), 10));
    CHECK_FALSE(read_file("/dev/zero", 100000));
}

TEST_CASE("a FIFO without a writer does not hang the reader")
{
    TempDir const dir;
    auto const path = dir.path + "/fifo";
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    CHECK(read_file(path, 10)->empty());
}

} // namespace
} // namespace minivisor::util
