// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/identity.hpp"

#include "gnutls.hpp"
#include "pki.hpp"
#include "util/text.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <random>

using namespace minivisor;
using namespace minivisor::crypto;
using namespace minivisor::crypto::test;

namespace {

X509Ptr with_subject(std::vector<Attribute> const& subject) { return issue({.subject = subject}).certificate; }

std::string identity(std::vector<Attribute> const& subject)
{
    auto const result = identity_of(with_subject(subject).get());
    return result ? *result : "error: " + result.error().desc();
}

constexpr char const* country = "2.5.4.6";
constexpr char const* organisation = "2.5.4.10";
constexpr char const* unit = "2.5.4.11";
constexpr char const* email = "1.2.840.113549.1.9.1";

} // namespace

TEST_CASE("a subject is written in the certificate's order, without blanks")
{
    CHECK(identity({{country, "GB", V_ASN1_PRINTABLESTRING}, {"2.5.4.8", "London"}, {"2.5.4.7", "London"},
              {organisation, "Example Org"}, common_name("laptop.example.com")})
        == "C=GB,ST=London,L=London,O=Example Org,CN=laptop.example.com");
    CHECK(identity({common_name("laptop.example.com"), {organisation, "Example Org"}})
        == "CN=laptop.example.com,O=Example Org");
}

TEST_CASE("the parts of a multi-valued name are joined by a plus sign")
{
    CHECK(identity({{organisation, "a"}, {unit, "b", V_ASN1_UTF8STRING, true}, common_name("c")}) == "O=a+OU=b,CN=c");
}

TEST_CASE("attributes have the names that GnuTLS gives them")
{
    CHECK(identity({{email, "a@b.example", V_ASN1_IA5STRING}}) == "EMAIL=a@b.example");
    CHECK(identity({{"2.5.4.4", "Doe"}, {"2.5.4.42", "Jo"}}) == "surName=Doe,givenName=Jo");
    CHECK(identity({{"0.9.2342.19200300.100.1.25", "example", V_ASN1_IA5STRING}, {"0.9.2342.19200300.100.1.1", "jo"}})
        == "DC=example,UID=jo");
    CHECK(identity({{"2.5.4.5", "17", V_ASN1_PRINTABLESTRING}}) == "serialNumber=17");
    CHECK(identity({{"1.3.6.1.4.1.311.60.2.1.3", "GB", V_ASN1_PRINTABLESTRING}})
        == "jurisdictionOfIncorporationCountryName=GB");
}

TEST_CASE("an attribute without a name is written as its OID and the hex of its encoding")
{
    CHECK(identity({{"2.5.4.97", "VATX"}}) == "2.5.4.97=#0c0456415458");
    CHECK(identity({{"1.2.3.4", std::string(300, 'a')}}).starts_with("1.2.3.4=#0c82012c6161"));
}

TEST_CASE("a value of the wrong string type is written as the hex of its encoding")
{
    CHECK(identity({{country, "GB"}}) == "C=#0c024742");
    CHECK(identity({{email, "a@b"}}) == "EMAIL=#0c03614062");
    CHECK(identity({{"2.5.4.3", "GB", V_ASN1_IA5STRING}}) == "CN=#16024742");
}

TEST_CASE("special characters are escaped with a backslash, and no others")
{
    CHECK(identity({common_name(",+\"\\<>;=/")}) == R"(CN=\,\+\"\\\<\>\;=/)");
    CHECK(identity({common_name("#a#")}) == R"(CN=\#a#)");
    CHECK(identity({common_name(" a b ")}) == R"(CN=\ a b\ )");
    CHECK(identity({common_name(" ")}) == R"(CN=\ )");
}

TEST_CASE("values of other encodings come out as UTF-8")
{
    CHECK(identity({common_name("Żółw")}) == "CN=Żółw");
    CHECK(identity({{"2.5.4.3", std::string("\0\xdc\x65\xe5", 4), V_ASN1_BMPSTRING}}) == "CN=Ü日");
    CHECK(identity({{"2.5.4.3", "GB", V_ASN1_T61STRING}}) == "CN=GB");
}

TEST_CASE("string types that GnuTLS cannot convert come out as it writes them")
{
    CHECK(identity({{"2.5.4.3", "G\xdc", V_ASN1_T61STRING}}) == R"(CN=\#47dc)");
    CHECK(identity({{"2.5.4.3", std::string("\0\0\0G", 4), V_ASN1_UNIVERSALSTRING}}) == R"(CN=\#00000047)");
}

