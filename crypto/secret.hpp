// SPDX-License-Identifier: GPL-3.0-or-later
// The QOM type secret: a password or key, given as it is, in base64, or encrypted with another secret (qmp-surface
// section 8.3). It is read and decrypted once, at creation. Unlike in QEMU no property ever gives it back: `data`
// reads as "".
#pragma once

#include "crypto/secret_bytes.hpp"
#include "qom/user_type.hpp"

namespace minivisor::crypto {

enum class QCryptoSecretFormat { raw, base64 };
BOOST_DESCRIBE_ENUM(QCryptoSecretFormat, raw, base64)

struct SecretCommonOptions {
    std::optional<QCryptoSecretFormat> format;
    std::optional<std::string> keyid;
    std::optional<std::string> iv;
};
BOOST_DESCRIBE_STRUCT(SecretCommonOptions, (), (format, keyid, iv))
constexpr auto docs(SecretCommonOptions const*)
{
    return qapi::members({{"format", "how the secret is given (default raw)"},
        {"keyid", "id of the secret that holds the AES-256 key it is encrypted with"},
        {"iv", "the initialization vector, in base64; needed with keyid"}});
}

struct SecretOptions : SecretCommonOptions {
    std::optional<std::string> data;
    std::optional<std::string> file;
};
BOOST_DESCRIBE_STRUCT(SecretOptions, (SecretCommonOptions), (data, file))
constexpr auto docs(SecretOptions const*)
{
    return qapi::members({{"data", "the secret itself"}, {"file", "a file that holds it"}});
}

class Secret final : public qom::OptionsObject<SecretOptions> {
public:
    static Result<std::unique_ptr<Secret>> create(qom::Type const& type, SecretOptions options, qom::Tree& tree);

    Secret(qom::Type const& type, SecretOptions options, SecretBytes bytes)
        : OptionsObject(type, std::move(options))
        , m_bytes(std::move(bytes))
    {
    }
    SecretBytes const& bytes() const { return m_bytes; }

private:
    SecretBytes m_bytes;
};

/// What the secret of that id holds; QEMU's texts when there is none.
Result<SecretBytes> find_secret(qom::Tree& tree, std::string const& id);
/// The same for what has to be text.
Result<SecretBytes> find_secret_text(qom::Tree& tree, std::string const& id);

/// Blanks between are taken as line ends are, and padding may be missing.
Result<SecretBytes> decode_base64(std::string_view text);

void register_secrets(qom::TypeRegistry& types);

} // namespace minivisor::crypto
