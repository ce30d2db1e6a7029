// SPDX-License-Identifier: GPL-3.0-or-later
// Damaged streams: none may crash, hang, or pass for a whole one when a part is missing.
#include "tests/unit/migration/support.hpp"

using namespace minivisor;
using namespace minivisor::migration;
using namespace minivisor::migration::test;

namespace {

constexpr std::size_t pages = 6;

std::string small_stream()
{
    TestVm vm(pages);
    vm.fill(1);
    auto stream = saved(vm);
    // As from a source with a return path, in whose absence the answers go nowhere.
    return stream.insert(17, Bytes().command(1).command(2, Bytes().be32(1)).str());
}

} // namespace

TEST_CASE("a stream cut at any byte before its end mark is a failed load")
{
    auto const stream = small_stream();
    auto const description = stream.find("{\"page_size\"");
    REQUIRE(description != std::string::npos);
    auto const complete = description - 5;
    for (std::size_t length = 0; length < stream.size(); ++length) {
        TestVm vm(pages);
        auto const result
            = load(vm, stream.substr(0, length), length % 3 == 0 ? 100 : 1u << 30, static_cast<unsigned>(length));
        auto const loaded = result.outcome == LoadResult::Outcome::loaded;
        if (loaded != (length >= complete) || (!loaded && !result.error) || result.lines.empty())
            FAIL("cut at byte " << length << " of " << stream.size());
        auto const stranger = result.outcome == LoadResult::Outcome::stranger;
        if (stranger != (length < 8))
            FAIL("taken for a stranger at " << length);
    }
}

TEST_CASE("a stream with any bit turned over is loaded or refused, never worse")
{
    auto const stream = small_stream();
    std::size_t refused = 0;
    for (std::size_t at = 0; at < stream.size(); ++at) {
        // Contents of pages may change at will: a few of their bytes are enough.
        if (at > 300 && at + 1200 < stream.size() && at % 61 != 0)
            continue;
        for (unsigned bit = 0; bit < 8; ++bit) {
            auto damaged = stream;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
            TestVm vm(pages);
            refused += load(vm, std::move(damaged)).outcome == LoadResult::Outcome::loaded ? 0 : 1;
        }
    }
    CHECK(refused > 500);
}

TEST_CASE("bytes put in, taken out and repeated at random are loaded or refused, never worse")
{
    auto const stream = small_stream();
    std::mt19937 random(11);
    for (int i = 0; i < 3000; ++i) {
        auto damaged = stream;
        for (auto changes = 1 + random() % 4; changes > 0; --changes) {
            auto const at
                = random() % 3 == 0 ? random() % damaged.size() : random() % std::min<std::size_t>(damaged.size(), 400);
            auto const length = std::min<std::size_t>(random() % 20, damaged.size() - at);
            switch (random() % 3) {
            case 0: damaged.erase(at, length); break;
            case 1: damaged.insert(at, damaged.substr(at, length)); break;
            default: damaged.insert(at, std::string(length, static_cast<char>(random()))); break;
            }
        }
        TestVm vm(pages);
        auto const result = load(vm, std::move(damaged), 5000, static_cast<unsigned>(i));
        if (result.outcome != LoadResult::Outcome::loaded && !result.error)
            FAIL("no reason given in round " << i);
    }
}
