// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_files.hpp"

#include "util/fd.hpp"
#include "util/text.hpp"

#include <openssl/pem.h>

#include <sys/stat.h>

#include <cerrno>

namespace minivisor::crypto {

namespace {

Result<void> use_dh_parameters(SSL_CTX* context, std::string const& path)
{
    auto const text = TRY(util::read_file(path, max_credentials_file));
    auto const bio = memory_bio(text);
    clear_openssl_errors();
    KeyPtr parameters(PEM_read_bio_Parameters(bio.get(), nullptr));
    if (!parameters)
        return clear_openssl_errors(), Error::generic("Base64 unexpected header error.");
    if (EVP_PKEY_is_a(parameters.get(), "DH") != 1 && EVP_PKEY_is_a(parameters.get(), "DHX") != 1)
        return Error::generic("these are not DH parameters");
    if (SSL_CTX_set0_tmp_dh_pkey(context, parameters.get()) != 1)
        return Error::generic(take_openssl_errors());
    (void)parameters.release();
    return {};
}

} // namespace

std::vector<std::string> x509_files(Endpoint endpoint)
{
    std::string_view const role = endpoint == Endpoint::server ? "server" : "client";
    std::vector<std::string> names{"ca-cert.pem", "ca-crl.pem", cat(role, "-cert.pem"), cat(role, "-key.pem")};
    for (int i = 0; i < most_further_identities; ++i)
        for (auto const* const kind : {"-cert-", "-key-"})
            names.push_back(cat(role, kind, i, ".pem"));
    if (endpoint == Endpoint::server)
        names.emplace_back("dh-params.pem");
    return names;
}

std::vector<std::string> psk_files() { return {"keys.psk", "dh-params.pem"}; }

Result<std::string> locate(std::string const& dir, std::string_view name, bool required)
{
    auto path = cat(dir, '/', name);
    struct stat info { };
    if (::stat(path.c_str(), &info) == 0)
        return path;
    if (errno == ENOENT && !required)
        return std::string();
    return Error::system(cat("Unable to access credentials ", path), errno);
}

Result<void> use_dh(SSL_CTX* context, std::string const& path)
{
    if (path.empty()) {
        SSL_CTX_set_dh_auto(context, 1);
        return {};
    }
    if (auto used = use_dh_parameters(context, path); !used)
        return std::move(used).error().context(cat("Unable to load DH parameters from ", path));
    return {};
}

} // namespace minivisor::crypto
