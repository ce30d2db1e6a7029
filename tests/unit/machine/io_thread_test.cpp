// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/io_thread.hpp"
#include "qom/tree.hpp"
#include "qom/user_object.hpp"
#include "util/text.hpp"

#include <catch2/catch.hpp>

#include <filesystem>

namespace minivisor::machine {
namespace {

struct Office {
    Office() { register_io_thread(types); }
    Result<void> add(char const* id, qapi::Object options = {})
    {
        options["qom-type"] = "iothread";
        options["id"] = id;
        return qom::add_user_object(tree, std::move(options), qapi::Spelling::json);
    }
    static bool thread_exists(std::int64_t id) { return std::filesystem::exists(cat("/proc/self/task/", id)); }

    qom::TypeRegistry types;
    qom::Tree tree{types};
};

TEST_CASE("iothread: a thread lives as long as its object")
{
    Office office;
    REQUIRE(office.add("a"));
    REQUIRE(office.add("b", {{"poll-max-ns", 5}, {"aio-max-batch", 3}}));
    auto const list = list_io_threads(office.tree);
    REQUIRE(list.size() == 2);
    CHECK(list[0].id == "a");
    CHECK(list[0].poll_max_ns == 32768);
    CHECK(list[1].poll_max_ns == 5);
    CHECK(list[1].aio_max_batch == 3);
    CHECK(list[0].thread_id != list[1].thread_id);
    CHECK(Office::thread_exists(list[0].thread_id));
    REQUIRE(qom::delete_user_object(office.tree, "a"));
    CHECK(list_io_threads(office.tree).size() == 1);
}

TEST_CASE("iothread: values out of range are refused, when made and when set")
{
    constexpr auto range = " value must be in range [0, 9223372036854775807]";
    constexpr auto pool = "bad thread-pool-min/thread-pool-max values";
    Office office;
    CHECK(office.add("a", {{"poll-max-ns", -1}}).error().desc() == cat("poll-max-ns", range));
    CHECK(office.add("a", {{"thread-pool-max", 0}}).error().desc() == pool);
    CHECK(office.add("a", {{"thread-pool-max", std::int64_t{1} << 31}}).error().desc() == pool);
    CHECK(office.add("a", {{"thread-pool-max", 2}, {"thread-pool-min", 3}}).error().desc() == pool);
    REQUIRE(office.add("a"));
    auto* thread = office.tree.find_user_object("a");
    CHECK(thread->set("poll-shrink", qapi::Value(-1)).error().desc() == cat("poll-shrink", range));
    CHECK(thread->set("thread-pool-min", qapi::Value(65)).error().desc() == pool);
    CHECK(thread->get("thread-pool-min")->get_int64() == 0);
    CHECK(thread->set("poll-grow", qapi::Value(2)));
    CHECK(list_io_threads(office.tree).front().poll_grow == 2);
}

} // namespace
} // namespace minivisor::machine
