// SPDX-License-Identifier: GPL-3.0-or-later
// What is in a folder or a file, and the lines that are printed about it.
#include "crypto/identity.hpp"
#include "crypto/psk.hpp"
#include "crypto/tls_context.hpp"
#include "crypto/tls_files.hpp"
#include "crypto/validity.hpp"
#include "tools/pki/authority.hpp"
#include "tools/pki/commands.hpp"
#include "util/fd.hpp"
#include "util/text.hpp"

#include <arpa/inet.h>
#include <chrono>
#include <cstdio>
#include <filesystem>

namespace minivisor::tools {

namespace {

using crypto::Endpoint;

/// The hosts that a certificate names, harmless to print.
std::string hosts_of(X509* certificate)
{
    crypto::GeneralNamesPtr const names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    std::vector<std::string> hosts;
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        auto const* const name = sk_GENERAL_NAME_value(names.get(), i);
        char text[INET6_ADDRSTRLEN];
        if (name->type == GEN_DNS)
            hosts.emplace_back(reinterpret_cast<char const*>(ASN1_STRING_get0_data(name->d.dNSName)),
                static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
        else if (name->type == GEN_IPADD
            && inet_ntop(ASN1_STRING_length(name->d.iPAddress) == 4 ? AF_INET : AF_INET6,
                ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof text))
            hosts.emplace_back(text);
    }
    return util::printable(util::join(hosts, ", "));
}

void print_certificate(X509* certificate)
{
    print_line("identity", shown_identity(certificate));
    if (auto const hosts = hosts_of(certificate); !hosts.empty())
        print_line("hosts", hosts);
    print_line("until", until(certificate));
    print_line("serial", serial_of(certificate));
    print_line("SHA-256", crypto::fingerprint(certificate));
}

Result<void> show_authority(std::string const& folder)
{
    auto const authority = TRY(Authority::open(folder));
    std::printf("%s: a certificate authority\n", folder.c_str());
    print_certificate(authority.certificate());
    auto const issued = TRY(authority.issued());
    for (auto const& certificate : issued) {
        std::printf("%s%s\n", shown_identity(certificate.get()).c_str(),
            authority.has_revoked(certificate.get()) ? ": REVOKED" : "");
        print_line("serial", serial_of(certificate.get()));
        print_line("until", until(certificate.get()));
    }
    return {};
}

/// Whether minivisor would take the folder for this end, in its own words.
Result<void> show_identity(std::string const& folder, Endpoint endpoint)
{
    auto const role = role_of(endpoint);
    auto const path = cat(folder, '/', role, "-cert.pem");
    if (!std::filesystem::exists(path))
        return {};
    auto const certificates = TRY(crypto::parse_certificates(TRY(util::read_file(path, crypto::max_credentials_file))));
    std::printf("%s\n", path.c_str());
    print_certificate(certificates.front().get());
    auto const loaded = crypto::TlsContext::load_x509({.endpoint = endpoint, .dir = folder});
    print_line("usable", loaded ? "yes" : cat("NO: ", loaded.error().desc()));
    if (loaded)
        print_object("here", cat("tls-creds-x509,id=tls0,endpoint=", role, ",verify-peer=on,dir=", as_value(folder)));
    if (auto const identity = crypto::identity_of(certificates.front().get());
        loaded && identity && endpoint == Endpoint::client)
        print_object("who lets it in", cat("authz-simple,id=auth0,identity=", as_value(*identity)));
    return {};
}

Result<void> show_folder(std::string const& folder)
{
    bool found = false;
    if (Authority::is_one(folder)) {
        TRY(show_authority(folder));
        found = true;
    }
    for (auto const endpoint : {Endpoint::server, Endpoint::client}) {
        found = found || std::filesystem::exists(cat(folder, '/', role_of(endpoint), "-cert.pem"));
        TRY(show_identity(folder, endpoint));
    }
    auto const keys = cat(folder, "/keys.psk");
    if (std::filesystem::exists(keys)) {
        auto text = TRY(util::read_file(keys, crypto::max_credentials_file));
        auto const good = crypto::PskKeys::parse(text, keys);
        if (!good)
            return good.error();
        std::printf("%s\n", keys.c_str());
        for (auto const line : util::split(text, '\n'))
            if (!line.empty())
                print_line("user", util::printable(line.substr(0, line.find(':'))));
        crypto::wipe(text);
        found = true;
    }
    if (!found)
        return Error::generic(cat(folder, " holds neither an authority nor credentials"));
    return {};
}

} // namespace

Result<void> show(Arguments const& arguments)
{
    for (auto const& word : arguments.words) {
        auto const path = absolute(word);
        if (std::filesystem::is_directory(path)) {
            TRY(show_folder(path));
            continue;
        }
        auto const text = TRY(util::read_file(path, crypto::max_credentials_file));
        auto const certificates = crypto::parse_certificates(text);
        if (!certificates)
            return Error::generic(cat(path, " holds no certificate"));
        for (auto const& certificate : *certificates) {
            std::printf("%s\n", path.c_str());
            print_certificate(certificate.get());
        }
    }
    return {};
}

std::string until(X509 const* certificate)
{
    auto const end = crypto::end_of(certificate);
    auto const left = end - std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    auto const days = std::chrono::floor<std::chrono::days>(left).count();
    return cat(crypto::utc_text(end),
        left.count() < 0 ? std::string(" EXPIRED") : cat(" (", days, days == 1 ? " day" : " days", " left)"));
}

std::string shown_identity(X509 const* certificate)
{
    auto const identity = crypto::identity_of(certificate);
    return identity ? util::printable(*identity) : cat("(none: ", identity.error().desc(), ')');
}

void print_line(std::string_view label, std::string_view text)
{
    std::printf(
        "  %-10.*s %.*s\n", static_cast<int>(label.size()), label.data(), static_cast<int>(text.size()), text.data());
}

void print_object(std::string_view label, std::string const& object)
{
    std::string quoted;
    for (char const c : object)
        quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    std::printf("  %.*s, one of:\n    object_add %s\n    -object '%s'\n", static_cast<int>(label.size()), label.data(),
        util::printable(object).c_str(), util::printable(quoted).c_str());
}

std::string as_value(std::string_view text)
{
    std::string value;
    for (char const c : text)
        value += c == ',' ? std::string(",,") : std::string(1, c);
    return value;
}

std::string absolute(std::string const& path)
{
    auto text = std::filesystem::absolute(path).lexically_normal().string();
    if (text.size() > 1 && text.ends_with('/'))
        text.pop_back();
    return text;
}

std::string_view role_of(Endpoint endpoint) { return endpoint == Endpoint::server ? "server" : "client"; }

} // namespace minivisor::tools