TEST_CASE("an empty subject is no identity") { CHECK(identity({}) == "error: the certificate has an empty subject"); }

TEST_CASE("NUL, CR and LF in a name are refused")
{
    for (auto const* const bad : {"a\nCN=root", "a\r", "\n"})
        CHECK(identity({common_name(bad)}) == "error: it contains a NUL, CR or LF character");
    CHECK(identity({common_name(std::string("a\0b", 3))}) == "error: it contains a NUL, CR or LF character");
    CHECK(identity({{email, std::string("a\0b", 3), V_ASN1_IA5STRING}})
        == "error: it contains a NUL, CR or LF character");
}

TEST_CASE("a name that is not UTF-8 is refused")
{
    CHECK(identity({{"2.5.4.3", "a\xe9", V_ASN1_PRINTABLESTRING}}) == "error: it is not valid UTF-8");
}

TEST_CASE("random subjects are written as GnuTLS writes them")
{
    auto const* const gnutls = GnuTls::find();
    if (!gnutls)
        return;
    constexpr std::array oids{"2.5.4.3", "2.5.4.4", "2.5.4.5", "2.5.4.6", "2.5.4.7", "2.5.4.8", "2.5.4.9", "2.5.4.10",
        "2.5.4.11", "2.5.4.12", "2.5.4.13", "2.5.4.15", "2.5.4.17", "2.5.4.20", "2.5.4.41", "2.5.4.42", "2.5.4.43",
        "2.5.4.44", "2.5.4.46", "2.5.4.65", "2.5.4.97", "0.9.2342.19200300.100.1.1", "0.9.2342.19200300.100.1.25",
        "1.2.840.113549.1.9.1", "1.3.6.1.4.1.311.60.2.1.1", "1.3.6.1.4.1.311.60.2.1.2", "1.3.6.1.4.1.311.60.2.1.3",
        "1.3.6.1.5.5.7.9.2", "1.3.6.1.5.5.7.9.3", "1.3.6.1.5.5.7.9.4", "1.3.6.1.5.5.7.9.5", "1.2.643.100.1",
        "1.2.643.100.3", "1.2.643.100.5", "1.2.643.3.131.1.1", "1.2.3.4.5"};
    constexpr std::array types{V_ASN1_UTF8STRING, V_ASN1_PRINTABLESTRING, V_ASN1_IA5STRING, V_ASN1_T61STRING,
        V_ASN1_BMPSTRING, V_ASN1_UNIVERSALSTRING, V_ASN1_NUMERICSTRING};
    constexpr std::array pieces{"a", "B", "7", " ", ",", "+", "\"", "\\", "<", ">", ";", "=", "/", "#", "Ü", "日", "😀",
        "\t", "\x1b", "\x7f", "@", "*", "\n", "e\xcc\x81", "\xe9"};
    std::mt19937 random(20240607);
    auto const below = [&](std::size_t limit) { return random() % limit; };
    auto const holder = issue({.subject = {common_name("x")}});
    int compared = 0;
    int refused = 0;
    for (int round = 0; round < 3000; ++round) {
        std::vector<Attribute> subject;
        for (std::size_t i = 0, count = 1 + below(4); i < count; ++i) {
            std::string value;
            auto const type = below(3) ? types[0] : types[below(types.size())];
            for (std::size_t j = 0, length = below(7); j < length; ++j)
                value += pieces[below(pieces.size())];
            if (type == V_ASN1_BMPSTRING || type == V_ASN1_UNIVERSALSTRING)
                value.resize(value.size() / 4 * 4);
            subject.push_back({oids[below(oids.size())], value, type, i > 0 && below(3) == 0});
        }
        // Where OpenSSL cannot hold the name there is no certificate to judge.
        if (!set_subject(holder.certificate.get(), subject))
            continue;
        auto const ours = identity_of(holder.certificate.get());
        auto const theirs = gnutls->subject(holder.certificate.get());
        INFO("round " << round << ": " << (theirs ? util::printable(*theirs) : "none")
                      << ", ours: " << (ours ? util::printable(*ours) : "none"));
        if (!ours) {
            auto const& why = ours.error().desc();
            bool const on_purpose
                = why.find("NUL, CR or LF") != std::string::npos || why.find("UTF-8") != std::string::npos;
            CHECK((!theirs || on_purpose));
            ++refused;
            continue;
        }
        CHECK(theirs);
        if (!theirs)
            continue;
        CHECK(util::printable(*ours) == util::printable(*theirs));
        ++compared;
    }
    CHECK(compared > 1000);
    CHECK(refused > 10);
}
