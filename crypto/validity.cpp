// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/validity.hpp"

#include "util/text.hpp"

#include <array>
#include <ctime>

namespace minivisor::crypto {

namespace {

template <typename T>
std::string sha256(int (*digest_of)(T const*, EVP_MD const*, unsigned char*, unsigned*), T const* object)
{
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    if (digest_of(object, EVP_sha256(), digest.data(), &size) != 1)
        return {};
    return util::to_hex({digest.data(), size});
}

} // namespace

std::optional<std::chrono::sys_seconds> time_of(ASN1_TIME const* time)
{
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1)
        return std::nullopt;
    return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
}

std::string utc_text(std::chrono::sys_seconds time)
{
    std::time_t const seconds = time.time_since_epoch().count();
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 64> text;
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text.data();
}

std::string utc_text(ASN1_TIME const* time)
{
    auto const known = time_of(time);
    return known ? utc_text(*known) : std::string("unknown");
}

std::chrono::sys_seconds end_of(X509 const* certificate)
{
    return time_of(X509_get0_notAfter(certificate)).value_or(std::chrono::sys_seconds::min());
}

std::optional<std::chrono::sys_seconds> end_of(X509_CRL const* list)
{
    auto const* const next = X509_CRL_get0_nextUpdate(list);
    if (next == nullptr)
        return std::nullopt;
    return time_of(next).value_or(std::chrono::sys_seconds::min());
}

std::string fingerprint(X509 const* certificate) { return sha256(X509_digest, certificate); }

std::string fingerprint(X509_CRL const* list) { return sha256(X509_CRL_digest, list); }

} // namespace minivisor::crypto
