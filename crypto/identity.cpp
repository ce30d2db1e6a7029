// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/identity.hpp"

#include "util/text.hpp"

#include <openssl/obj_mac.h>
#include <openssl/objects.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

namespace minivisor::crypto {

namespace {

/// How GnuTLS expects an attribute's value to be encoded. What is encoded otherwise it writes in hex.
enum class Syntax { directory_string, printable, ia5, numeric };

struct Attribute {
    std::string_view oid;
    std::string_view name;
    Syntax syntax;
};

// The attributes that GnuTLS 3.7 knows (asked of the library: gnutls_x509_dn_oid_name).
constexpr std::array known_attributes{
    Attribute{"2.5.4.3", "CN", Syntax::directory_string},
    Attribute{"2.5.4.4", "surName", Syntax::directory_string},
    Attribute{"2.5.4.5", "serialNumber", Syntax::printable},
    Attribute{"2.5.4.6", "C", Syntax::printable},
    Attribute{"2.5.4.7", "L", Syntax::directory_string},
    Attribute{"2.5.4.8", "ST", Syntax::directory_string},
    Attribute{"2.5.4.9", "street", Syntax::directory_string},
    Attribute{"2.5.4.10", "O", Syntax::directory_string},
    Attribute{"2.5.4.11", "OU", Syntax::directory_string},
    Attribute{"2.5.4.12", "title", Syntax::directory_string},
    Attribute{"2.5.4.13", "description", Syntax::directory_string},
    Attribute{"2.5.4.15", "businessCategory", Syntax::directory_string},
    Attribute{"2.5.4.17", "postalCode", Syntax::directory_string},
    Attribute{"2.5.4.20", "telephoneNumber", Syntax::printable},
    Attribute{"2.5.4.41", "name", Syntax::directory_string},
    Attribute{"2.5.4.42", "givenName", Syntax::directory_string},
    Attribute{"2.5.4.43", "initials", Syntax::directory_string},
    Attribute{"2.5.4.44", "generationQualifier", Syntax::directory_string},
    Attribute{"2.5.4.46", "dnQualifier", Syntax::printable},
    Attribute{"2.5.4.65", "pseudonym", Syntax::directory_string},
    Attribute{"0.9.2342.19200300.100.1.1", "UID", Syntax::directory_string},
    Attribute{"0.9.2342.19200300.100.1.25", "DC", Syntax::ia5},
    Attribute{"1.2.840.113549.1.9.1", "EMAIL", Syntax::ia5},
    Attribute{"1.3.6.1.4.1.311.60.2.1.1", "jurisdictionOfIncorporationLocalityName", Syntax::directory_string},
    Attribute{"1.3.6.1.4.1.311.60.2.1.2", "jurisdictionOfIncorporationStateOrProvinceName", Syntax::directory_string},
    Attribute{"1.3.6.1.4.1.311.60.2.1.3", "jurisdictionOfIncorporationCountryName", Syntax::printable},
    Attribute{"1.3.6.1.5.5.7.9.2", "placeOfBirth", Syntax::directory_string},
    Attribute{"1.3.6.1.5.5.7.9.3", "gender", Syntax::printable},
    Attribute{"1.3.6.1.5.5.7.9.4", "countryOfCitizenship", Syntax::printable},
    Attribute{"1.3.6.1.5.5.7.9.5", "countryOfResidence", Syntax::printable},
    Attribute{"1.2.643.100.1", "OGRN", Syntax::numeric},
    Attribute{"1.2.643.100.3", "SNILS", Syntax::numeric},
    Attribute{"1.2.643.100.5", "OGRNIP", Syntax::numeric},
    Attribute{"1.2.643.3.131.1.1", "INN", Syntax::numeric},
};

Attribute const* find_attribute(std::string_view oid)
{
    for (auto const& attribute : known_attributes) {
        if (attribute.oid == oid)
            return &attribute;
    }
    return nullptr;
}

std::string dotted(ASN1_OBJECT const* object)
{
    auto const length = OBJ_obj2txt(nullptr, 0, object, 1);
    if (length <= 0)
        return {};
    std::string text(static_cast<std::size_t>(length) + 1, '\0');
    OBJ_obj2txt(text.data(), length + 1, object, 1);
    text.resize(static_cast<std::size_t>(length));
    return text;
}

std::span<std::uint8_t const> bytes_of(ASN1_STRING const* value)
{
    return {ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))};
}

