// SPDX-License-Identifier: GPL-3.0-or-later
// Bytes that nobody else may see: keys and passwords. Their memory is wiped before it is given back, also where a
// vector grows or is moved from.
#pragma once

#include <openssl/crypto.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::crypto {

template <typename T>
struct WipingAllocator {
    using value_type = T;

    WipingAllocator() = default;
    template <typename U>
    WipingAllocator(WipingAllocator<U> const&)
    {
    }
    T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
    void deallocate(T* memory, std::size_t count)
    {
        OPENSSL_cleanse(memory, count * sizeof(T));
        std::allocator<T>().deallocate(memory, count);
    }
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
