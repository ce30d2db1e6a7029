// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_priority.hpp"

#include <openssl/ssl.h>

#include <catch2/catch.hpp>

using namespace minivisor::crypto;

namespace {

std::string refusal(char const* priority)
{
    auto const result = parse_priority(priority);
    return result ? "" : result.error().desc();
}

} // namespace

TEST_CASE("the default is TLS 1.2 and 1.3 with the strongest cipher first")
{
    for (auto const* const text : {"", "NORMAL", "SECURE128", "PFS"}) {
        auto const priority = parse_priority(text).value();
        CHECK(priority.lowest_version == TLS1_2_VERSION);
        CHECK(priority.highest_version == TLS1_3_VERSION);
        CHECK(priority.suites == "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256");
        CHECK(priority.ciphers.starts_with("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"));
        CHECK(priority.security_level == 2);
    }
}

TEST_CASE("the stronger words leave the weaker ciphers and groups out")
{
    auto const priority = parse_priority("SECURE192").value();
    CHECK(priority.suites == "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
    CHECK(priority.groups == "X448:P-384:P-521");
    CHECK(priority.security_level == 3);
}

TEST_CASE("protocol versions can be chosen")
{
    auto const only_13 = parse_priority("NORMAL:-VERS-ALL:+VERS-TLS1.3").value();
    CHECK(only_13.lowest_version == TLS1_3_VERSION);
    CHECK(only_13.ciphers.empty());
    auto const only_12 = parse_priority("NORMAL:!VERS-TLS1.3").value();
    CHECK(only_12.highest_version == TLS1_2_VERSION);
    CHECK(only_12.suites.empty());
    CHECK(parse_priority("NORMAL:-VERS-TLS1.0:-VERS-TLS1.1").has_value());
}

TEST_CASE("ciphers, groups and key exchanges can be chosen")
{
    CHECK(parse_priority("NORMAL:-CIPHER-ALL:+AES-128-GCM").value().suites == "TLS_AES_128_GCM_SHA256");
    CHECK(parse_priority("NORMAL:-GROUP-ALL:+GROUP-X25519").value().groups == "X25519");
    CHECK(parse_priority("NORMAL:-AES-256-GCM:-CHACHA20-POLY1305:-DHE-RSA:-ECDHE-RSA").value().ciphers
        == "ECDHE-ECDSA-AES128-GCM-SHA256");
    auto const none = parse_priority("NONE:+VERS-TLS1.3:+AES-256-GCM:+GROUP-SECP384R1:+AEAD:+SIGN-ALL").value();
    CHECK(none.suites == "TLS_AES_256_GCM_SHA384");
    CHECK(none.groups == "P-384");
}

TEST_CASE("what is not understood, or cannot be given, is refused by name")
{
    CHECK(refusal("NONSENSE") == "Cannot set default TLS session priority NONSENSE: 'NONSENSE' is not supported");
    CHECK(refusal("NORMAL:+VERS-TLS1.0")
        == "Cannot set default TLS session priority NORMAL:+VERS-TLS1.0: '+VERS-TLS1.0' is not supported");
    for (auto const* const bad : {"NORMAL:", ":NORMAL", "NORMAL:+", "NORMAL:AES-128-GCM", "NORMAL:+ARCFOUR-128",
             "NORMAL:-BOGUS", "NORMAL:%COMPAT", "@SYSTEM", "+VERS-TLS1.3", "NORMAL:+SIGN-RSA-MD5", "NORMAL:+ANON-DH"})
        CHECK(!refusal(bad).empty());
}

TEST_CASE("a priority that leaves nothing is refused")
{
    CHECK(refusal("NORMAL:-VERS-ALL")
        == "Cannot set default TLS session priority NORMAL:-VERS-ALL: no protocol version is left");
    CHECK(refusal("NORMAL:-CIPHER-ALL").ends_with("no cipher is left"));
    CHECK(refusal("NORMAL:-GROUP-ALL").ends_with("no group is left"));
    CHECK(refusal("NORMAL:-KX-ALL").ends_with("no key exchange is left"));
    CHECK(!refusal("NONE").empty());
}
