// SPDX-License-Identifier: GPL-3.0-or-later
// Facts: qmp-surface section 3.5 (yank).
#include "io/yank.hpp"

#include <catch2/catch.hpp>

#include <string>

namespace minivisor::io {
namespace {

using qapi::YankInstance;
using qapi::YankInstanceType;

YankInstance chardev(std::optional<std::string> id) { return {YankInstanceType::chardev, {}, std::move(id)}; }

std::string refusal(Yank& yank, std::vector<YankInstance> const& instances)
{
    auto const pulled = yank.pull(instances);
    return pulled ? "" : pulled.error().desc();
}

TEST_CASE("yank: all that is named is pulled, or nothing")
{
    Yank yank;
    std::string pulled;
    auto const a = yank.add(chardev("a"), [&] { pulled += 'a'; });
    auto const migration = yank.add({}, [&] { pulled += 'm'; });
    CHECK(yank.pull({}));
    CHECK(refusal(yank, {chardev("a"), chardev("b")}) == "Instance not found");
    CHECK(yank.pull({chardev("b")}).error().error_class() == util::ErrorClass::device_not_found);
    CHECK(pulled.empty());
    CHECK(refusal(yank, {chardev("a"), {}}).empty());
    CHECK(pulled == "am");
}

TEST_CASE("yank: an entry is there as long as its registration")
{
    Yank yank;
    {
        Yank::Registration outer;
        {
            auto inner = yank.add({}, [] {});
            outer = std::move(inner);
        }
        CHECK(yank.instances() == std::vector<YankInstance>{{}});
    }
    CHECK(yank.instances().empty());
    CHECK(refusal(yank, {{}}) == "Instance not found");
}

TEST_CASE("yank: an instance has the members of its type and no other")
{
    Yank yank;
    CHECK(refusal(yank, {chardev({})}) == "Parameter 'instances[0].id' is missing");
    CHECK(refusal(yank, {{}, {YankInstanceType::migration, {}, "x"}}) == "Parameter 'instances[1].id' is unexpected");
    CHECK(refusal(yank, {{YankInstanceType::block_node, {}, {}}}) == "Parameter 'instances[0].node-name' is missing");
}

} // namespace
} // namespace minivisor::io
