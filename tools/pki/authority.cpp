// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/pki/authority.hpp"

#include "crypto/secret_bytes.hpp"
#include "crypto/tls_files.hpp"
#include "crypto/validity.hpp"
#include "tools/pki/file_set.hpp"
#include "util/text.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace minivisor::tools {

namespace {

using namespace crypto;

using TimePtr = std::unique_ptr<ASN1_TIME, OpensslFree<ASN1_TIME_free>>;
using IntegerPtr = std::unique_ptr<ASN1_INTEGER, OpensslFree<ASN1_INTEGER_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, OpensslFree<BN_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, OpensslFree<X509_EXTENSION_free>>;
using RevokedPtr = std::unique_ptr<X509_REVOKED, OpensslFree<X509_REVOKED_free>>;

/// Two hosts' clocks may differ.
constexpr long clock_slack = 3600;

Error failed(std::string_view what) { return Error::generic(cat("Cannot make ", what, ": ", take_openssl_errors())); }

template <typename Write>
std::string written(Write write)
{
    BioPtr const bio(BIO_new(BIO_s_mem()));
    write(bio.get());
    char* data = nullptr;
    auto const size = BIO_get_mem_data(bio.get(), &data);
    std::string text(data, static_cast<std::size_t>(size));
    OPENSSL_cleanse(data, static_cast<std::size_t>(size));
    return text;
}

/// Ed25519 brings its own digest.
EVP_MD const* digest_for(EVP_PKEY* key) { return EVP_PKEY_is_a(key, "ED25519") == 1 ? nullptr : EVP_sha256(); }

struct ExtensionText {
    int nid;
    std::string value;
};

/// A version 3 certificate that `issuer` (null: itself) signs with `issuer_key`.
Result<X509Ptr> sign(X509_NAME* subject, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key, int days,
    std::vector<ExtensionText> const& extensions)
{
    clear_openssl_errors();
    X509Ptr made(X509_new());
    auto* const certificate = made.get();
    auto* const signer = issuer ? issuer : certificate;
    // 127 bits: positive, and never the same twice.
    std::array<unsigned char, 16> random;
    if (!certificate || RAND_bytes(random.data(), random.size()) != 1)
        return failed("a certificate");
    random[0] = static_cast<unsigned char>((random[0] & 0x3f) | 0x40);
    NumberPtr const serial(BN_bin2bn(random.data(), random.size(), nullptr));
    if (!serial || !BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate))
        || X509_set_version(certificate, X509_VERSION_3) != 1
        || !X509_gmtime_adj(X509_getm_notBefore(certificate), -clock_slack)
        || !X509_time_adj_ex(X509_getm_notAfter(certificate), days, 0, nullptr)
        || X509_set_subject_name(certificate, subject) != 1
        || X509_set_issuer_name(certificate, X509_get_subject_name(signer)) != 1
        || X509_set_pubkey(certificate, key) != 1)
        return failed("a certificate");
    if (issuer && end_of(issuer) < end_of(certificate)
        && X509_set1_notAfter(certificate, X509_get0_notAfter(issuer)) != 1)
        return failed("a certificate");
    for (auto const& [nid, value] : extensions) {
        X509V3_CTX context;
        X509V3_set_ctx(&context, signer, certificate, nullptr, nullptr, 0);
        ExtensionPtr const extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
        if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1)
            return failed("a certificate");
    }
    if (X509_sign(certificate, issuer_key, digest_for(issuer_key)) <= 0)
        return failed("a certificate");
    return made;
}

