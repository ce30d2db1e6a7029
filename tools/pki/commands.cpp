// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/pki/commands.hpp"

#include "crypto/identity.hpp"
#include "crypto/psk.hpp"
#include "crypto/tls_context.hpp"
#include "crypto/tls_files.hpp"
#include "crypto/validity.hpp"
#include "tools/pki/authority.hpp"
#include "tools/pki/file_set.hpp"
#include "util/text.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include <unistd.h>

namespace minivisor::tools {

namespace {

using crypto::Endpoint;

constexpr int authority_days = 3650;
constexpr int leaf_days = 365;
constexpr int most_days = 36500;

/// The authority's own two files, beside a certificate of it.
void add_authority(FileSet& files, Authority const& authority, std::string const& folder)
{
    auto const pem = authority.certificate_pem();
    auto const path = cat(folder, "/ca-cert.pem");
    auto const held = util::read_file(path, crypto::max_credentials_file);
    files.add(path, pem, 0644);
    // Beside the same authority an older list of it is only that: older.
    files.add(cat(folder, "/ca-crl.pem"), authority.revocation_list_pem(), 0644,
        held && *held == pem ? Existing::replace : Existing::refuse);
}

/// Issues, writes the four files, and has them read as minivisor will read them.
Result<void> give_out(Authority& authority, Request request, Arguments const& arguments)
{
    auto const folder = absolute(arguments.words[1]);
    auto const role = role_of(request.endpoint);
    auto const number = TRY(arguments.number("number", -1, 0, 3));
    auto const suffix = number < 0 ? std::string(".pem") : cat('-', number, ".pem");
    auto const endpoint = request.endpoint;
    request.key_kind = arguments.option("key", "p256");
    request.days = TRY(arguments.number("days", leaf_days, 1, most_days));
    auto const cert_path = cat(folder, '/', role, "-cert", suffix);
    auto const key_path = cat(folder, '/', role, "-key", suffix);
    // Before anything is issued: a certificate that nobody has only makes the list of them longer.
    for (auto const& path : {cert_path, key_path})
        if (!arguments.force && ::access(path.c_str(), F_OK) == 0)
            return Error::generic(cat(path, " is there already; --force replaces it"));
    FileSet files;
    add_authority(files, authority, folder);
    TRY(files.check(arguments.force));

    auto const issued = TRY(authority.issue(request));
    auto* const certificate = issued.certificate.get();
    TRY(make_folder(folder, 0755));
    files.add(key_path, pem_of(issued.key.get()), 0600);
    files.add(cert_path, pem_of(certificate), 0644);
    TRY(files.write(arguments.force));
    if (auto loaded = crypto::TlsContext::load_x509({.endpoint = endpoint, .dir = folder}); !loaded)
        return std::move(loaded).error().context("The files were written, but cannot be used");

    std::printf("%s\n", cert_path.c_str());
    print_line("identity", shown_identity(certificate));
    if (!request.hosts.empty())
        print_line("hosts", util::join(request.hosts, ", "));
    print_line("until", until(certificate));
    print_object("here", cat("tls-creds-x509,id=tls0,endpoint=", role, ",verify-peer=on,dir=", as_value(folder)));
    if (endpoint == Endpoint::client)
        print_object(
            "who lets it in", cat("authz-simple,id=auth0,identity=", as_value(TRY(crypto::identity_of(certificate)))));
    return {};
}

/// Those among `issued` that `who` means: a serial number, an identity, or a common name alone.
Result<std::vector<X509*>> find_issued(std::vector<crypto::X509Ptr> const& issued, std::string const& who)
{
    std::vector<X509*> found;
    std::string wanted = who;
    if (who.find('=') == who.npos)
        wanted = cat("CN=", who);
    std::vector<std::string> known;
    for (auto const& certificate : issued) {
        auto const identity = crypto::identity_of(certificate.get()).value_or("");
        if (identity == wanted || serial_of(certificate.get()) == who)
            found.push_back(certificate.get());
        else
            known.push_back(identity);
    }
    if (!found.empty())
        return found;
    auto error = Error::generic(cat("Nothing was issued to '", util::printable(who), '\''));
    return std::move(error).with_hint(known.empty() ? "It has issued nothing at all."
                                                    : cat("It has issued: ", util::printable(util::join(known, "; "))));
}

Result<void> psk_lines(std::string& text, std::string const& path, std::string const& user, bool replace)
{
    auto const keys = TRY(crypto::PskKeys::parse(text, path));
    if (!keys.find(user))
        return {};
    if (!replace)
        return Error::generic(cat(path, " has a key for '", user, "' already; --force replaces it"));
    std::string kept;
    for (auto const line : util::split(text, '\n'))
        if (!line.empty() && line.substr(0, line.find(':')) != user)
            kept += cat(line, '\n');
    crypto::wipe(text);
    text = std::move(kept);
    return {};
}

} // namespace

Result<void> init(Arguments const& arguments)
{
    auto const folder = absolute(arguments.words[0]);
    std::array<std::uint8_t, 3> random;
    if (RAND_bytes(random.data(), random.size()) != 1)
        return Error::generic("There is no source of random numbers");
    // Two authorities of one name are told apart by nobody.
    auto name = TRY(parse_name(arguments.option("name", cat("Migration CA ", util::to_hex(random)))));
    TRY(Authority::create(folder, std::move(name), arguments.option("key", "p256"),
        TRY(arguments.number("days", authority_days, 1, most_days)), arguments.force));
    auto const authority = TRY(Authority::open(folder));
    std::printf("%s/ca-cert.pem\n", folder.c_str());
    print_line("authority", shown_identity(authority.certificate()));
    print_line("until", until(authority.certificate()));
    print_line("keep", cat(folder, "/ca-key.pem to yourself: who has it lets in whom he likes"));
    return {};
}

Result<void> server(Arguments const& arguments)
{
    auto authority = TRY(Authority::open(absolute(arguments.words[0])));
    Request request{.endpoint = Endpoint::server};
    request.hosts.assign(arguments.words.begin() + 2, arguments.words.end());
    request.subject = TRY(parse_name(arguments.option("subject", request.hosts.front())));
    return give_out(authority, std::move(request), arguments);
}

Result<void> client(Arguments const& arguments)
{
    auto authority = TRY(Authority::open(absolute(arguments.words[0])));
    Request request{.endpoint = Endpoint::client};
    request.subject = TRY(parse_name(arguments.words[2]));
    return give_out(authority, std::move(request), arguments);
}

Result<void> psk(Arguments const& arguments)
{
    auto const folder = absolute(arguments.words[0]);
    auto const user = arguments.words.size() > 1 ? arguments.words[1] : std::string("qemu");
    auto const path = cat(folder, "/keys.psk");
    std::string text;
    if (::access(path.c_str(), F_OK) == 0)
        text = TRY(util::read_file(path, crypto::max_credentials_file));
    TRY(psk_lines(text, path, user, arguments.force));
    std::array<std::uint8_t, 32> key;
    if (RAND_bytes(key.data(), key.size()) != 1)
        return Error::generic("There is no source of random numbers");
    if (!text.empty() && !text.ends_with('\n'))
        text += '\n';
    text += cat(user, ':', util::to_hex(key), '\n');
    OPENSSL_cleanse(key.data(), key.size());
    if (user.find_first_of(":\n\r") != user.npos || !crypto::PskKeys::parse(text, path))
        return Error::generic("a user is text of 1 to 128 bytes without ':' and line ends");
    TRY(make_folder(folder, 0700));
    FileSet files;
    files.add(path, std::move(text), 0600, Existing::replace);
    TRY(files.write(true));
    std::printf("%s\n", path.c_str());
    print_line("user", util::printable(user));
    auto const dir = as_value(folder);
    print_object("the source", cat("tls-creds-psk,id=tls0,endpoint=client,username=", as_value(user), ",dir=", dir));
    print_object("the destination", cat("tls-creds-psk,id=tls0,endpoint=server,dir=", dir));
    print_line("both", "need this file; who has a key in it comes in");
    return {};
}

Result<void> revoke(Arguments const& arguments)
{
    auto authority = TRY(Authority::open(absolute(arguments.words[0])));
    auto const issued = TRY(authority.issued());
    std::vector<crypto::X509Ptr> from_files;
    std::vector<X509*> wanted;
    for (std::size_t i = 1; i < arguments.words.size(); ++i) {
        auto const& who = arguments.words[i];
        if (std::filesystem::is_regular_file(who)) {
            auto read = TRY(crypto::parse_certificates(TRY(util::read_file(who, crypto::max_credentials_file))));
            if (!authority.made(read.front().get()))
                return Error::generic(cat(who, " is of another authority"));
            from_files.push_back(std::move(read.front()));
            wanted.push_back(from_files.back().get());
        } else {
            std::ranges::copy(TRY(find_issued(issued, who)), std::back_inserter(wanted));
        }
    }
    std::vector<X509*> fresh;
    for (auto* const certificate : wanted) {
        bool const twice
            = std::ranges::any_of(fresh, [&](X509* other) { return serial_of(other) == serial_of(certificate); });
        bool const before = authority.has_revoked(certificate);
        if (!before && !twice)
            fresh.push_back(certificate);
        std::printf("%s: %s\n", before ? "was revoked before" : "revoked", shown_identity(certificate).c_str());
        print_line("serial", serial_of(certificate));
    }
    if (!fresh.empty())
        TRY(authority.revoke(fresh));
    auto const folders = arguments.options.equal_range("update");
    for (auto at = folders.first; at != folders.second; ++at) {
        auto const folder = absolute(at->second);
        if (util::read_file(cat(folder, "/ca-cert.pem"), crypto::max_credentials_file).value_or("")
            != authority.certificate_pem())
            return Error::generic(cat(folder, " does not trust this authority: its ca-cert.pem is not the same"));
        FileSet files;
        files.add(cat(folder, "/ca-crl.pem"), authority.revocation_list_pem(), 0644, Existing::replace);
        TRY(files.write(false));
        print_line("written", cat(folder, "/ca-crl.pem"));
    }
    if (folders.first == folders.second)
        print_line("copy", cat(absolute(arguments.words[0]), "/ca-crl.pem to wherever peers come in"));
    print_line("then", "tls_creds_reload ID in a minivisor that runs there");
    return {};
}

} // namespace minivisor::tools
