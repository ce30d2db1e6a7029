// SPDX-License-Identifier: GPL-3.0-or-later
// Texts and lines as QEMU 7.2 gives them for the same files.
#include "main/config_file.hpp"

#include <catch2/catch.hpp>

namespace minivisor::main {
namespace {

std::string refused(std::string_view text)
{
    Options options;
    auto const read = read_config(options, text, "f");
    return read ? "" : read.error().desc();
}

} // namespace

TEST_CASE("readconfig: groups are applied as options, with comments, blanks and commas")
{
    Options options;
    REQUIRE(read_config(options,
        "# comment\n[name]\n  guest = \"a,b\"\n\n[memory]\nsize =\"64M\"\n[object \"a0\"]\n"
        "\tqom-type = \"authz-simple\"\n identity = \"CN=x,O=y\"\r\n[machine]\n type = \"none\"\n"
        "[mon \"m0\"]\nchardev = \"c0\"\nmode = \"control\"\n",
        "f"));
    CHECK(options.machine.name == "a,b");
    CHECK(options.machine.ram_size == 64u << 20);
    REQUIRE(options.objects.size() == 1);
    CHECK(options.objects[0].text == "id=a0,qom-type=authz-simple,identity=CN=x,,O=y");
    CHECK(options.monitors.size() == 1);
}

TEST_CASE("readconfig: what is wrong is told with its line")
{
    CHECK(refused("[nope]\nx = \"y\"\n") == "f:1: There is no option group 'nope'");
    CHECK(refused("x = \"y\"\n") == "f:1: no group defined");
    CHECK(refused("garbage") == "f:1: no group defined");
    CHECK(refused("[name]\nfoo = \"y\"\n") == "f:2: Invalid parameter 'foo'");
    CHECK(refused("[msg]\n\ntimestamp = \"maybe\"\n") == "f:3: Parameter 'timestamp' expects 'on' or 'off'");
    CHECK(refused("[m]\nsize = \"1\"\n") == "f:1: There is no option group 'm'");
}

TEST_CASE("readconfig: as QEMU it wants blanks before the equals sign and quotes around the value")
{
    CHECK(refused("[name]\nguest=\"x\"\n") == "f:2: Invalid parameter 'guest=\"x\"'");
    CHECK(refused("[name]\nguest=foo\n") == "f:2: Invalid parameter 'guest=foo'");
    Options options;
    REQUIRE(read_config(options, "[name]\nguest = foo\n", "f"));
    CHECK(options.machine.name == "");
}

TEST_CASE("readconfig: words and values have a greatest length")
{
    CHECK(refused("[name]\nguest = \"" + std::string(1023, 'x') + "\"\n") == "");
    CHECK(refused("[name]\nguest = \"" + std::string(1024, 'x') + "\"\n") == "f:2: parse error");
    CHECK(refused("[name]\n" + std::string(64, 'x') + " = \"y\"\n") == "f:2: parse error");
}

} // namespace minivisor::main
