// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/secret.hpp"

#include "crypto/kernel_key.hpp"
#include "crypto/openssl.hpp"
#include "qom/tree.hpp"
#include "util/fd.hpp"
#include "util/text.hpp"

namespace minivisor::crypto {

namespace {

/// A secret is small; a file of the wrong kind may not be.
constexpr std::size_t max_file_size = 1024 * 1024;
constexpr std::size_t key_size = 32;
constexpr std::size_t block_size = 16;

using CipherContextPtr = std::unique_ptr<EVP_CIPHER_CTX, OpensslFree<EVP_CIPHER_CTX_free>>;

unsigned char const* data_of(SecretBytes const& bytes) { return reinterpret_cast<unsigned char const*>(bytes.data()); }

/// The number that a character of base64 stands for; -1 for none.
int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

Result<SecretBytes> decrypt(SecretBytes const& encrypted, SecretBytes const& key, SecretBytes const& iv)
{
    if (encrypted.empty() || encrypted.size() % block_size != 0)
        return Error::generic(
            cat("Length ", encrypted.size(), " must be a multiple of block size ", std::to_string(block_size)));
    CipherContextPtr const context(EVP_CIPHER_CTX_new());
    SecretBytes plain(encrypted.size() + block_size);
    int size = 0;
    clear_openssl_errors();
    if (!context || EVP_DecryptInit_ex(context.get(), EVP_aes_256_cbc(), nullptr, data_of(key), data_of(iv)) != 1
        || EVP_CIPHER_CTX_set_padding(context.get(), 0) != 1
        || EVP_DecryptUpdate(context.get(), reinterpret_cast<unsigned char*>(plain.data()), &size, data_of(encrypted),
               static_cast<int>(encrypted.size()))
            != 1)
        return Error::generic(cat("Unable to decrypt secret: ", take_openssl_errors()));
    plain.resize(static_cast<std::size_t>(size));
    // PKCS#7 (RFC 5652, section 6.3): the last byte says how many bytes of that value were added.
    auto const padding = std::to_integer<std::size_t>(plain.back());
    bool right = padding >= 1 && padding <= block_size;
    for (std::size_t i = 0; right && i < padding; ++i)
        right = std::to_integer<std::size_t>(plain[plain.size() - 1 - i]) == padding;
    if (!right)
        return Error::generic(cat("Incorrect number of padding bytes (", padding, ") found on decrypted data"));
    plain.resize(plain.size() - padding);
    return plain;
}

Result<SecretBytes> decrypt_with(qom::Tree& tree, SecretBytes const& given, SecretCommonOptions const& options)
{
    auto const key = TRY(find_secret(tree, *options.keyid));
    if (key.size() != key_size)
        return Error::generic(cat("Key should be ", key_size, " bytes in length"));
    if (!options.iv)
        return Error::generic("IV is required to decrypt secret");
    auto const iv = TRY(decode_base64(*options.iv));
    if (iv.size() != block_size)
        return Error::generic(cat("IV should be ", block_size, " bytes in length not ", iv.size()));
    if (options.format == QCryptoSecretFormat::base64)
        return decrypt(TRY(decode_base64(as_text(given))), key, iv);
    return decrypt(given, key, iv);
}

Result<SecretBytes> given_bytes(SecretOptions& options)
{
    if (options.file && options.data)
        return Error::generic("'file' and 'data' are mutually exclusive");
    if (options.file) {
        auto text = util::read_file(*options.file, max_file_size);
        if (!text)
            return std::move(text).error().context(cat("Unable to read ", *options.file));
        auto bytes = to_secret(*text);
        wipe(*text);
        return bytes;
    }
    if (!options.data)
        return Error::generic("Either 'file' or 'data' must be provided");
    auto bytes = to_secret(*options.data);
    wipe(*options.data);
    return bytes;
}

Result<SecretBytes> given_bytes(SecretKeyringOptions& options)
{
    if (options.serial == 0)
        return Error::generic("'serial' should not be equal to 0");
    return read_kernel_key(options.serial, max_file_size);
}

template <typename Options>
void register_type(qom::TypeRegistry& types, std::string name, std::string summary)
{
    qom::UserType<SecretOf<Options>>(std::move(name), std::move(summary))
        .read_only("loaded", "bool", "whether the secret is there: always",
            [](SecretOf<Options> const&) { return qapi::Value(true); })
        .add_to(types, "secret_common");
}

} // namespace

Result<SecretBytes> decode_base64(std::string_view text)
{
    SecretBytes bytes;
    unsigned group = 0;
    int bits = 0;
    bool padded = false;
    for (char const c : text) {
        if (c == '\n' || c == '\r' || c == ' ')
            continue;
        auto const value = sextet(c);
        if (c == '=' ? bits == 0 && !padded : value < 0 || padded)
            return Error::generic("Base64 data contains invalid characters");
        if (c == '=') {
            padded = true;
            continue;
        }
        group = group << 6 | static_cast<unsigned>(value);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes.push_back(static_cast<std::byte>(group >> bits & 0xff));
        }
    }
    if (bits == 6)
        return Error::generic("Base64 data ends in the middle of a byte");
    return bytes;
}

template <typename Options>
Result<std::unique_ptr<SecretOf<Options>>> SecretOf<Options>::create(
    qom::Type const& type, Options options, qom::Tree& tree)
{
    options.format = options.format.value_or(QCryptoSecretFormat::raw);
    auto given = TRY(given_bytes(options));
    if (options.keyid)
        given = TRY(decrypt_with(tree, given, options));
    else if (options.format == QCryptoSecretFormat::base64)
        given = TRY(decode_base64(as_text(given)));
    return std::make_unique<SecretOf>(type, std::move(options), std::move(given));
}

Result<SecretBytes> find_secret(qom::Tree& tree, std::string const& id)
{
    auto const* object = tree.find_user_object(id);
    if (!object)
        return Error::generic(cat("No secret with id '", id, '\''));
    auto const* secret = dynamic_cast<Secret const*>(object);
    if (!secret)
        return Error::generic(cat("Object with id '", id, "' is not a secret"));
    return secret->bytes();
}

Result<SecretBytes> find_secret_text(qom::Tree& tree, std::string const& id)
{
    auto bytes = TRY(find_secret(tree, id));
    if (!util::is_utf8(as_text(bytes)))
        return Error::generic(cat("Data from secret ", id, " is not valid UTF-8"));
    return bytes;
}

void register_secrets(qom::TypeRegistry& types)
{
    qom::Type common;
    common.name = "secret_common";
    common.abstract = true;
    types.add(std::move(common));
    register_type<SecretOptions>(types, "secret", "A password or a key, for other objects to use by its id.");
    register_type<SecretKeyringOptions>(
        types, "secret_keyring", "A password or a key that the kernel keeps, for other objects to use by its id.");
}

} // namespace minivisor::crypto
