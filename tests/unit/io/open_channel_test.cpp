// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/open_channel.hpp"
#include "tests/unit/crypto/pki.hpp"

#include <catch2/catch.hpp>

#include <thread>

namespace minivisor::io {
namespace {

std::string write_text(Channel& channel, std::string text)
{
    iovec const piece{text.data(), text.size()};
    auto const done = channel.write({&piece, 1});
    return done ? "" : done.error().desc();
}

std::string read_all(Channel& channel)
{
    std::string text;
    char buffer[100];
    for (;;) {
        auto const got = channel.read(std::as_writable_bytes(std::span(buffer)));
        if (!got)
            return "! " + got.error().desc();
        if (*got == 0)
            return text;
        text.append(buffer, *got);
    }
}

std::string finish(Channel& channel)
{
    auto const done = channel.finish();
    return done ? "" : done.error().desc();
}

/// A command with a plain channel to it, which nobody is asked to answer on.
std::unique_ptr<Channel> run(std::string command)
{
    auto running = start_command({std::move(command)}).value();
    auto socket = FdChannel::create(std::move(running.socket), FdChannel::Kind::socket).value();
    return make_command_channel(std::move(socket), running.child, false);
}

TEST_CASE("exec: the command gets what is written and its status is the outcome")
{
    crypto::test::TempDir const dir;
    auto const file = dir.file("out");
    auto channel = run("cat > '" + file + "'");
    CHECK_FALSE(channel->two_way());
    CHECK(write_text(*channel, "hello") == "");
    channel->close_write();
    CHECK(finish(*channel) == "");
    CHECK(finish(*channel) == "");
    CHECK(util::read_file(file, 100).value() == "hello");
}

TEST_CASE("exec: another status than 0, or a signal, is an error that tells it")
{
    CHECK(finish(*run("cat > /dev/null; exit 7")) == "The command ended with status 7");
    CHECK(finish(*run("kill -TERM $$")) == "The command was ended by signal 15");
    CHECK(finish(*run("/nowhere/at/all 2>/dev/null")) == "The command ended with status 127");
}

TEST_CASE("exec: what the command says is read to its end")
{
    auto channel = run("printf 'a b'; read -r line; printf \"<$line>\"");
    channel->close_write();
    CHECK(read_all(*channel) == "a b<>");
    CHECK(finish(*channel) == "");
}

TEST_CASE("exec: a command that reads no more is a failed write, not a dead program")
{
    auto channel = run("exit 0");
    std::string failure;
    for (int i = 0; i < 1000 && failure.empty(); ++i)
        failure = write_text(*channel, std::string(4096, 'x'));
    CHECK(failure.ends_with("Broken pipe"));
}

TEST_CASE("exec: cancel kills the command and whom it has started, also while one reads")
{
    auto channel = run("sleep 1000 & sleep 1000");
    std::string outcome;
    std::thread reader([&] { outcome = read_all(*channel); });
    channel->cancel();
    reader.join();
    CHECK(outcome.starts_with("! "));
    CHECK(channel->cancelled());
    CHECK(finish(*channel) == "The command was ended by signal 9");
}

TEST_CASE("exec: a channel that is dropped does not leave its command behind")
{
    auto channel = run("sleep 1000");
    channel.reset(); // waits for the child: it would take 1000 s
    CHECK(channel == nullptr);
}

TEST_CASE("file: written from the start, or at an offset into what is there")
{
    crypto::test::TempDir const dir;
    auto const path = dir.file("f");
    dir.write("f", "0123456789");
    CHECK(write_text(*open_file_for_writing({path, 4}).value(), "xy") == "");
    CHECK(util::read_file(path, 100).value() == "0123xy6789");
    CHECK(read_all(*open_file_for_reading({path, 4}).value()) == "xy6789");
    CHECK(write_text(*open_file_for_writing({path, 0}).value(), "new") == "");
    CHECK(util::read_file(path, 100).value() == "new");
    CHECK_FALSE(open_file_for_reading({path, 0}).value()->two_way());
}

TEST_CASE("file: what cannot be opened is named")
{
    auto const missing = open_file_for_reading({"/nowhere/f", 0});
    REQUIRE_FALSE(missing);
    CHECK(missing.error().desc() == "Unable to open /nowhere/f: No such file or directory");
    CHECK_FALSE(open_file_for_writing({"/nowhere/f", 0}));
    crypto::test::TempDir const dir;
    auto const far = open_file_for_writing({dir.file("f"), UINT64_MAX});
    REQUIRE_FALSE(far);
    CHECK(far.error().desc().starts_with("Unable to seek to offset 18446744073709551615 in "));
}

} // namespace
} // namespace minivisor::io
