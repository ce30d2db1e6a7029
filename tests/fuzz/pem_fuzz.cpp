// SPDX-License-Identifier: GPL-3.0-or-later
// Any text as a file of certificates, and as one of revocation lists: what is read can be judged, named and told about.
#include "crypto/identity.hpp"
#include "crypto/validity.hpp"
#include "crypto/x509.hpp"
#include "tests/fuzz/check.hpp"
#include "util/text.hpp"

using namespace minivisor;
using fuzz::require;

namespace {

void look_at(X509* certificate)
{
    if (auto const identity = crypto::identity_of(certificate))
        require(!identity->empty() && util::is_utf8(*identity), "an identity is text", *identity);
    require(crypto::fingerprint(certificate).size() == 64, "every certificate has a fingerprint");
    if (auto const end = crypto::time_of(X509_get0_notAfter(certificate)))
        require(crypto::utc_text(*end).ends_with('Z'), "a time that is read can be written");
    for (auto const endpoint : {crypto::Endpoint::client, crypto::Endpoint::server})
        (void)crypto::allows_endpoint(certificate, endpoint);
    (void)crypto::allows_signing(certificate);
    for (auto const* const host : {"localhost", "a.example.com", "127.0.0.1", "::1", ""})
        (void)crypto::matches_host(certificate, host);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    auto const text = fuzz::as_text(data, size);
    if (auto certificates = crypto::parse_certificates(text)) {
        require(!certificates->empty(), "a file that is read has a certificate");
        for (auto const& certificate : *certificates)
            look_at(certificate.get());
        crypto::CertificateFiles files{.ca_path = "ca", .own_path = "own"};
        files.authorities = *crypto::parse_certificates(text);
        files.own = *std::move(certificates);
        if (auto const checked = crypto::check_certificates(files); !checked)
            require(!checked.error().desc().empty(), "an error says something");
    }
    if (auto const lists = crypto::parse_revocation_lists(text))
        require(!lists->empty(), "a file that is read has a list");
    return 0;
}
