// SPDX-License-Identifier: GPL-3.0-or-later
// Texts were seen at QEMU 7.2 where QEMU has them.
#include "io/address.hpp"

#include <catch2/catch.hpp>

namespace minivisor::io {
namespace {

std::string flag(std::optional<bool> const& on) { return !on ? "" : *on ? "+" : "-"; }

/// HOST|PORT|LAST|IPV4|IPV6, or the complaint.
std::string inet(std::string_view text)
{
    auto const address = parse_inet(text);
    if (!address)
        return "! " + address.error().desc();
    return address->host + "|" + address->port + "|" + std::to_string(address->last_port) + "|" + flag(address->ipv4)
        + "|" + flag(address->ipv6);
}

std::string uri(std::string_view text)
{
    auto const address = parse_uri(text);
    if (!address)
        return "! " + address.error().desc();
    return *address ? std::to_string((*address)->index()) + " " + to_text(**address) : "none";
}

TEST_CASE("address: host and port, with brackets around IPv6, each of them maybe empty or a name")
{
    CHECK(inet("localhost:4444") == "localhost|4444|0||");
    CHECK(inet(":0") == "|0|0||");
    CHECK(inet("[::1]:4444") == "::1|4444|0||");
    CHECK(inet("host:http") == "host|http|0||");
}

TEST_CASE("address: options of inet")
{
    CHECK(inet("h:1,to=9") == "h|1|9||");
    CHECK(inet("h:1,ipv4,ipv6=off") == "h|1|0|+|-");
    CHECK(inet("h:1,ipv4=on,ipv4=off,to=65535") == "h|1|65535|-|");
    CHECK(inet("[::1]:1,ipv6=on") == "::1|1|0||+");
}

TEST_CASE("address: malformed inet addresses are named")
{
    CHECK(inet("") == "! error parsing address ''");
    CHECK(inet("localhost") == "! error parsing address 'localhost'");
    CHECK(inet("localhost:") == "! error parsing address 'localhost:'");
    CHECK(inet("localhost,ipv4") == "! error parsing address 'localhost,ipv4'");
    CHECK(inet("[::1]") == "! error parsing IPv6 address '[::1]'");
    CHECK(inet("[::1]:") == "! error parsing IPv6 address '[::1]:'");
    CHECK(inet("[::1:4444") == "! error parsing IPv6 address '[::1:4444'");
    CHECK(inet("h:65536") == "! port '65536' is above 65535");
    CHECK(inet("h:65535") == "h|65535|0||");
    CHECK(inet("h:1,to=") == "! error parsing to= argument");
    CHECK(inet("h:1,to") == "! error parsing to= argument");
    CHECK(inet("h:1,to=65536") == "! error parsing to= argument");
    CHECK(inet("h:1,to=9x") == "! error parsing to= argument");
    CHECK(inet("h:1,ipv4=maybe") == "! error parsing 'ipv4' flag '=maybe'");
    CHECK(inet("h:1,nodelay") == "! Invalid parameter 'nodelay'");
    CHECK(inet("h:1,") == "! Invalid parameter ''");
}

TEST_CASE("address: each scheme of a migration URI is told apart, an unknown one is none")
{
    CHECK(uri("tcp:127.0.0.1:4444") == "0 127.0.0.1:4444");
    CHECK(uri("tcp:[::1]:4444") == "0 [::1]:4444");
    CHECK(uri("unix:/run/x,y") == "1 /run/x,y");
    CHECK(uri("fd:mig") == "2 mig");
    CHECK(uri("exec:cat > 'a,b'") == "3 cat > 'a,b'");
    CHECK(uri("file:/x") == "4 /x");
    CHECK(uri("rdma:h:1") == "none");
    CHECK(uri("tcp") == "none");
    CHECK(uri("") == "none");
    CHECK(uri("TCP:h:1") == "none");
    CHECK(uri("tcp:h") == "! error parsing address 'h'");
}

TEST_CASE("address: a file may have an offset")
{
    auto const file = [](std::string_view text) { return std::get<FileAddress>(parse_uri(text).value().value()); };
    CHECK(file("file:/x").offset == 0);
    CHECK(file("file:/x,offset=4K").offset == 4096);
    CHECK(file("file:/x,offset=4K").path == "/x");
    CHECK(file("file:/a,offset=1,offset=0x10").path == "/a,offset=1");
    CHECK(uri("file:/x,offset=q") == "! file URI has bad offset q");
    CHECK(uri("file:/x,offset=") == "! file URI has bad offset ");
}

TEST_CASE("address: what query-migrate reports of it")
{
    auto const wire = to_wire(parse_uri("tcp:[::1]:1,ipv6=on").value().value());
    CHECK(wire.type == qapi::SocketAddressType::inet);
    CHECK(wire.host == "::1");
    CHECK(wire.port == "1");
    CHECK(wire.ipv6 == true);
    CHECK_FALSE(wire.ipv4);
    CHECK(to_wire(UnixAddress{"/x"}).path == "/x");
    CHECK(to_wire(FdAddress{"m"}).str == "m");
    CHECK(host_of(InetAddress{"h", "1", 0, {}, {}}) == "h");
    CHECK(host_of(UnixAddress{"/x"}) == "");
}

} // namespace
} // namespace minivisor::io
