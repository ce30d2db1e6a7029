// SPDX-License-Identifier: GPL-3.0-or-later
// Owners for OpenSSL's objects, and its error queue as text. All use of OpenSSL starts here; nothing
// in this room knows TLS or certificates.
#pragma once

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace minivisor::crypto {

/// Frees with the one function that OpenSSL names for the type.
template <auto Free>
struct OpensslFree {
    template <typename T>
    void operator()(T* object) const
    {
        Free(object);
    }
};

/// OPENSSL_free is a macro.
struct OpensslMemoryFree {
    void operator()(unsigned char* memory) const { OPENSSL_free(memory); }
};

using X509Ptr = std::unique_ptr<X509, OpensslFree<X509_free>>;
using X509CrlPtr = std::unique_ptr<X509_CRL, OpensslFree<X509_CRL_free>>;
using X509StorePtr = std::unique_ptr<X509_STORE, OpensslFree<X509_STORE_free>>;
using X509StoreContextPtr = std::unique_ptr<X509_STORE_CTX, OpensslFree<X509_STORE_CTX_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, OpensslFree<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, OpensslFree<SSL_free>>;
using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;
using BioMethodPtr = std::unique_ptr<BIO_METHOD, OpensslFree<BIO_meth_free>>;
using BasicConstraintsPtr = std::unique_ptr<BASIC_CONSTRAINTS, OpensslFree<BASIC_CONSTRAINTS_free>>;
using BitStringPtr = std::unique_ptr<ASN1_BIT_STRING, OpensslFree<ASN1_BIT_STRING_free>>;
using ExtendedUsagePtr = std::unique_ptr<EXTENDED_KEY_USAGE, OpensslFree<EXTENDED_KEY_USAGE_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>>;
using OpensslMemory = std::unique_ptr<unsigned char, OpensslMemoryFree>;

/// A list of certificates that it does not own.
struct CertificateListFree {
    void operator()(STACK_OF(X509) * list) const { sk_X509_free(list); }
};
using CertificateList = std::unique_ptr<STACK_OF(X509), CertificateListFree>;

/// Empties this thread's error queue; to be called before a call whose errors are to be read.
void clear_openssl_errors();
/// The queue's reasons, oldest first, as "reason, reason"; empties it. "unknown error" when it has none.
std::string take_openssl_errors();
/// The library and reason of the oldest error in the queue as ERR_GET_REASON gives it; 0 for none.
int first_openssl_reason();

/// A BIO that reads `text`, which must outlive it.
BioPtr memory_bio(std::string_view text);

} // namespace minivisor::crypto
