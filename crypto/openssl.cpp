// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/openssl.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace minivisor::crypto {

void clear_openssl_errors() { ERR_clear_error(); }

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
    auto const size = std::min<std::size_t>(text.size(), std::numeric_limits<int>::max());
    // A length of -1 would mean a C string; an empty text needs a pointer all the same.
    return BioPtr(BIO_new_mem_buf(text.empty() ? "" : text.data(), static_cast<int>(size)));
}

} // namespace minivisor::crypto
