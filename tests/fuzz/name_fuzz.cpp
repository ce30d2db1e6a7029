// SPDX-License-Identifier: GPL-3.0-or-later
// Any bytes as the DER of a name: what becomes of it is a line of text that nothing can be forged with.
#include "crypto/identity.hpp"
#include "tests/fuzz/check.hpp"
#include "util/text.hpp"

using namespace minivisor;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    struct NameFree {
        void operator()(X509_NAME* name) const { X509_NAME_free(name); }
    };
    unsigned char const* at = data;
    std::unique_ptr<X509_NAME, NameFree> const name(d2i_X509_NAME(nullptr, &at, static_cast<long>(size)));
    crypto::X509Ptr const certificate(X509_new());
    if (!name || X509_set_subject_name(certificate.get(), name.get()) != 1)
        return 0;
    auto const identity = crypto::identity_of(certificate.get());
    if (!identity) {
        require(!identity.error().desc().empty(), "an error says something");
        return 0;
    }
    require(identity->find('=') != identity->npos && util::is_utf8(*identity), "an identity is text", *identity);
    require(identity->find_first_of(std::string_view("\0\r\n", 3)) == identity->npos, "an identity is one line");
    require(*crypto::identity_of(certificate.get()) == *identity, "it is always the same one");
    return 0;
}
