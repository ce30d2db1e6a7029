// SPDX-License-Identifier: GPL-3.0-or-later
// Names one by one, each as it was made and as it has to be written; GnuTLS is asked about every line of the table.
#include "crypto/identity.hpp"

#include "gnutls.hpp"
#include "pki.hpp"
#include "util/text.hpp"

#include <catch2/catch.hpp>

using namespace minivisor;
using namespace minivisor::crypto;
using namespace minivisor::crypto::test;

namespace {

constexpr char const* cn = "2.5.4.3";
constexpr char const* surname = "2.5.4.4";
constexpr char const* serial = "2.5.4.5";
constexpr char const* c = "2.5.4.6";
constexpr char const* l = "2.5.4.7";
constexpr char const* st = "2.5.4.8";
constexpr char const* street = "2.5.4.9";
constexpr char const* o = "2.5.4.10";
constexpr char const* ou = "2.5.4.11";
constexpr char const* dc = "0.9.2342.19200300.100.1.25";
constexpr char const* uid = "0.9.2342.19200300.100.1.1";
constexpr char const* email_oid = "1.2.840.113549.1.9.1";
constexpr int utf8 = V_ASN1_UTF8STRING;
constexpr int printable = V_ASN1_PRINTABLESTRING;
constexpr int ia5 = V_ASN1_IA5STRING;
constexpr int teletex = V_ASN1_T61STRING;
constexpr int bmp = V_ASN1_BMPSTRING;
constexpr int universal = V_ASN1_UNIVERSALSTRING;
constexpr int numeric = V_ASN1_NUMERICSTRING;

struct Row {
    std::vector<Attribute> subject;
    std::string identity;
};

std::string bytes(std::initializer_list<int> values)
{
    std::string text;
    for (int const value : values)
        text += static_cast<char>(value);
    return text;
}

std::vector<Row> const table{
    // The order is the certificate's, whatever it is.
    {{{c, "GB", printable}, {st, "London"}, {l, "London"}, {o, "Example Org"}, {cn, "laptop.example.com"}},
        "C=GB,ST=London,L=London,O=Example Org,CN=laptop.example.com"},
    {{{cn, "laptop.example.com"}, {o, "Example Org"}, {l, "London"}, {st, "London"}, {c, "GB", printable}},
        "CN=laptop.example.com,O=Example Org,L=London,ST=London,C=GB"},
    {{{o, "b"}, {o, "a"}, {cn, "z"}, {ou, "y"}}, "O=b,O=a,CN=z,OU=y"},
    {{{dc, "com", ia5}, {dc, "example", ia5}, {uid, "jo"}}, "DC=com,DC=example,UID=jo"},
    {{{cn, "a"}, {cn, "b"}, {cn, "a"}}, "CN=a,CN=b,CN=a"},
    // Multi-valued parts: DER has put them in the order of their encodings.
    {{{o, "a"}, {ou, "b", utf8, true}, {cn, "c"}}, "O=a+OU=b,CN=c"},
    {{{cn, "c"}, {uid, "u", utf8, true}}, "CN=c+UID=u"},
    {{{cn, "a"}, {o, "b"}, {ou, "d", utf8, true}, {l, "e", utf8, true}}, "CN=a,L=e+O=b+OU=d"},
    {{{cn, "a+b"}, {o, "c", utf8, true}}, R"(O=c+CN=a\+b)"},
    {{{cn, "a"}, {cn, "b", utf8, true}}, "CN=a+CN=b"},
    // Names of attributes.
    {{{email_oid, "a@b.example", ia5}}, "EMAIL=a@b.example"},
    {{{surname, "Doe"}, {"2.5.4.42", "Jo"}, {"2.5.4.43", "J"}}, "surName=Doe,givenName=Jo,initials=J"},
    {{{serial, "17", printable}, {"2.5.4.12", "Dr"}}, "serialNumber=17,title=Dr"},
    {{{street, "1 High Street"}, {"2.5.4.17", "N1 9GU"}}, "street=1 High Street,postalCode=N1 9GU"},
    {{{"2.5.4.13", "d"}, {"2.5.4.15", "Private Organization"}}, "description=d,businessCategory=Private Organization"},
    {{{"2.5.4.20", "1", printable}, {"2.5.4.41", "n"}, {"2.5.4.44", "III"}},
        "telephoneNumber=1,name=n,generationQualifier=III"},
    {{{"2.5.4.46", "q", printable}, {"2.5.4.65", "p"}}, "dnQualifier=q,pseudonym=p"},
    {{{"1.3.6.1.4.1.311.60.2.1.1", "a"}, {"1.3.6.1.4.1.311.60.2.1.2", "b"},
         {"1.3.6.1.4.1.311.60.2.1.3", "GB", printable}},
        "jurisdictionOfIncorporationLocalityName=a,jurisdictionOfIncorporationStateOrProvinceName=b,"
        "jurisdictionOfIncorporationCountryName=GB"},
    {{{"1.3.6.1.5.5.7.9.2", "x"}, {"1.3.6.1.5.5.7.9.3", "F", printable}}, "placeOfBirth=x,gender=F"},
    {{{"1.3.6.1.5.5.7.9.4", "GB", printable}, {"1.3.6.1.5.5.7.9.5", "FR", printable}},
        "countryOfCitizenship=GB,countryOfResidence=FR"},
    {{{"1.2.643.100.1", "12", numeric}, {"1.2.643.100.3", "34", numeric}}, "OGRN=12,SNILS=34"},
    {{{"1.2.643.100.5", "1", numeric}, {"1.2.643.3.131.1.1", "2", numeric}}, "OGRNIP=1,INN=2"},
    // Unknown ones: the OID and the hex of the whole value.
    {{{"2.5.4.97", "VATX"}}, "2.5.4.97=#0c0456415458"},
    {{{"1.2.3.4", "a", printable}}, "1.2.3.4=#130161"},
    {{{"1.3.6.1.4.1.55555.1", "x", ia5}, {cn, "y"}}, "1.3.6.1.4.1.55555.1=#160178,CN=y"},
    {{{"2.5.4.45", "a"}, {cn, "y", utf8, true}}, "CN=y+2.5.4.45=#0c0161"},
    {{{"2.999.1", "a,b"}}, "2.999.1=#0c03612c62"},
    // Special characters.
    {{{cn, ","}}, R"(CN=\,)"},
    {{{cn, "a,b,c"}}, R"(CN=a\,b\,c)"},
    {{{cn, "x,O=Example Org"}}, R"(CN=x\,O=Example Org)"},
    {{{cn, "a+b"}}, R"(CN=a\+b)"},
    {{{cn, "\"a\""}}, R"(CN=\"a\")"},
    {{{cn, "a\\b"}}, R"(CN=a\\b)"},
    {{{cn, "<a>"}}, R"(CN=\<a\>)"},
    {{{cn, "a;b"}}, R"(CN=a\;b)"},
    {{{cn, "a=b"}}, "CN=a=b"},
    {{{cn, "a/b"}}, "CN=a/b"},
    {{{cn, "#a"}}, R"(CN=\#a)"},
    {{{cn, "a#"}}, "CN=a#"},
    {{{cn, " a"}}, R"(CN=\ a)"},
    {{{cn, "a "}}, R"(CN=a\ )"},
    {{{cn, " "}}, R"(CN=\ )"},
    {{{cn, "  a  "}}, R"(CN=\  a \ )"},
    {{{cn, "a b"}}, "CN=a b"},
    {{{cn, "*.example.com"}}, "CN=*.example.com"},
    {{{o, "it's \"x\", & y"}}, R"(O=it's \"x\"\, & y)"},
    // Letters beyond ASCII, by whichever string type.
    {{{cn, "Jürgen"}}, "CN=Jürgen"},
    {{{cn, "日本語"}, {o, "😀"}}, "CN=日本語,O=😀"},
    {{{cn, "e\xcc\x81"}}, "CN=e\xcc\x81"},
    {{{cn, bytes({0, 'J', 0, 0xfc}), bmp}}, "CN=Jü"},
    {{{cn, bytes({0x65, 0xe5, 0, ','}), bmp}}, R"(CN=日\,)"},
    {{{cn, "plain", teletex}}, "CN=plain"},
    {{{cn, bytes({'G', 0xdc}), teletex}}, R"(CN=\#47dc)"},
    {{{cn, bytes({0, 0, 0, 'G'}), universal}}, R"(CN=\#00000047)"},
    {{{cn, "plain", printable}}, "CN=plain"},
    // A string type that is none for the attribute: the hex of the whole value.
    {{{c, "GB"}}, "C=#0c024742"},
    {{{email_oid, "a@b"}}, "EMAIL=#0c03614062"},
    {{{cn, "GB", ia5}}, "CN=#16024742"},
    {{{serial, "17"}}, "serialNumber=#0c023137"},
    {{{dc, "x"}}, "DC=#0c0178"},
    {{{"1.2.643.100.1", "12", printable}}, "OGRN=#13023132"},
    // Control characters that forge no line are written as they are.
    {{{cn, "a\tb"}}, "CN=a\tb"},
    {{{cn, "a\x1b[31mb"}}, "CN=a\x1b[31mb"},
    {{{cn, "a\x7f"}}, "CN=a\x7f"},
    // Long ones.
    {{{cn, std::string(300, 'a')}}, "CN=" + std::string(300, 'a')},
    {{{"1.2.3.4", std::string(128, 'a')}},
        "1.2.3.4=#0c8180" +
            [] {
                std::string hex;
                for (int i = 0; i < 128; ++i)
                    hex += "61";
                return hex;
            }()},
};

} // namespace

