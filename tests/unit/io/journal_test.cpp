// SPDX-License-Identifier: GPL-3.0-or-later
// The audit trail in a journal, whose place a socket of the test's own takes.
#include "io/audit.hpp"
#include "qapi/json.hpp"
#include "tests/unit/temp_dir.hpp"
#include "util/text.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <map>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace minivisor::io {
namespace {

using test::TempDir;
using Fields = std::map<std::string, std::string>;

/// What journald understands.
Fields read_entry(std::string_view datagram)
{
    Fields fields;
    while (!datagram.empty()) {
        auto const end = datagram.find('\n');
        auto const name = std::string(datagram.substr(0, end));
        REQUIRE(name.find('=') == std::string::npos);
        datagram.remove_prefix(end + 1);
        std::uint64_t size = 0;
        REQUIRE(datagram.size() > sizeof size);
        std::memcpy(&size, datagram.data(), sizeof size);
        datagram.remove_prefix(sizeof size);
        REQUIRE(datagram.size() > size);
        fields[name] = datagram.substr(0, size);
        REQUIRE(datagram[size] == '\n');
        datagram.remove_prefix(size + 1);
    }
    return fields;
}

struct Journald {
    Journald() { listen(); }
    std::string path() const { return dir.file("socket"); }
    void listen()
    {
        ::unlink(path().c_str());
        socket.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path().copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(bind(socket.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0);
    }
    /// The next entry; empty where none came.
    Fields next() const
    {
        std::string text(1 << 20, '\0');
        auto const count = recv(socket.get(), text.data(), text.size(), 0);
        return count < 0 ? Fields() : read_entry(std::string_view(text).substr(0, static_cast<std::size_t>(count)));
    }

    TempDir dir;
    util::UniqueFd socket;
};

std::string complaint(Result<void> const& result) { return result ? "" : result.error().desc(); }

} // namespace

TEST_CASE("journal: an entry carries the line and what is looked for, whatever is in it")
{
    Journald journald;
    auto trail = AuditTrail::open_journal(journald.path()).value();
    REQUIRE(trail.append({{"identity", "CN=a"}, {"object", "x\nPRIORITY=0\n"}, {"decision", "allow"}, {"peer", "p"}}));
    REQUIRE(trail.append({{"identity", "CN=b"}, {"decision", "deny"}}));
    auto const first = journald.next();
    CHECK(first.at("MINIVISOR_IDENTITY") == "CN=a");
    CHECK(first.at("MINIVISOR_OBJECT") == "x\nPRIORITY=0\n");
    CHECK(first.at("MINIVISOR_DECISION") == "allow");
    CHECK(first.at("MINIVISOR_PEER") == "p");
    CHECK(first.at("PRIORITY") == "6");
    CHECK(first.at("SYSLOG_IDENTIFIER") == "minivisor");
    auto const second = journald.next();
    CHECK(second.at("PRIORITY") == "4");
    CHECK(!second.contains("MINIVISOR_PEER"));
    CHECK(second.at("MESSAGE_ID") == first.at("MESSAGE_ID"));
    CHECK(journald.next().empty());
    // The lines are those of a file.
    journald.dir.write("lines", first.at("MESSAGE") + "\n" + second.at("MESSAGE") + "\n");
    auto const check = check_audit(journald.dir.file("lines")).value();
    CHECK(check.lines == 2);
    CHECK(check.fault.empty());
    CHECK(check.begins_after.empty());
}

TEST_CASE("journal: what it does not take is an error, never waited for, and told by the next entry")
{
    Journald journald;
    auto trail = AuditTrail::open_journal(journald.path()).value();
    unsigned taken = 0;
    Result<void> result;
    while ((result = trail.append({{"identity", "CN=a"}}))) // nobody reads
        ++taken;
    CHECK(taken > 0);
    CHECK(complaint(result)
        == cat("Audit journal '", journald.path(), "': it takes nothing: Resource temporarily unavailable"));
    while (!journald.next().empty()) { }
    REQUIRE(trail.append({{"identity", "CN=b"}}));
    auto const record = qapi::parse_json(journald.next().at("MESSAGE")).value();
    CHECK(record.at("lost").to_number<unsigned>() == 1);
    CHECK(record.at("number").to_number<unsigned>() == taken + 1);
}

TEST_CASE("journal: an entry that is larger than a datagram may be is an error")
{
    Journald journald;
    auto journal = Journal::open(journald.path()).value();
    CHECK(complaint(journal.send({{"MESSAGE", std::string(16 << 20, 'x')}})) == "it takes nothing: Message too long");
    auto trail = AuditTrail::open_journal(journald.path()).value();
    CHECK(complaint(trail.append({{"identity", std::string(1 << 20, 'x')}})).ends_with("the record is too long"));
    // Larger than any name that a handshake brings.
    REQUIRE(trail.append({{"identity", std::string(90000, 'x')}}));
    CHECK(journald.next().at("MINIVISOR_IDENTITY").size() == 90000);
}

TEST_CASE("journal: one that was started anew is found again, and one that is gone is an error")
{
    Journald journald;
    auto trail = AuditTrail::open_journal(journald.path()).value();
    journald.listen();
    REQUIRE(trail.append({{"identity", "CN=a"}}));
    CHECK(journald.next().at("MINIVISOR_IDENTITY") == "CN=a");
    journald.socket.reset();
    CHECK(complaint(trail.append({{"identity", "CN=b"}})).ends_with("it cannot be reached: Connection refused"));
    ::unlink(journald.path().c_str());
    CHECK(complaint(trail.append({{"identity", "CN=c"}}))
        == cat("Audit journal '", journald.path(), "': it cannot be reached: No such file or directory"));
    CHECK(complaint(trail.reopen()).ends_with("No such file or directory"));
    journald.listen();
    REQUIRE(trail.append({{"identity", "CN=d"}}));
    CHECK(qapi::parse_json(journald.next().at("MESSAGE")).value().at("lost").to_number<int>() == 2);
}

TEST_CASE("journal: where no socket for datagrams is, there is no trail")
{
    TempDir const dir;
    auto const refusal = [](std::string const& path) {
        auto const opened = AuditTrail::open_journal(path);
        return opened ? "" : opened.error().desc();
    };
    CHECK(refusal(dir.file("none")).ends_with("it cannot be reached: No such file or directory"));
    dir.write("file", "");
    CHECK(refusal(dir.file("file")).ends_with("it cannot be reached: Connection refused"));
    CHECK(refusal("relative").ends_with("it is no absolute path of a UNIX socket"));
    CHECK(refusal("/" + std::string(200, 'x')).ends_with("it is no absolute path of a UNIX socket"));
    CHECK(refusal("").ends_with("it is no absolute path of a UNIX socket"));
}

} // namespace minivisor::io