/// The list that follows `before` (null: the first one), with more certificates on it. It is good as long as the
/// authority is: nobody would sign it anew every month.
Result<X509CrlPtr> sign_list(X509* authority, EVP_PKEY* key, X509_CRL* before, std::span<X509* const> more)
{
    clear_openssl_errors();
    X509CrlPtr list(X509_CRL_new());
    TimePtr const now(X509_gmtime_adj(nullptr, 0));
    IntegerPtr number(
        before ? static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(before, NID_crl_number, nullptr, nullptr)) : nullptr);
    NumberPtr const count(number ? ASN1_INTEGER_to_BN(number.get(), nullptr) : BN_new());
    if (!list || !now || !count || BN_add_word(count.get(), 1) != 1)
        return failed("a revocation list");
    number.reset(BN_to_ASN1_INTEGER(count.get(), nullptr));
    if (!number || X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) != 1
        || X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(authority)) != 1
        || X509_CRL_set1_lastUpdate(list.get(), now.get()) != 1
        || X509_CRL_set1_nextUpdate(list.get(), X509_get0_notAfter(authority)) != 1
        || X509_CRL_add1_ext_i2d(list.get(), NID_crl_number, number.get(), 0, X509V3_ADD_REPLACE) != 1)
        return failed("a revocation list");
    X509V3_CTX context;
    X509V3_set_ctx(&context, authority, nullptr, nullptr, list.get(), 0);
    ExtensionPtr const issuer(X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always"));
    if (!issuer || X509_CRL_add_ext(list.get(), issuer.get(), -1) != 1)
        return failed("a revocation list");
    auto const add = [&](RevokedPtr entry) {
        if (!entry || X509_CRL_add0_revoked(list.get(), entry.get()) != 1)
            return false;
        (void)entry.release();
        return true;
    };
    auto* const old = before ? X509_CRL_get_REVOKED(before) : nullptr;
    for (int i = 0; i < sk_X509_REVOKED_num(old); ++i)
        if (!add(RevokedPtr(X509_REVOKED_dup(sk_X509_REVOKED_value(old, i)))))
            return failed("a revocation list");
    for (auto* const certificate : more) {
        RevokedPtr entry(X509_REVOKED_new());
        if (!entry || X509_REVOKED_set_serialNumber(entry.get(), X509_get_serialNumber(certificate)) != 1
            || X509_REVOKED_set_revocationDate(entry.get(), now.get()) != 1 || !add(std::move(entry)))
            return failed("a revocation list");
    }
    if (X509_CRL_sort(list.get()) != 1 || X509_CRL_sign(list.get(), key, digest_for(key)) <= 0)
        return failed("a revocation list");
    return list;
}

std::string list_pem(X509_CRL* list)
{
    return written([&](BIO* bio) { PEM_write_bio_X509_CRL(bio, list); });
}

Result<X509Ptr> read_certificate(std::string const& path)
{
    auto list = parse_certificates(TRY(util::read_file(path, max_credentials_file)));
    if (!list)
        return std::move(list).error().context(cat("Cannot read ", path));
    return std::move(list->front());
}

/// An encrypted key's password is asked for on the terminal.
Result<KeyPtr> read_key(std::string const& path)
{
    auto text = TRY(util::read_file(path, max_credentials_file));
    auto const bio = memory_bio(text);
    clear_openssl_errors();
    KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
    wipe(text);
    if (!key)
        return Error::generic(cat("Cannot read ", path, ": ", take_openssl_errors()));
    return key;
}

} // namespace

std::string pem_of(X509* certificate)
{
    return written([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); });
}