std::string_view raw_text(ASN1_STRING const* value)
{
    auto const bytes = bytes_of(value);
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

/// '#' and the hex of the whole DER value.
Result<std::string> der_in_hex(ASN1_STRING const* value)
{
    ASN1_TYPE type{};
    type.type = ASN1_STRING_type(value);
    // i2d_ASN1_TYPE only reads; the union's member is the same pointer for all string types.
    type.value.asn1_string = const_cast<ASN1_STRING*>(value);
    unsigned char* der = nullptr;
    auto const length = i2d_ASN1_TYPE(&type, &der);
    OpensslMemory const owner(der);
    if (length <= 0)
        return Error::generic(cat("a value cannot be encoded: ", take_openssl_errors()));
    return cat('#', util::to_hex({der, static_cast<std::size_t>(length)}));
}

std::string escaped(std::string_view text)
{
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        bool const at_edge = i == 0 || i + 1 == text.size();
        if (std::string_view(",+\"\\<>;").find(text[i]) != std::string_view::npos || (text[i] == '#' && i == 0)
            || (text[i] == ' ' && at_edge))
            result += '\\';
        result += text[i];
    }
    return result;
}

bool is_plain_ascii(std::string_view text)
{
    for (char const c : text) {
        if (c < ' ' || c > '~')
            return false;
    }
    return true;
}

Result<std::string> as_utf8(ASN1_STRING const* value)
{
    unsigned char* text = nullptr;
    auto const length = ASN1_STRING_to_UTF8(&text, value);
    OpensslMemory const owner(text);
    if (length < 0)
        return Error::generic("a value is not valid in its encoding");
    return std::string(reinterpret_cast<char const*>(text), static_cast<std::size_t>(length));
}

/// The value's text without escapes; nullopt where GnuTLS writes the DER in hex.
Result<std::optional<std::string>> text_of(ASN1_STRING const* value, Syntax syntax)
{
    auto const type = ASN1_STRING_type(value);
    auto const raw = raw_text(value);
    switch (syntax) {
    case Syntax::printable:
    case Syntax::ia5:
    case Syntax::numeric: {
        int const expected = syntax == Syntax::printable ? V_ASN1_PRINTABLESTRING
            : syntax == Syntax::ia5                      ? V_ASN1_IA5STRING
                                                         : V_ASN1_NUMERICSTRING;
        if (type != expected || raw.empty())
            return std::optional<std::string>();
        return std::optional<std::string>(raw);
    }
    case Syntax::directory_string: break;
    }
    if (raw.empty())
        return Error::generic("a value is empty");
    switch (type) {
    case V_ASN1_UTF8STRING:
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_T61STRING:
    case V_ASN1_BMPSTRING:
    case V_ASN1_UNIVERSALSTRING: break;
    default: return std::optional<std::string>();
    }
    // GnuTLS has no tables for these two and writes their bytes in hex: '#' is then part of the text.
    if (type == V_ASN1_UNIVERSALSTRING || (type == V_ASN1_T61STRING && !is_plain_ascii(raw)))
        return std::optional<std::string>(cat('#', util::to_hex(bytes_of(value))));
    if (type == V_ASN1_BMPSTRING)
        return std::optional<std::string>(TRY(as_utf8(value)));
    return std::optional<std::string>(raw);
}

Result<std::string> attribute_text(X509_NAME_ENTRY const* entry)
{
    auto const oid = dotted(X509_NAME_ENTRY_get_object(entry));
    auto const* const value = X509_NAME_ENTRY_get_data(entry);
    auto const* const attribute = find_attribute(oid);
    if (!attribute)
        return cat(oid, '=', TRY(der_in_hex(value)));
    auto const text = TRY(text_of(value, attribute->syntax));
    if (!text)
        return cat(attribute->name, '=', TRY(der_in_hex(value)));
    if (text->find_first_of(std::string_view("\0\r\n", 3)) != std::string::npos)
        return Error::generic("it contains a NUL, CR or LF character");
    if (!util::is_utf8(*text))
        return Error::generic("it is not valid UTF-8");
    return cat(attribute->name, '=', escaped(*text));
}

} // namespace

Result<std::string> identity_of(X509 const* certificate)
{
    auto const* const subject = X509_get_subject_name(certificate);
    if (!subject || X509_NAME_entry_count(subject) <= 0)
        return Error::generic("the certificate has an empty subject");
    return name_text(subject);
}

Result<std::string> name_text(X509_NAME const* name)
{
    auto const count = name ? X509_NAME_entry_count(name) : 0;
    std::string text;
    int previous_set = -1;
    for (int i = 0; i < count; ++i) {
        auto const* const entry = X509_NAME_get_entry(name, i);
        auto const set = X509_NAME_ENTRY_set(entry);
        if (i > 0)
            text += set == previous_set ? '+' : ',';
        previous_set = set;
        text += TRY(attribute_text(entry));
    }
    return text;
}

std::optional<std::string> attribute_oid(std::string_view name)
{
    auto const same_letter = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
    for (auto const& attribute : known_attributes) {
        if (std::ranges::equal(attribute.name, name, same_letter))
            return std::string(attribute.oid);
    }
    return std::nullopt;
}

} // namespace minivisor::crypto
