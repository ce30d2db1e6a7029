// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/stream_reader.hpp"

#include "tests/unit/migration/support.hpp"

using namespace minivisor;
using namespace minivisor::migration;
using namespace minivisor::migration::test;

TEST_CASE("numbers and texts are read as they were written, in pieces of any size")
{
    ScriptChannel out;
    StreamWriter writer(out, nullptr, nullptr);
    writer.u8(1);
    writer.be16(0x0203);
    writer.be32(0x04050607);
    writer.be64(0x08090a0b0c0d0e0f);
    writer.str8("name");
    CHECK(writer.position() == 20);
    REQUIRE(writer.flush());
    CHECK(out.written == Bytes().u8(1).be16(0x0203).be32(0x04050607).be64(0x08090a0b0c0d0e0f).str8("name").str());
    for (unsigned seed = 0; seed < 20; ++seed) {
        ScriptChannel in(out.written, 3, seed);
        StreamReader reader(in);
        CHECK(reader.u8().value() == 1);
        CHECK(reader.be16().value() == 0x0203);
        CHECK(reader.peek(4).value().size() == 4);
        CHECK(reader.be32().value() == 0x04050607);
        CHECK(reader.be64().value() == 0x08090a0b0c0d0e0f);
        CHECK(reader.str8().value() == "name");
        CHECK(reader.position() == 20);
        CHECK_FALSE(reader.ended());
        CHECK(reader.u8().error().desc() == "The migration stream ended early");
        CHECK(reader.ended());
    }
}

TEST_CASE("a length that was only announced takes no memory")
{
    ScriptChannel in("abc");
    StreamReader reader(in);
    CHECK_FALSE(reader.text(std::size_t{1} << 60));
    ScriptChannel other("abc");
    StreamReader skipping(other);
    CHECK_FALSE(skipping.skip(~std::uint64_t{0}));
}

TEST_CASE("bytes read before the reader was made come first")
{
    auto const first = Bytes().be32(7).str();
    ScriptChannel in(Bytes().be32(8).str());
    StreamReader reader(in, std::as_bytes(std::span(first)));
    CHECK(reader.be32().value() == 7);
    CHECK(reader.be32().value() == 8);
    CHECK(reader.position() == 8);
}

TEST_CASE("pages go out from where they lie, with their numbers, in few large writes")
{
    TestVm vm(3000);
    vm.fill(3);
    ScriptChannel out;
    std::atomic<std::uint64_t> sent{0};
    StreamWriter writer(out, nullptr, &sent);
    std::string expected;
    for (std::size_t page = 0; page < 3000; ++page) {
        writer.be64(page);
        writer.memory({vm.ram->data() + page * page_size, page_size});
        expected += Bytes().be64(page).str();
        expected.append(reinterpret_cast<char const*>(vm.ram->data() + page * page_size), page_size);
    }
    REQUIRE(writer.flush());
    CHECK(out.written == expected);
    CHECK(out.writes < 10);
    CHECK(sent == expected.size());
}

TEST_CASE("memory arrives right whatever the order of pages and however the stream is cut")
{
    // Pages in runs, gaps, repeats and with zero pages between: guesses about what follows are often wrong.
    constexpr std::size_t pages = 700;
    std::mt19937 random(5);
    for (unsigned round = 0; round < 60; ++round) {
        TestVm source(pages);
        Bytes records;
        bool first = true;
        std::size_t page = 0;
        for (int record = 0; record < 900; ++record) {
            page = random() % 20 == 0 ? random() % pages : (page + 1) % pages;
            auto* data = source.ram->data() + page * page_size;
            auto const zero = random() % (round % 4 == 0 ? 1000 : 8) == 0;
            std::memset(data, zero ? 0 : static_cast<int>(1 + random() % 255), page_size);
            std::memcpy(data + 8, &record, zero ? 0 : sizeof record);
            records.be64(page * page_size | (zero ? 2u : 8u) | (first ? 0u : 0x20u));
            if (std::exchange(first, false))
                records.str8("ram");
            if (zero)
                records.u8(0);
            else
                records.text({reinterpret_cast<char const*>(data), page_size});
        }
        TestVm target(pages);
        auto const stream = Bytes()
                                .header()
                                .configuration()
                                .ram_start(pages * page_size)
                                .ram_part(records)
                                .ram_end()
                                .timer()
                                .global_state()
                                .end();
        auto const result = load(target, stream.str(),
            round % 3 == 0       ? 1u << 30
                : round % 3 == 1 ? 9000
                                 : 300'000,
            round);
        CHECK(result.lines.empty());
        REQUIRE(result.outcome == LoadResult::Outcome::loaded);
        CHECK(target.same_memory(source));
    }
}

TEST_CASE("a rate is met by the clock, also when it changes")
{
    std::atomic<std::uint64_t> rate{1'000'000};
    RateLimiter limiter(rate);
    auto const began = RateLimiter::Clock::now();
    std::uint64_t bytes = 0;
    while (bytes < 200'000) {
        auto const chunk = limiter.chunk();
        CHECK(chunk <= 20'000);
        REQUIRE(limiter.take(chunk));
        bytes += chunk;
    }
    std::chrono::duration<double> const seconds = RateLimiter::Clock::now() - began;
    CHECK(seconds.count() > 0.15);
    rate = 0;
    for (int i = 0; i < 1000; ++i)
        REQUIRE(limiter.take(1u << 30));
    rate = 1;
    REQUIRE(limiter.take(1000));
    limiter.cancel();
    CHECK_FALSE(limiter.take(1));
}
