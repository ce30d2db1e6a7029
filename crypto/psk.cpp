// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/psk.hpp"

#include "crypto/tls_files.hpp"
#include "crypto/tls_verify.hpp"
#include "util/fd.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <cstring>

namespace minivisor::crypto {

namespace {

/// Both are within what OpenSSL takes.
constexpr std::size_t longest_key = 256;
constexpr std::size_t longest_user = 128;
static_assert(longest_key <= PSK_MAX_PSK_LEN && longest_user <= PSK_MAX_IDENTITY_LEN);

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char const lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Empty where `text` is no key.
SecretBytes parse_key(std::string_view text)
{
    if (text.size() % 2 != 0 || text.size() / 2 > longest_key)
        return {};
    SecretBytes key;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        auto const high = hex_digit(text[i]);
        auto const low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            return {};
        key.push_back(static_cast<std::byte>(high << 4 | low));
    }
    return key;
}

unsigned give(SecretBytes const* key, unsigned char* to, unsigned size)
{
    if (key == nullptr || key->size() > size)
        return 0;
    std::memcpy(to, key->data(), key->size());
    return static_cast<unsigned>(key->size());
}

} // namespace

Result<PskKeys> PskKeys::read(std::string const& path)
{
    auto text = TRY(util::read_file(path, max_credentials_file));
    auto keys = parse(text, path);
    wipe(text);
    return keys;
}

Result<PskKeys> PskKeys::parse(std::string_view text, std::string const& path)
{
    PskKeys keys;
    std::size_t number = 0;
    while (!text.empty()) {
        ++number;
        auto const end = std::min(text.find('\n'), text.size());
        auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        if (line.empty())
            continue;
        auto const colon = line.find(':');
        auto const wrong = [&](std::string_view what) {
            return Error::generic(cat("PSK file ", path, ", line ", number, ": ", what));
        };
        if (colon == line.npos || colon == 0)
            return wrong("it should be a user name, ':' and a key");
        auto const user = line.substr(0, colon);
        if (user.size() > longest_user || user.find('\0') != user.npos)
            return wrong("the user name is too long, or holds a NUL byte");
        auto key = parse_key(line.substr(colon + 1));
        if (key.empty())
            return wrong(cat("the key should be of 1 to ", longest_key, " bytes in hexadecimal digits"));
        // The first one counts, as in GnuTLS.
        keys.m_keys.emplace(user, std::move(key));
    }
    return keys;
}

SecretBytes const* PskKeys::find(std::string_view user) const
{
    auto const found = m_keys.find(user);
    return found == m_keys.end() ? nullptr : &found->second;
}

void PskKeys::use(SSL_CTX* context, Endpoint endpoint, std::string const& user)
{
    m_user = user;
    if (endpoint == Endpoint::server)
        SSL_CTX_set_psk_server_callback(context, answer_client);
    else
        SSL_CTX_set_psk_client_callback(context, answer_server);
}

unsigned PskKeys::answer_server(
    SSL* session, char const*, char* name, unsigned name_size, unsigned char* key, unsigned key_size)
{
    auto const* const self = static_cast<PskKeys const*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(session)));
    if (self->m_user.size() >= name_size)
        return 0;
    std::memcpy(name, self->m_user.c_str(), self->m_user.size() + 1);
    return give(self->find(self->m_user), key, key_size);
}

unsigned PskKeys::answer_client(SSL* session, char const* name, unsigned char* key, unsigned key_size)
{
    auto const* const self = static_cast<PskKeys const*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(session)));
    auto const* const found = self->find(name);
    PeerJudge::note_user(session, name, found != nullptr);
    return give(found, key, key_size);
}

} // namespace minivisor::crypto
