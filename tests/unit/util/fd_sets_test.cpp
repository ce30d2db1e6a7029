// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface section 3.6.
#include "tests/unit/temp_dir.hpp"
#include "util/fd_sets.hpp"
#include "util/text.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace minivisor::util {
namespace {

UniqueFd any_fd(int flags = O_RDWR) { return UniqueFd(open("/dev/null", flags | O_CLOEXEC)); }

bool same_file(int a, int b)
{
    struct stat first { };
    struct stat second { };
    return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_ino == second.st_ino
        && first.st_dev == second.st_dev;
}

TEST_CASE("fd sets: a set without a number gets the lowest that is free")
{
    FdSets sets;
    CHECK(sets.add(any_fd(), {}, {})->set == 0);
    CHECK(sets.add(any_fd(), 1, {})->set == 1);
    CHECK(sets.add(any_fd(), 7, "seven")->set == 7);
    CHECK(sets.add(any_fd(), {}, {})->set == 2);
    CHECK(sets.add(any_fd(), 7, {})->set == 7);
    CHECK(sets.sets().at(7).size() == 2);
    CHECK(sets.sets().at(7).front().opaque == "seven");
    CHECK(sets.add(any_fd(), -1, {}).error().desc() == "Parameter 'fdset-id' expects a non-negative value");
}

TEST_CASE("fd sets: a descriptor that is removed is closed, and its set goes with the last one")
{
    FdSets sets;
    auto const first = sets.add(any_fd(), 3, {})->fd;
    auto const second = sets.add(any_fd(), 3, {})->fd;
    CHECK(sets.remove(3, first));
    CHECK(fcntl(first, F_GETFD) == -1);
    CHECK(sets.remove(3, first).error().desc() == cat("File descriptor named 'fdset-id:3, fd:", first, "' not found"));
    CHECK(sets.remove(3, {}));
    CHECK(fcntl(second, F_GETFD) == -1);
    CHECK(sets.sets().empty());
    CHECK(sets.remove(3, {}).error().desc() == "File descriptor named 'fdset-id:3' not found");
}

TEST_CASE("fd sets: opening a set gives the member with the wanted access")
{
    test::TempDir const dir;
    auto const path = dir.file("file");
    dir.write("file", "text");
    FdSets sets;
    CHECK(sets.add(UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC)), 0, {}));
    auto const reading = sets.open("/dev/fdset/0", O_RDONLY);
    REQUIRE(reading);
    CHECK(same_file(reading->get(), sets.sets().at(0).front().fd.get()));
    CHECK(sets.open("/dev/fdset/0", O_WRONLY).error().desc() == "Could not open '/dev/fdset/0': Permission denied");
    CHECK(sets.add(UniqueFd(open(path.c_str(), O_WRONLY | O_CLOEXEC)), 0, {}));
    auto const writing = sets.open("/dev/fdset/0", O_WRONLY | O_TRUNC);
    REQUIRE(writing);
    CHECK(write_all(writing->get(), "x"));
    CHECK(*read_file(path, 100) == "x");
}

TEST_CASE("fd sets: a path that names no set is refused")
{
    FdSets const sets;
    CHECK(sets.open("/dev/fdset/1", O_RDONLY).error().desc()
        == "Could not open '/dev/fdset/1': No such file or directory");
    for (auto const* path : {"/dev/fdset/", "/dev/fdset/x", "/dev/fdset/1x", "/dev/fdset/-1", "/dev/fdset/ 1"})
        CHECK(sets.open(path, O_RDONLY).error().desc() == cat("Could not open '", path, "': Invalid argument"));
    CHECK(FdSets::is_path("/dev/fdset/9"));
    CHECK(!FdSets::is_path("/dev/fd/9"));
}

TEST_CASE("fd sets: their number is bounded")
{
    FdSets sets;
    for (std::size_t i = 0; i < FdSets::max_descriptors; ++i)
        REQUIRE(sets.add(any_fd(), 1, {}));
    CHECK(sets.add(any_fd(), 1, {}).error().desc() == "More than 256 file descriptors are in sets already");
}

} // namespace
} // namespace minivisor::util
