// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_priority.hpp"

#include "util/text.hpp"

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

namespace minivisor::crypto {

namespace {

struct Cipher {
    std::string_view name;
    std::string_view suite;
    std::string_view suffix;
    int bits;
};

constexpr std::array all_ciphers{
    Cipher{"AES-256-GCM", "TLS_AES_256_GCM_SHA384", "AES256-GCM-SHA384", 256},
    Cipher{"CHACHA20-POLY1305", "TLS_CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305", 256},
    Cipher{"AES-128-GCM", "TLS_AES_128_GCM_SHA256", "AES128-GCM-SHA256", 128},
};

struct Group {
    std::string_view name;
    std::string_view openssl_name;
    int bits;
};

constexpr std::array all_groups{
    Group{"X25519", "X25519", 128},
    Group{"SECP256R1", "P-256", 128},
    Group{"X448", "X448", 224},
    Group{"SECP384R1", "P-384", 192},
    Group{"SECP521R1", "P-521", 256},
};

constexpr std::array<std::string_view, 3> all_exchanges{"ECDHE-ECDSA", "ECDHE-RSA", "DHE-RSA"};
constexpr std::array<std::string_view, 2> all_versions{"TLS1.3", "TLS1.2"};

// Never used here, so taking them away changes nothing and is honoured as it stands.
constexpr std::array<std::string_view, 40> never_used{"VERS-SSL3.0", "VERS-TLS1.0", "VERS-TLS1.1", "VERS-DTLS-ALL",
    "VERS-DTLS1.0", "VERS-DTLS1.2", "RSA", "DHE-DSS", "DHE-PSK", "ECDHE-PSK", "PSK", "RSA-PSK", "SRP", "SRP-RSA",
    "SRP-DSS", "ANON-DH", "ANON-ECDH", "NULL", "ARCFOUR-128", "3DES-CBC", "AES-128-CBC", "AES-256-CBC",
    "CAMELLIA-128-CBC", "CAMELLIA-192-CBC", "CAMELLIA-256-CBC", "CAMELLIA-128-GCM", "CAMELLIA-256-GCM", "AES-128-CCM",
    "AES-256-CCM", "AES-128-CCM-8", "AES-256-CCM-8", "MD5", "SHA1", "SHA256", "SHA384", "MAC-NULL", "SIGN-RSA-MD5",
    "SIGN-RSA-SHA1", "SIGN-DSA-SHA1", "SIGN-ECDSA-SHA1"};
// Always so here, so asking for them changes nothing.
constexpr std::array<std::string_view, 6> always_so{
    "AEAD", "MAC-ALL", "SIGN-ALL", "COMP-NULL", "CTYPE-X.509", "CTYPE-X509"};
constexpr std::array<std::string_view, 4> harmless_flags{
    "%SERVER_PRECEDENCE", "%SAFE_RENEGOTIATION", "%NO_TICKETS", "%NO_SESSION_HASH_FALLBACK"};

template <std::size_t N>
bool contains(std::array<std::string_view, N> const& names, std::string_view name)
{
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// Names in the order of preference.
class Names {
public:
    void add(std::string_view name)
    {
        if (!has(name))
            m_names.push_back(name);
    }
    void remove(std::string_view name) { std::erase(m_names, name); }
    void clear() { m_names.clear(); }
    bool has(std::string_view name) const { return std::find(m_names.begin(), m_names.end(), name) != m_names.end(); }
    std::vector<std::string_view> const& list() const { return m_names; }

private:
    std::vector<std::string_view> m_names;
};

class Parser {
public:
    /// False when the word is not understood.
    bool start(std::string_view word)
    {
        if (word == "NONE")
            return true;
        bool const wide = word == "NORMAL" || word == "PFS" || word == "SECURE128";
        if (!wide && word != "SECURE192" && word != "SECURE256")
            return false;
        for (auto const& cipher : all_ciphers) {
            if (wide || cipher.bits >= 256)
                m_ciphers.add(cipher.name);
        }
        for (auto const& group : all_groups) {
            if (wide || group.bits >= 192)
                m_groups.add(group.name);
        }
        for (auto const name : all_exchanges)
            m_exchanges.add(name);
        for (auto const name : all_versions)
            m_versions.add(name);
        // SECURE192 and SECURE256 ask for certificates of 128 bits at least.
        m_security_level = wide ? 2 : 3;
        return true;
    }

    bool apply(std::string_view token)
    {
        if (contains(harmless_flags, token))
            return true;
        if (token.size() < 2)
            return false;
        bool const add = token[0] == '+';
        if (!add && token[0] != '-' && token[0] != '!')
            return false;
        auto const name = token.substr(1);
        if (name == "VERS-ALL" || name == "VERS-TLS-ALL")
            return apply_all(m_versions, all_versions, add);
        if (name.starts_with("VERS-") && contains(all_versions, name.substr(5)))
            return change(m_versions, name.substr(5), add);
        if (name == "KX-ALL")
            return apply_all(m_exchanges, all_exchanges, add);
        if (contains(all_exchanges, name))
            return change(m_exchanges, name, add);
        if (name == "CIPHER-ALL" || name == "GROUP-ALL" || name == "CURVE-ALL")
            return apply_all_described(name == "CIPHER-ALL", add);
        for (auto const& cipher : all_ciphers) {
            if (cipher.name == name)
                return change(m_ciphers, cipher.name, add);
        }
        for (auto const& group : all_groups) {
            if ((name.starts_with("GROUP-") || name.starts_with("CURVE-")) && name.substr(6) == group.name)
                return change(m_groups, group.name, add);
        }
        return add ? contains(always_so, name) : contains(never_used, name);
    }

    /// The reason when nothing usable is left.
    Result<TlsPriority> finish() const
    {
        TlsPriority result;
        bool const tls_1_2 = m_versions.has("TLS1.2");
        bool const tls_1_3 = m_versions.has("TLS1.3");
        if (!tls_1_2 && !tls_1_3)
            return Error::generic("no protocol version is left");
        if (m_ciphers.list().empty())
            return Error::generic("no cipher is left");
        if (m_groups.list().empty())
            return Error::generic("no group is left");
        if (tls_1_2 && m_exchanges.list().empty())
            return Error::generic("no key exchange is left");
        result.lowest_version = tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
        result.highest_version = tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
        result.security_level = m_security_level;
        std::vector<std::string> suites, ciphers, groups;
        for (auto const name : m_ciphers.list()) {
            auto const& cipher = *std::find_if(all_ciphers.begin(), all_ciphers.end(),
                [&](Cipher const& candidate) { return candidate.name == name; });
            suites.emplace_back(cipher.suite);
            for (auto const exchange : m_exchanges.list())
                ciphers.push_back(cat(exchange, '-', cipher.suffix));
        }
        for (auto const name : m_groups.list()) {
            groups.emplace_back(std::find_if(all_groups.begin(), all_groups.end(), [&](Group const& candidate) {
                return candidate.name == name;
            })->openssl_name);
        }
        if (tls_1_3)
            result.suites = util::join(suites, ":");
        if (tls_1_2)
            result.ciphers = util::join(ciphers, ":");
        result.groups = util::join(groups, ":");
        return result;
    }

private:
    static bool change(Names& names, std::string_view name, bool add)
    {
        // The literal in the table outlives the text that is being read.
        add ? names.add(canonical(name)) : names.remove(name);
        return true;
    }

    static std::string_view canonical(std::string_view name)
    {
        for (auto const known : all_versions) {
            if (known == name)
                return known;
        }
        for (auto const known : all_exchanges) {
            if (known == name)
                return known;
        }
        return name;
    }

    static bool apply_all(Names& names, std::span<std::string_view const> all, bool add)
    {
        names.clear();
        for (auto const name : all) {
            if (add)
                names.add(name);
        }
        return true;
    }

    bool apply_all_described(bool ciphers, bool add)
    {
        (ciphers ? m_ciphers : m_groups).clear();
        if (add && ciphers) {
            for (auto const& cipher : all_ciphers)
                m_ciphers.add(cipher.name);
        } else if (add) {
            for (auto const& group : all_groups)
                m_groups.add(group.name);
        }
        return true;
    }

    Names m_versions;
    Names m_exchanges;
    Names m_ciphers;
    Names m_groups;
    int m_security_level = 2;
};

} // namespace

Result<TlsPriority> parse_priority(std::string_view priority)
{
    auto const refuse = [&](std::string_view why) {
        return Error::generic(cat("Cannot set default TLS session priority ", priority, ": ", why));
    };
    Parser parser;
    bool first = true;
    for (auto const token : util::split(priority.empty() ? "NORMAL" : priority, ':')) {
        if (first ? !parser.start(token) : !parser.apply(token))
            return refuse(cat("'", token, "' is not supported"));
        first = false;
    }
    auto result = parser.finish();
    if (!result)
        return refuse(result.error().desc());
    return result;
}

} // namespace minivisor::crypto
