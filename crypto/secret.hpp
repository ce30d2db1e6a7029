// SPDX-License-Identifier: GPL-3.0-or-later
// The QOM types secret and secret_keyring: a password or key, given here, in a file or in the kernel's keyring; as it
// is, in base64, or encrypted with another secret (qmp-surface section 8.3). It is read and decrypted once, at
// creation. Unlike in QEMU no property ever gives it back: `data` reads as "".
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

struct SecretKeyringOptions : SecretCommonOptions {
    std::int32_t serial = 0;
};
BOOST_DESCRIBE_STRUCT(SecretKeyringOptions, (SecretCommonOptions), (serial))
constexpr auto docs(SecretKeyringOptions const*)
{
    return qapi::members({{"serial", "serial number of the kernel's key that holds the secret"}});
}

/// What users of secrets need, whatever their type.
class Secret {
public:
    virtual ~Secret() = default;
    virtual SecretBytes const& bytes() const = 0;
};

/// A secret of one type; where it comes from is what differs.
template <typename OptionsType>
class SecretOf final : public qom::OptionsObject<OptionsType>, public Secret {
public:
    static Result<std::unique_ptr<SecretOf>> create(qom::Type const& type, OptionsType options, qom::Tree& tree);

    SecretOf(qom::Type const& type, OptionsType options, SecretBytes bytes)
        : qom::OptionsObject<OptionsType>(type, std::move(options))
        , m_bytes(std::move(bytes))
    {
    }
    SecretBytes const& bytes() const override { return m_bytes; }

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
