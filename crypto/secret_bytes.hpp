// SPDX-License-Identifier: GPL-3.0-or-later
// Bytes that nobody else may see: keys and passwords. Their memory is wiped before it is given back, also where a
// vector grows or is moved from, and it is not part of a core dump.
#pragma once

#include <openssl/crypto.h>

#include <cstddef>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::crypto {

/// From now on secrets, and the private keys that OpenSSL holds, are in memory of their own, which no core dump has and
/// which is not swapped out where the process may lock it; and what OpenSSL gives back is wiped, the copies included
/// that it makes of keys while it reads them. To be called before OpenSSL's first use, but not at the start, which it
/// would hold up; further calls do nothing.
void keep_secrets_apart();

template <typename T>
struct WipingAllocator {
    using value_type = T;

    WipingAllocator() = default;
    template <typename U>
    WipingAllocator(WipingAllocator<U> const&)
    {
    }
    T* allocate(std::size_t count)
    {
        keep_secrets_apart();
        auto* memory = OPENSSL_secure_malloc(count * sizeof(T));
        if (!memory) // what is set apart is used up
            memory = OPENSSL_malloc(count * sizeof(T));
        if (!memory)
            throw std::bad_alloc();
        return static_cast<T*>(memory);
    }
    void deallocate(T* memory, std::size_t count) { OPENSSL_secure_clear_free(memory, count * sizeof(T)); }
    friend bool operator==(WipingAllocator const&, WipingAllocator const&) { return true; }
};

using SecretBytes = std::vector<std::byte, WipingAllocator<std::byte>>;

inline SecretBytes to_secret(std::string_view text)
{
    auto const bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

inline std::string_view as_text(SecretBytes const& bytes)
{
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

/// Overwrites and empties a text that held a secret.
inline void wipe(std::string& text)
{
    OPENSSL_cleanse(text.data(), text.size());
    text.clear();
}

} // namespace minivisor::crypto
