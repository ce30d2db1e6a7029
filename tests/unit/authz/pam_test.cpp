// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface section 11. The system's PAM and its modules, with service files of the test's own.
#include "authz/pam.hpp"
#include "qom/user_object.hpp"
#include "tests/unit/temp_dir.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace minivisor::authz {
namespace {

struct PamGate {
    PamGate()
    {
        register_base(types);
        register_pam(types);
    }
    /// The complaint, "" for none. `stack` is what the service's file says.
    std::string add(std::string const& stack, std::int64_t timeout = 20'000)
    {
        dir.write("gate", stack);
        return add_object(
            {{"service", "gate"}, {"__org.minivisor_directory", dir.path()}, {"__org.minivisor_timeout", timeout}});
    }
    std::string add_object(qapi::Object arguments)
    {
        arguments["qom-type"] = "authz-pam";
        arguments["id"] = "auth0";
        auto const added = qom::add_user_object(tree, std::move(arguments), qapi::Spelling::json);
        return added ? "" : added.error().desc();
    }
    /// Asks and goes on; the answer comes into the list.
    void ask(std::string_view identity)
    {
        authz::ask(tree, "auth0", identity, io.get_executor(),
            [this](Decision decision) { answers.push_back(std::move(decision)); });
    }
    void run_until(std::size_t count)
    {
        while (answers.size() < count) {
            io.restart();
            io.run_one_for(std::chrono::seconds(1));
        }
    }
    Decision decide(std::string_view identity)
    {
        answers.clear();
        ask(identity);
        run_until(1);
        return answers.front();
    }

    test::TempDir dir;
    boost::asio::io_context io;
    std::vector<Decision> answers;
    qom::TypeRegistry types;
    qom::Tree tree{types};
};

/// Modules that wait until they are released, each for one byte of a FIFO.
struct Hanging {
    explicit Hanging(PamGate const& gate)
        : fifo(gate.dir.file("fifo"))
    {
        REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
        // Open for both, so that neither end waits for the other here.
        fd = open(fifo.c_str(), O_RDWR | O_CLOEXEC);
        gate.dir.write("wait", "#!/bin/sh\nexec dd bs=1 count=1 of=/dev/null status=none <" + fifo + "\n", 0700);
        stack = "account required pam_exec.so quiet " + gate.dir.file("wait") + "\n";
    }
    ~Hanging()
    {
        release(64);
        close(fd);
    }
    void release(std::size_t count) const
    {
        std::string const bytes(count, 'x');
        CHECK(write(fd, bytes.data(), count) == static_cast<ssize_t>(count));
    }
    std::string fifo;
    std::string stack;
    int fd;
};

TEST_CASE("authz-pam: pam_permit lets in, pam_deny refuses in QEMU's words")
{
    PamGate gate;
    REQUIRE(gate.add("account required pam_permit.so\n") == "");
    auto const yes = gate.decide("CN=a,O=Org");
    CHECK(yes.allowed);
    CHECK(yes.error == "");
    CHECK(yes.detail == "PAM service 'gate' allows it");
    gate.dir.write("gate", "account required pam_deny.so\n");
    auto const no = gate.decide("CN=a,O=Org");
    CHECK_FALSE(no.allowed);
    CHECK(no.error == "");
    CHECK(no.denial.starts_with("Unable to authorize user 'CN=a,O=Org': "));
    CHECK(no.detail.starts_with("PAM service 'gate' denies it: "));
}

TEST_CASE("authz-pam: pam_listfile finds the whole identity in a file of one a line")
{
    PamGate gate;
    gate.dir.write("friends", "CN=a,O=Org\nCN=b,O=Org\n");
    REQUIRE(gate.add("account required pam_listfile.so item=user sense=allow onerr=fail file="
                + gate.dir.file("friends") + "\n")
        == "");
    CHECK(gate.decide("CN=a,O=Org").allowed);
    CHECK(gate.decide("CN=b,O=Org").allowed);
    for (auto const* other : {"CN=a", "CN=a,O=Or", "CN=a,O=Org ", "cn=a,O=Org", "CN=c,O=Org"})
        CHECK_FALSE(gate.decide(other).allowed);
}

TEST_CASE("authz-pam: pam_exec decides by its exit status and sees the identity as PAM_USER")
{
    PamGate gate;
    gate.dir.write("judge", "#!/bin/sh\n[ \"$PAM_USER\" = 'CN=a,O=Org' ] && [ \"$PAM_TYPE\" = account ]\n", 0700);
    REQUIRE(gate.add("account required pam_exec.so quiet " + gate.dir.file("judge") + "\n") == "");
    CHECK(gate.decide("CN=a,O=Org").allowed);
    CHECK_FALSE(gate.decide("CN=b,O=Org").allowed);
}

TEST_CASE("authz-pam: no service, a broken one and a module that is not there are a no")
{
    PamGate gate;
    REQUIRE(gate.add("account required pam_permit.so\n") == "");
    for (auto const* stack :
        {"account required pam_no_such_module.so\n", "nonsense\n", "", "auth required pam_permit.so\n"}) {
        gate.dir.write("gate", stack);
        auto const no = gate.decide("CN=a");
        CAPTURE(stack, no.detail);
        CHECK_FALSE(no.allowed);
        CHECK((no.error + no.denial).starts_with("Unable to authorize user 'CN=a': "));
    }
    unlink(gate.dir.file("gate").c_str());
    CHECK_FALSE(gate.decide("CN=a").allowed);
}

TEST_CASE("authz-pam: an identity with NUL, CR or LF is not shown to PAM")
{
    PamGate gate;
    REQUIRE(gate.add("account required pam_permit.so\n") == "");
    for (auto const identity :
        {std::string_view("CN=a\0b", 6), std::string_view("CN=a\nCN=b"), std::string_view("\r")}) {
        auto const no = gate.decide(identity);
        CHECK_FALSE(no.allowed);
        CHECK(no.error.ends_with("it contains a NUL, CR or LF character"));
    }
}

TEST_CASE("authz-pam: bad options are refused")
{
    PamGate gate;
    CHECK(gate.add_object({}) == "Parameter 'service' is missing");
    CHECK(gate.add_object({{"service", "x"}, {"__org.minivisor_directory", "etc"}})
        == "Parameter '__org.minivisor_directory' expects an absolute path");
    for (std::int64_t const timeout : {0, -1, 60'001})
        CHECK(gate.add_object({{"service", "x"}, {"__org.minivisor_timeout", timeout}})
            == "Parameter '__org.minivisor_timeout' expects a number from 1 to 60000");
    CHECK(gate.tree.find_user_object("auth0") == nullptr);
}

TEST_CASE("authz-pam: a module that hangs is a no when the time is over")
{
    PamGate gate;
    Hanging const hanging(gate);
    REQUIRE(gate.add(hanging.stack, 20) == "");
    auto const no = gate.decide("CN=a");
    CHECK_FALSE(no.allowed);
    CHECK(no.error == "Unable to authorize user 'CN=a': PAM did not answer within 20 ms");
}

TEST_CASE("authz-pam: however many questions hang, only some threads do, and the others are asked once they are free")
{
    PamGate gate;
    Hanging const hanging(gate);
    auto const threads = [] {
        std::size_t count = 0;
        for (auto const& task : std::filesystem::directory_iterator("/proc/self/task")) {
            std::ifstream name(task.path() / "comm");
            std::string text;
            count += std::getline(name, text) && text == "pam" ? 1 : 0;
        }
        return count;
    };
    auto const before = threads(); // of earlier tests
    REQUIRE(gate.add(hanging.stack) == "");
    for (int i = 0; i < 12; ++i)
        gate.ask("CN=a");
    CHECK(threads() <= before + AuthZPAM::most_threads);
    CHECK(gate.answers.empty());
    hanging.release(12);
    gate.run_until(12);
    CHECK(threads() <= before + AuthZPAM::most_threads);
    for (auto const& answer : gate.answers)
        CHECK(answer.allowed);
}

TEST_CASE("authz-pam: deleting the object is a no to all who wait")
{
    PamGate gate;
    Hanging const hanging(gate);
    REQUIRE(gate.add(hanging.stack) == "");
    for (int i = 0; i < 6; ++i)
        gate.ask("CN=a");
    REQUIRE(qom::delete_user_object(gate.tree, "auth0"));
    REQUIRE(gate.answers.size() == 6);
    for (auto const& answer : gate.answers)
        CHECK(answer.error == "Unable to authorize user 'CN=a': the authorization object has gone");
}

TEST_CASE("authz-pam: too many questions at a time are a no")
{
    PamGate gate;
    Hanging const hanging(gate);
    REQUIRE(gate.add(hanging.stack) == "");
    for (int i = 0; i < 257; ++i)
        gate.ask("CN=a");
    REQUIRE(gate.answers.size() == 1);
    CHECK(gate.answers[0].error == "Unable to authorize user 'CN=a': too many questions wait for PAM");
}

} // namespace
} // namespace minivisor::authz
