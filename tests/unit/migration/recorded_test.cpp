// SPDX-License-Identifier: GPL-3.0-or-later
// Streams that were recorded from QEMU 7.2. They are not part of this repository: MINIVISOR_SHARED names
// the directory that has them under conformance/streams; without it the test says that it did nothing.
#include "tests/unit/migration/support.hpp"

#include <boost/json.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>

using namespace minivisor;
using namespace minivisor::migration;
using namespace minivisor::migration::test;

namespace {

std::optional<std::string> recorded(std::string const& name)
{
    auto const* shared = std::getenv("MINIVISOR_SHARED");
    if (shared == nullptr) {
        WARN("skipped: MINIVISOR_SHARED does not name the directory of recorded streams");
        return std::nullopt;
    }
    auto const command = "gzip -dc '" + std::string(shared) + "/conformance/streams/" + name + ".bin.gz'";
    auto* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string bytes;
    std::array<char, 65536> buffer;
    while (auto const n = std::fread(buffer.data(), 1, buffer.size(), pipe))
        bytes.append(buffer.data(), n);
    REQUIRE(::pclose(pipe) == 0);
    return bytes;
}

std::string sha256(std::span<std::byte const> bytes)
{
    std::string name = "/tmp/minivisor-recorded-XXXXXX";
    util::UniqueFd const fd(::mkstemp(name.data()));
    REQUIRE(fd);
    REQUIRE(util::write_all(fd.get(), {reinterpret_cast<char const*>(bytes.data()), bytes.size()}));
    auto* pipe = ::popen(("sha256sum " + name).c_str(), "r");
    std::array<char, 65> digest{};
    REQUIRE(std::fread(digest.data(), 1, 64, pipe) == 64);
    ::pclose(pipe);
    std::remove(name.c_str());
    return digest.data();
}

} // namespace

TEST_CASE("the stream of a QEMU without RAM is loaded")
{
    auto const stream = recorded("none");
    if (!stream)
        return;
    TestVm vm(0);
    auto const result = load(vm, *stream, 50);
    CHECK(result.outcome == LoadResult::Outcome::loaded);
    CHECK(result.lines.empty());
    CHECK(result.run_state == "running");
    // And is written again byte for byte, but for the number that QEMU gave its last section.
    auto again = saved(vm);
    auto original = *stream;
    for (auto* bytes : {&again, &original}) {
        auto const at = bytes->find("globalstate");
        REQUIRE(at != std::string::npos);
        (*bytes)[at - 2] = 0;
        (*bytes)[at + 11 + 8 + 104 + 4] = 0;
    }
    CHECK(again == original);
}

TEST_CASE("the stream of another machine is refused by its name")
{
    for (auto const* name : {"microvm-8m", "pc-16m-dirtier"}) {
        auto const stream = recorded(name);
        if (!stream)
            return;
        TestVm vm(16);
        auto const result = load(vm, *stream);
        CHECK(result.outcome == LoadResult::Outcome::failed);
        CHECK(result.error->desc().starts_with("Machine type received is '"));
    }
}

TEST_CASE("the memory of a recorded machine is taken in whole")
{
    for (std::string const name : {"microvm-8m", "pc-16m-dirtier"}) {
        auto const stream = recorded(name);
        if (!stream)
            return;
        std::ifstream file(std::getenv("MINIVISOR_SHARED") + ("/conformance/streams/" + name + ".json"));
        std::string const text(std::istreambuf_iterator<char>(file), {});
        auto const facts = boost::json::parse(text);
        TestVm vm(0);
        vm.view.machine_name = facts.at("configuration").at("machine").as_string().c_str();
        std::uint64_t address = 0;
        for (auto const& block : facts.at("ram_blocks").as_array()) {
            auto const length = block.at("length").to_number<std::uint64_t>();
            REQUIRE(vm.memory.add_anonymous(block.at("name").as_string().c_str(), address, length));
            address += length;
        }
        auto const result = load(vm, *stream, 70'000);
        // Its devices are not ours, and they come after the memory.
        CHECK(result.outcome == LoadResult::Outcome::failed);
        CHECK(result.error->desc().starts_with("Unknown savevm section or instance '"));
        for (auto const& block : facts.at("ram_blocks").as_array())
            CHECK(sha256(vm.memory.find(block.at("name").as_string().c_str())->bytes())
                == block.at("sha256").as_string().c_str());
    }
}