std::string pem_of(EVP_PKEY* key)
{
    return written([&](BIO* bio) { PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

std::string serial_of(X509 const* certificate)
{
    auto const* const number = X509_get0_serialNumber(certificate);
    return util::to_hex({ASN1_STRING_get0_data(number), static_cast<std::size_t>(ASN1_STRING_length(number))});
}

Result<KeyPtr> make_key(std::string_view kind)
{
    clear_openssl_errors();
    KeyPtr key(kind == "p256"   ? EVP_EC_gen("P-256")
            : kind == "p384"    ? EVP_EC_gen("P-384")
            : kind == "rsa"     ? EVP_RSA_gen(3072)
            : kind == "ed25519" ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                : nullptr);
    if (key)
        return key;
    if (ERR_peek_error() != 0)
        return failed("a key");
    return Error::generic(cat("'", kind, "' is no kind of key; there are p256, p384, rsa and ed25519"));
}

bool Authority::is_one(std::string const& folder) { return ::access(cat(folder, "/ca-key.pem").c_str(), F_OK) == 0; }

Result<void> Authority::create(
    std::string const& folder, NamePtr name, std::string_view key_kind, int days, bool overwrite)
{
    auto const key = TRY(make_key(key_kind));
    auto const certificate = TRY(sign(name.get(), key.get(), nullptr, key.get(), days,
        {{NID_subject_key_identifier, "hash"}, {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
            {NID_key_usage, "critical,keyCertSign,cRLSign"}}));
    auto const list = TRY(sign_list(certificate.get(), key.get(), nullptr, {}));
    TRY(make_folder(folder, 0700));
    FileSet files;
    files.add(cat(folder, "/ca-key.pem"), pem_of(key.get()), 0600);
    files.add(cat(folder, "/ca-cert.pem"), pem_of(certificate.get()), 0644);
    files.add(cat(folder, "/ca-crl.pem"), list_pem(list.get()), 0644);
    TRY(files.write(overwrite));
    if (overwrite) {
        // The certificates of the authority that was replaced are not this one's.
        std::error_code ignored;
        std::filesystem::remove_all(cat(folder, "/issued"), ignored);
    }
    return make_folder(cat(folder, "/issued"), 0700);
}

Result<Authority> Authority::open(std::string folder)
{
    if (!is_one(folder))
        return Error::generic(cat(folder, " holds no certificate authority: there is no ca-key.pem in it"));
    util::UniqueFd lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock || ::flock(lock.get(), LOCK_EX) != 0)
        return Error::system(cat("Cannot lock ", folder), errno);
    Authority authority(std::move(folder), std::move(lock));
    auto const path = [&](std::string_view name) { return cat(authority.m_folder, '/', name); };
    authority.m_certificate = TRY(read_certificate(path("ca-cert.pem")));
    authority.m_key = TRY(read_key(path("ca-key.pem")));
    if (X509_check_private_key(authority.certificate(), authority.m_key.get()) != 1)
        return Error::generic(cat(path("ca-cert.pem"), " and ca-key.pem do not belong together"));
    if (X509_cmp_current_time(X509_get0_notAfter(authority.certificate())) < 0)
        return Error::generic(cat("The authority's certificate ", path("ca-cert.pem"), " has expired"));
    auto lists = parse_revocation_lists(TRY(util::read_file(path("ca-crl.pem"), max_credentials_file)));
    if (!lists)
        return std::move(lists).error().context(cat("Cannot read ", path("ca-crl.pem")));
    authority.m_revoked = std::move(lists->front());
    return authority;
}

std::string Authority::certificate_pem() const { return pem_of(certificate()); }
std::string Authority::revocation_list_pem() const { return list_pem(m_revoked.get()); }

Result<Issued> Authority::issue(Request const& request)
{
    Issued made;
    made.key = TRY(make_key(request.key_kind));
    bool const rsa = EVP_PKEY_is_a(made.key.get(), "RSA") == 1;
    bool const server = request.endpoint == Endpoint::server;
    // QEMU before 10.2 wants key encipherment in a key usage that is critical, and only RSA can do that.
    std::vector<ExtensionText> extensions{{NID_subject_key_identifier, "hash"}, {NID_authority_key_identifier, "keyid"},
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, rsa ? "critical,digitalSignature,keyEncipherment" : "digitalSignature"},
        {NID_ext_key_usage, server ? "critical,serverAuth" : "critical,clientAuth"}};
    if (!request.hosts.empty()) {
        auto names = TRY(alternative_names(request.hosts));
        extensions.push_back({NID_subject_alt_name, std::move(names)});
    }
    made.certificate
        = TRY(sign(request.subject.get(), made.key.get(), certificate(), m_key.get(), request.days, extensions));
    TRY(make_folder(cat(m_folder, "/issued"), 0700));
    FileSet copy;
    copy.add(
        cat(m_folder, "/issued/", serial_of(made.certificate.get()), ".pem"), pem_of(made.certificate.get()), 0644);
    TRY(copy.write(false));
    return made;
}

Result<std::vector<X509Ptr>> Authority::issued() const
{
    std::vector<std::string> paths;
    std::error_code error;
    for (auto const& entry : std::filesystem::directory_iterator(cat(m_folder, "/issued"), error))
        if (entry.path().extension() == ".pem")
            paths.push_back(entry.path());
    if (error && error != std::errc::no_such_file_or_directory)
        return Error::system(cat("Cannot read ", m_folder, "/issued"), error.value());
    std::vector<X509Ptr> list;
    for (auto const& path : paths)
        list.push_back(TRY(read_certificate(path)));
    std::ranges::sort(list, [](X509Ptr const& a, X509Ptr const& b) {
        auto const order = ASN1_TIME_compare(X509_get0_notBefore(a.get()), X509_get0_notBefore(b.get()));
        return order != 0 ? order < 0 : serial_of(a.get()) < serial_of(b.get());
    });
    return list;
}

bool Authority::made(X509* certificate) const
{
    bool const good = X509_verify(certificate, m_key.get()) == 1;
    clear_openssl_errors();
    return good;
}

bool Authority::has_revoked(X509* certificate) const
{
    X509_REVOKED* entry = nullptr;
    return X509_CRL_get0_by_serial(m_revoked.get(), &entry, X509_get_serialNumber(certificate)) == 1;
}

Result<void> Authority::revoke(std::span<X509* const> certificates)
{
    auto list = TRY(sign_list(certificate(), m_key.get(), m_revoked.get(), certificates));
    FileSet files;
    files.add(cat(m_folder, "/ca-crl.pem"), list_pem(list.get()), 0644, Existing::replace);
    TRY(files.write(false));
    m_revoked = std::move(list);
    return {};
}

} // namespace minivisor::tools
