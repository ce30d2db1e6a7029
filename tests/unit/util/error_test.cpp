// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/error.hpp"
#include "util/result.hpp"

#include <catch2/catch.hpp>

#include <cerrno>
#include <memory>
#include <string>

namespace minivisor {
namespace {

Result<int> half(int number)
{
    if (number % 2 != 0)
        return Error::device_not_found("odd").with_hint("try an even one");
    return number / 2;
}

Result<std::unique_ptr<int>> quarter(int number)
{
    int const halved = TRY(half(number));
    return std::make_unique<int>(TRY(half(halved)));
}

TEST_CASE("TRY hands on the value or the whole error")
{
    CHECK(**quarter(8) == 2);
    auto const failed = quarter(6);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().desc() == "odd");
    CHECK(failed.error().hint() == "try an even one");
    CHECK(failed.error().error_class() == util::ErrorClass::device_not_found);
}

TEST_CASE("a context goes in front of the sentence and keeps class and hint")
{
    auto const error = Error::command_not_found("no such thing").with_hint("look up").context("Line 3");
    CHECK(error.desc() == "Line 3: no such thing");
    CHECK(error.hint() == "look up");
    CHECK(wire_name(error.error_class()) == "CommandNotFound");
}

TEST_CASE("a system error ends in the reason's text")
{
    CHECK(Error::system("Failed to open 'x'", ENOENT).desc() == "Failed to open 'x': No such file or directory");
}

TEST_CASE("each error class has its wire name")
{
    using util::ErrorClass;
    CHECK(wire_name(ErrorClass::generic_error) == "GenericError");
    CHECK(wire_name(ErrorClass::device_not_active) == "DeviceNotActive");
    CHECK(wire_name(ErrorClass::device_not_found) == "DeviceNotFound");
    CHECK(wire_name(ErrorClass::kvm_missing_cap) == "KVMMissingCap");
}

} // namespace
} // namespace minivisor
