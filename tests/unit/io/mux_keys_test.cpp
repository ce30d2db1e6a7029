// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/mux_keys.hpp"

#include <catch2/catch.hpp>

namespace minivisor::io {
namespace {

/// What the bytes say: data as they are, the other meanings as numbers in brackets.
std::string said(MuxKeys& keys, std::string_view bytes)
{
    std::string text;
    for (char const byte : bytes) {
        auto const meaning = keys.take(static_cast<unsigned char>(byte));
        if (meaning == MuxKeys::Meaning::data)
            text += byte;
        else if (meaning != MuxKeys::Meaning::nothing)
            text += "[" + std::to_string(static_cast<int>(meaning)) + "]";
    }
    return text;
}

} // namespace

TEST_CASE("mux keys: the escape character takes the next key for itself, twice it is data")
{
    MuxKeys keys;
    CHECK(said(keys, "abc") == "abc");
    CHECK(said(keys, "a\x01hb\x01?c") == "a[2]b[2]c");
    CHECK(said(keys,
              "\x01x\x01s\x01t\x01"
              "b\x01"
              "c")
        == "[3][4][5][6][7]");
    CHECK(said(keys, "\x01\x01.") == "\x01.");
    CHECK(said(keys, "\x01q.") == ".");
    CHECK(said(keys, "\x01") == "");
    CHECK(said(keys, "cc") == "[7]c"); // also when the two come one by one
}

TEST_CASE("mux keys: any byte can be the escape character")
{
    MuxKeys keys(0xff);
    CHECK(said(keys,
              "\x01"
              "c\xff"
              "c\xff\xff")
        == "\x01"
           "c[7]\xff");
    CHECK(keys.help().find("<0xff> h    print this help\n\r") != std::string::npos);
    CHECK(MuxKeys(26).help().find("C-z C-z  sends C-z\n\r") != std::string::npos);
}

TEST_CASE("mux keys: times stand at the start of lines, from the first one on")
{
    LineTimes times;
    times.toggle();
    CHECK(times.stamp("a\nb", 5000) == "a\n[00:00:00.000] b");
    CHECK(times.stamp("c\n", 6000) == "c\n");
    CHECK(times.stamp("d", 5000 + 3661042) == "[01:01:01.042] d");
    times.toggle();
    CHECK_FALSE(times.on());
}

} // namespace minivisor::io
