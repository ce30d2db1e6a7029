// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/openssl.hpp"

#include "crypto/secret_bytes.hpp"
#include "util/log.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include <malloc.h>

namespace minivisor::crypto {

namespace {

void wipe_and_free(void* memory, char const*, int)
{
    if (memory)
        OPENSSL_cleanse(memory, ::malloc_usable_size(memory));
    std::free(memory);
}

void* move_and_wipe(void* memory, std::size_t size, char const* file, int line)
{
    auto const held = memory ? ::malloc_usable_size(memory) : 0;
    if (held >= size && size > 0)
        return memory;
    auto* const moved = size > 0 ? std::malloc(size) : nullptr;
    if (moved && memory)
        std::memcpy(moved, memory, held);
    if (moved || size == 0)
        wipe_and_free(memory, file, line);
    return moved;
}

} // namespace

void keep_secrets_apart()
{
    // Pages count only once they are used. Where it cannot be had, secrets are where everything else is.
    static bool const once = [] {
        bool const wiped
            = CRYPTO_set_mem_functions(
                  [](std::size_t size, char const*, int) { return std::malloc(size); }, move_and_wipe, wipe_and_free)
            == 1;
        constexpr std::size_t size = std::size_t{16} << 20;
        constexpr std::size_t smallest = 64;
        if (CRYPTO_secure_malloc_init(size, smallest) == 0 || !wiped)
            util::log::warn("OpenSSL cannot keep secrets apart: they may be in core dumps");
        return true;
    }();
    (void)once;
}

void clear_openssl_errors()
{
    keep_secrets_apart();
    ERR_clear_error();
}

std::string take_openssl_errors()
{
    std::vector<std::string> reasons;
    while (auto const code = ERR_get_error()) {
        char const* const known = ERR_reason_error_string(code);
        auto reason = known ? std::string(known) : "error " + std::to_string(ERR_GET_REASON(code));
        // Each layer reports the one below again; more than the first few helps nobody.
        if (reasons.size() < 3 && std::find(reasons.begin(), reasons.end(), reason) == reasons.end())
            reasons.push_back(std::move(reason));
    }
    if (reasons.empty())
        return "unknown error";
    std::string text = reasons.front();
    for (std::size_t i = 1; i < reasons.size(); ++i)
        text += ", " + reasons[i];
    return text;
}

int first_openssl_reason()
{
    auto const code = ERR_peek_error();
    return code ? ERR_GET_REASON(code) : 0;
}

BioPtr memory_bio(std::string_view text)
{
    keep_secrets_apart();
    auto const size = std::min<std::size_t>(text.size(), std::numeric_limits<int>::max());
    // A length of -1 would mean a C string; an empty text needs a pointer all the same.
    return BioPtr(BIO_new_mem_buf(text.empty() ? "" : text.data(), static_cast<int>(size)));
}

} // namespace minivisor::crypto
