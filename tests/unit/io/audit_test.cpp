// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/audit.hpp"
#include "qapi/json.hpp"
#include "tests/unit/temp_dir.hpp"
#include "util/text.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <sys/resource.h>
#include <sys/stat.h>

namespace minivisor::io {
namespace {

using test::TempDir;

std::string const zeros(64, '0');

struct Trail {
    Trail()
        : trail(AuditTrail::open(path()).value())
    {
    }
    std::string path() const { return dir.file("audit"); }
    void add(std::string const& who) { REQUIRE(trail.append({{"identity", who}})); }
    std::vector<std::string> lines() const
    {
        auto const text = util::read_file(path(), 1 << 20).value();
        std::vector<std::string> list;
        for (auto const line : util::split(text, '\n'))
            list.emplace_back(line);
        REQUIRE(list.back().empty());
        list.pop_back();
        return list;
    }
    void put(std::vector<std::string> const& lines) const
    {
        std::string text;
        for (auto const& line : lines)
            text += line + "\n";
        dir.write("audit", text);
    }
    AuditCheck check() const { return check_audit(path()).value(); }

    TempDir dir;
    AuditTrail trail;
};

TEST_CASE("audit: lines carry time, number and their place in the chain")
{
    Trail trail;
    trail.add("CN=a");
    trail.add("CN=b\n\x01");
    auto const lines = trail.lines();
    REQUIRE(lines.size() == 2);
    auto const first = qapi::parse_json(lines[0]).value().as_object();
    auto const second = qapi::parse_json(lines[1]).value().as_object();
    CHECK(first.at("number").as_int64() == 1);
    CHECK(second.at("number").as_int64() == 2);
    CHECK(first.at("identity").as_string() == "CN=a");
    CHECK(second.at("identity").as_string() == "CN=b\n\x01");
    CHECK(qapi::view(first.at("previous").as_string()) == zeros);
    CHECK(second.at("previous") == first.at("hash"));
    auto const check = trail.check();
    CHECK(check.lines == 2);
    CHECK(check.fault == "");
    CHECK(check.begins_after == "");
    CHECK(check.last_hash == qapi::view(second.at("hash").as_string()));
    struct stat about { };
    REQUIRE(stat(trail.path().c_str(), &about) == 0);
    CHECK((about.st_mode & 0777) == 0600);
}

TEST_CASE("audit: an altered, removed, added, moved or broken line is found")
{
    Trail trail;
    for (auto const* who : {"CN=a", "CN=b", "CN=c", "CN=d"})
        trail.add(who);
    auto lines = trail.lines();
    auto const fault = [&](std::uint64_t good, std::string const& words) {
        trail.put(lines);
        auto const check = trail.check();
        CHECK(check.lines == good);
        CHECK(check.fault == words);
    };
    SECTION("altered")
    {
        auto const at = lines[1].find("CN=b");
        lines[1].replace(at, 4, "CN=x");
        fault(1, "it was altered: its hash is another one");
    }
    SECTION("removed")
    {
        lines.erase(lines.begin() + 1, lines.begin() + 3);
        fault(1, "lines in front of it are missing: 2");
    }
    SECTION("added")
    {
        lines.insert(lines.begin() + 1, lines[0]);
        fault(1, "it does not go on from the one in front of it");
    }
    SECTION("moved")
    {
        std::swap(lines[2], lines[3]);
        fault(2, "lines in front of it are missing: 1");
    }
    SECTION("no line of ours")
    {
        lines[2] = "hello";
        fault(2, "it is no line of an audit trail");
    }
    SECTION("of the beginning taken away: that it goes on from something is said")
    {
        auto const before = qapi::parse_json(lines[0]).value().at("hash");
        lines.erase(lines.begin());
        fault(3, "");
        CHECK(trail.check().begins_after == qapi::view(before.as_string()));
    }
    SECTION("half a line")
    {
        trail.dir.write("audit", lines[0] + "\n" + lines[1].substr(0, 40));
        CHECK(trail.check().fault == "it is not whole");
    }
    SECTION("a line without an end")
    {
        trail.dir.write("audit", std::string(3 << 20, 'x'));
        CHECK(trail.check().fault == "it is no line of an audit trail");
    }
}

TEST_CASE("audit: the chain goes on when the file is opened again")
{
    Trail trail;
    trail.add("CN=a");
    {
        AuditTrail const closed = std::move(trail.trail);
    }
    trail.trail = AuditTrail::open(trail.path()).value();
    trail.add("CN=b");
    CHECK(trail.check().lines == 2);
    CHECK(trail.check().fault == "");
}

TEST_CASE("audit: the chain goes on in the next file after a rotation, and where there was none")
{
    Trail trail;
    trail.add("CN=a");
    auto const last = trail.check().last_hash;
    std::filesystem::rename(trail.path(), trail.dir.file("audit.1"));
    trail.add("CN=b"); // still into the old one
    CHECK(check_audit(trail.dir.file("audit.1")).value().lines == 2);
    REQUIRE(trail.trail.reopen());
    trail.add("CN=c");
    auto const check = trail.check();
    CHECK(check.lines == 1);
    CHECK(check.begins_after == check_audit(trail.dir.file("audit.1")).value().last_hash);
    CHECK(check.begins_after != last);
    REQUIRE(trail.trail.reopen());
    trail.add("CN=d");
    CHECK(trail.check().lines == 2);
}

TEST_CASE("audit: another file in its place is not gone on with, and nothing is written until that is put right")
{
    Trail trail;
    trail.add("CN=a");
    auto const good = trail.lines();
    {
        Trail other;
        other.add("CN=x");
        trail.put(other.lines());
    }
    auto const opened = trail.trail.reopen();
    REQUIRE(!opened);
    CHECK(opened.error().desc().ends_with("it does not end with the line that was written last"));
    CHECK(!trail.trail.append({{"identity", "CN=b"}}));
    trail.put(good);
    REQUIRE(trail.trail.reopen());
    trail.add("CN=c");
    CHECK(trail.check().lines == 2);
    CHECK(trail.check().fault == "");
    CHECK(qapi::parse_json(trail.lines()[1]).value().at("lost").to_number<int>() == 1);
}

TEST_CASE("audit: links, devices, FIFOs, folders, files in use and files of something else are refused")
{
    TempDir const dir;
    auto const complaint = [](std::string const& path) {
        auto const opened = AuditTrail::open(path);
        return opened ? std::string() : opened.error().desc().substr(opened.error().desc().find("': ") + 3);
    };
    std::filesystem::create_symlink(dir.file("target"), dir.file("link"));
    CHECK(complaint(dir.file("link")) == "it is a symbolic link");
    CHECK(!std::filesystem::exists(dir.file("target")));
    CHECK(complaint("/dev/full") == "it is no regular file");
    REQUIRE(mkfifo(dir.file("fifo").c_str(), 0600) == 0);
    CHECK(complaint(dir.file("fifo")) == "it is no regular file");
    CHECK(complaint(dir.path()) == "it cannot be opened: Is a directory");
    CHECK(complaint(dir.file("none/audit")) == "it cannot be opened: No such file or directory");
    dir.write("other", "hello\n");
    CHECK(complaint(dir.file("other")) == "its last line cannot be gone on from: it is no line of an audit trail");
    dir.write("other", "hello");
    CHECK(complaint(dir.file("other")) == "its last line cannot be gone on from: it is not whole");
    dir.write("other", std::string(3 << 20, 'x') + "\n");
    CHECK(complaint(dir.file("other")) == "its last line cannot be gone on from: it is no line of an audit trail");
    auto const used = AuditTrail::open(dir.file("used")).value();
    CHECK(complaint(dir.file("used")) == "another process writes it");
}

TEST_CASE("audit: when the disk is full nothing of the line stays, and the next one says how many were lost")
{
    Trail trail;
    trail.add("CN=a");
    auto const before = std::filesystem::file_size(trail.path());
    auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit unlimited{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &unlimited) == 0);
    rlimit const tight{before + 100, unlimited.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &tight) == 0);
    auto const first = trail.trail.append({{"identity", "CN=b"}});
    auto const second = trail.trail.append({{"identity", "CN=c"}});
    REQUIRE(setrlimit(RLIMIT_FSIZE, &unlimited) == 0);
    std::signal(SIGXFSZ, handler);
    CHECK(!first);
    CHECK(!second);
    CHECK(std::filesystem::file_size(trail.path()) == before);
    trail.add("CN=d");
    CHECK(trail.check().lines == 2);
    CHECK(trail.check().fault == "");
    CHECK(qapi::parse_json(trail.lines()[1]).value().at("lost").to_number<int>() == 2);
}

} // namespace
} // namespace minivisor::io
