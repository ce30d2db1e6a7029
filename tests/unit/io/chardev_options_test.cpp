// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/chardev_options.hpp"
#include "qapi/codec.hpp"
#include "qapi/json.hpp"

#include <catch2/catch.hpp>

namespace minivisor::io {
namespace {

/// What a text says, as QMP would say it.
std::string said(std::string_view text)
{
    auto const made = parse_chardev(text);
    if (!made)
        return "! " + made.error().desc();
    std::string said;
    for (auto const& device : *made)
        said += (said.empty() ? "" : "; ") + qapi::to_json(qapi::encode(device));
    return said;
}

std::string said_short(std::string_view text)
{
    auto const made = parse_short_chardev(text);
    return made ? qapi::to_json(qapi::encode(*made)) : "! " + made.error().desc();
}

} // namespace

TEST_CASE("chardev options: each backend says what chardev-add would")
{
    CHECK(said("stdio,id=c") == R"({"id": "c", "backend": {"type": "stdio", "data": {}}})");
    CHECK(said("stdio,id=c,mux=on,signal=off")
        == R"({"id": "c-base", "backend": {"type": "stdio", "data": {"signal": false}}}; )"
           R"({"id": "c", "backend": {"type": "mux", "data": {"chardev": "c-base"}}})");
    CHECK(said("stdio,id=c,mux=off") == R"({"id": "c", "backend": {"type": "stdio", "data": {}}})");
    CHECK(said("null,id=c") == R"({"id": "c", "backend": {"type": "null", "data": {}}})");
    CHECK(said("id=c,backend=pty") == R"({"id": "c", "backend": {"type": "pty", "data": {}}})");
    CHECK(said("file,id=c,path=/x,append=on")
        == R"({"id": "c", "backend": {"type": "file", "data": {"out": "/x", "append": true}}})");
    CHECK(said("file,id=c,path=/x,input-path=/y")
        == R"({"id": "c", "backend": {"type": "file", "data": {"in": "/y", "out": "/x"}}})");
    CHECK(said("ringbuf,id=c,size=4k") == R"({"id": "c", "backend": {"type": "ringbuf", "data": {"size": 4096}}})");
    CHECK(said("memory,id=c") == R"({"id": "c", "backend": {"type": "memory", "data": {}}})");
    CHECK(said("socket,id=c,path=/a,,b,reconnect=3")
        == R"({"id": "c", "backend": {"type": "socket", "data": {"addr": {"type": "unix", "data": {"path": "/a,b"}}, )"
           R"("server": false, "reconnect": 3}}})");
    CHECK(said("socket,id=c,port=1,to=9,ipv4=off,server,tls-creds=t,tls-authz=a")
        == R"({"id": "c", "backend": {"type": "socket", "data": {"addr": {"type": "inet", "data": )"
           R"({"host": "", "port": "1", "to": 9, "ipv4": false}}, "tls-creds": "t", "tls-authz": "a", )"
           R"("server": true, "wait": true}}})");
    CHECK(said("socket,id=c,fd=7,server=on,wait=off")
        == R"({"id": "c", "backend": {"type": "socket", "data": {"addr": {"type": "fd", "data": {"str": "7"}}, )"
           R"("server": true, "wait": false}}})");
}

TEST_CASE("chardev options: what is wrong is named")
{
    CHECK(said("stdio") == "! chardev: no id specified");
    CHECK(said("stdio,id=1") == "! Parameter 'id' expects an identifier");
    CHECK(said("id=c") == "! chardev: \"c\" missing backend");
    CHECK(said("pigeon,id=c") == "! 'pigeon' is not a valid char driver name");
    CHECK(said("udp,id=c") == "! 'udp' is not a valid char driver name");
    CHECK(said("stdio,id=c,path=/x") == "! Invalid parameter 'path'");
    CHECK(said("file,id=c") == "! chardev: file: no filename given");
    CHECK(said("socket,id=c") == "! chardev: socket: no address given: path, fd, or host and port");
    CHECK(said("socket,id=c,host=h") == "! chardev: socket: no port given");
    CHECK(said("socket,id=c,path=/x,host=h,port=1") == "! None or one of 'path', 'fd' or 'host' option required.");
    CHECK(said("socket,id=c,path=/x,bogus=1") == "! Invalid parameter 'bogus'");
    CHECK(said("socket,id=c,path=/x,server=x") == "! Parameter 'server' expects 'on' or 'off'");
}

TEST_CASE("chardev options: the short form")
{
    CHECK(said_short("stdio") == R"({"type": "stdio", "data": {}})");
    CHECK(said_short("pty") == R"({"type": "pty", "data": {}})");
    CHECK(said_short("file:/x") == R"({"type": "file", "data": {"out": "/x"}})");
    CHECK(said_short("unix:/x,server=on,wait=off")
        == R"({"type": "socket", "data": {"addr": {"type": "unix", "data": {"path": "/x"}}, "server": true, "wait": false}})");
    CHECK(said_short("tcp:[::1]:4444,tls-creds=t")
        == R"({"type": "socket", "data": {"addr": {"type": "inet", "data": {"host": "::1", "port": "4444"}}, )"
           R"("tls-creds": "t", "server": false}})");
    CHECK(said_short("tcp:nowhere") == "! parse error: tcp:nowhere");
    CHECK(said_short("tcp:h:1,bogus=1") == "! Invalid parameter 'bogus'");
    CHECK(said_short("") == "! '' is not a valid char driver");
}

} // namespace minivisor::io
