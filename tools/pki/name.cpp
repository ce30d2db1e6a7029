// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/pki/name.hpp"

#include "crypto/identity.hpp"
#include "crypto/x509.hpp"
#include "util/text.hpp"

#include <algorithm>

namespace minivisor::tools {

namespace {

constexpr std::size_t longest_name = 4096;

using ObjectPtr = std::unique_ptr<ASN1_OBJECT, crypto::OpensslFree<ASN1_OBJECT_free>>;

/// One "attribute=value" of a name; `joined` to the one before it by '+'.
struct Part {
    std::string attribute;
    std::string value;
    bool joined = false;
};

/// Takes the text apart at ',', '+' and the first '=' of each part; what a backslash stands before is text.
Result<std::vector<Part>> split_name(std::string_view text)
{
    std::vector<Part> parts(1);
    bool in_value = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto& part = parts.back();
        if (text[i] == '\\') {
            if (++i == text.size() || std::string_view(",+\"\\<>;= #").find(text[i]) == std::string_view::npos)
                return Error::generic(
                    cat("a backslash stands before , + \" \\ < > ; = # or a blank, not at '", text, '\''));
            (in_value ? part.value : part.attribute) += text[i];
        } else if (text[i] == ',' || text[i] == '+') {
            parts.push_back({{}, {}, text[i] == '+'});
            in_value = false;
        } else if (text[i] == '=' && !in_value) {
            in_value = true;
        } else if (in_value) {
            part.value += text[i];
        } else if (text[i] != ' ' || !part.attribute.empty()) {
            part.attribute += text[i]; // people write a blank behind the comma
        }
    }
    return parts;
}

bool is_oid(std::string_view text)
{
    return text.find('.') != text.npos
        && std::ranges::all_of(text, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

Result<void> add_part(X509_NAME* name, Part const& part)
{
    auto const known = crypto::attribute_oid(part.attribute);
    if (!known && !is_oid(part.attribute))
        return Error::generic(cat("'", part.attribute,
            "' is no attribute of a name; there are CN, O, OU, L, ST, C, DC, UID, EMAIL and the like, or an OID"));
    if (part.value.empty())
        return Error::generic(cat("the attribute ", part.attribute, " has no value"));
    crypto::clear_openssl_errors();
    ObjectPtr const oid(OBJ_txt2obj(known.value_or(part.attribute).c_str(), 1));
    if (!oid
        || X509_NAME_add_entry_by_OBJ(name, oid.get(), MBSTRING_UTF8,
               reinterpret_cast<unsigned char const*>(part.value.data()), static_cast<int>(part.value.size()), -1,
               part.joined ? -1 : 0)
            != 1)
        return Error::generic(cat(part.attribute, '=', part.value, ": ", crypto::take_openssl_errors()));
    return {};
}

bool is_host_name(std::string_view host)
{
    bool const whole = host.starts_with("*.");
    return std::ranges::all_of(whole ? host.substr(2) : host,
               [](char c) {
                   return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
                       || c == '.' || c == '_';
               })
        && !host.empty() && host.front() != '.' && host.size() <= 253;
}

} // namespace

Result<NamePtr> parse_name(std::string_view text)
{
    if (text.empty() || text.size() > longest_name || util::printable(text) != text || !util::is_utf8(text))
        return Error::generic("a name is text of 1 to 4096 bytes in UTF-8, without control characters");
    std::vector<Part> parts;
    if (text.find('=') == text.npos)
        parts.push_back({"CN", std::string(text)});
    else
        parts = TRY(split_name(text));
    NamePtr name(X509_NAME_new());
    for (auto const& part : parts)
        TRY(add_part(name.get(), part));
    return name;
}

Result<std::string> alternative_names(std::span<std::string const> hosts)
{
    std::vector<std::string> names;
    for (auto const& host : hosts) {
        if (crypto::is_ip_literal(host))
            names.push_back(cat("IP:", host));
        else if (is_host_name(host))
            names.push_back(cat("DNS:", host));
        else
            return Error::generic(cat("'", util::printable(host),
                "' is neither an address nor a host name; one with other letters is written in its xn-- form"));
    }
    return util::join(names, ",");
}

} // namespace minivisor::tools