TEST_CASE("every name of the table is written as it stands there, and GnuTLS writes it so")
{
    auto const* const gnutls = GnuTls::find();
    CHECK(table.size() >= 60);
    auto const holder = issue({.subject = {common_name("x")}});
    for (auto const& [subject, wanted] : table) {
        REQUIRE(set_subject(holder.certificate.get(), subject));
        auto const ours = identity_of(holder.certificate.get());
        REQUIRE(ours);
        CHECK(util::printable(*ours) == util::printable(wanted));
        if (gnutls)
            CHECK(
                util::printable(gnutls->subject(holder.certificate.get()).value_or("none")) == util::printable(wanted));
    }
}

TEST_CASE("the names that could forge a line are refused, in every string type, though GnuTLS writes them")
{
    auto const holder = issue({.subject = {common_name("x")}});
    for (auto const& attribute : {Attribute{cn, "a\nb"}, {cn, "a\rb"}, {cn, bytes({'a', 0, 'b'})}, {o, "\n"},
             {c, "G\n", printable}, {email_oid, "a\r\nb", ia5}, {cn, bytes({0, 'a', 0, '\n'}), bmp},
             {cn, bytes({0, 0, 0, 'a'}), bmp}, {cn, "a\n", teletex}, {serial, "1\n", printable}}) {
        REQUIRE(set_subject(holder.certificate.get(), {attribute}));
        auto const identity = identity_of(holder.certificate.get());
        INFO(util::printable(attribute.value)
            << ": " << (identity ? util::printable(*identity) : identity.error().desc()));
        CHECK((!identity || identity->find_first_of(std::string_view("\0\r\n", 3)) == std::string::npos));
        CHECK((identity || identity.error().desc() == "it contains a NUL, CR or LF character"));
    }
}
