// SPDX-License-Identifier: GPL-3.0-or-later
// Result<T>: a value or an Error. It reads like std::expected, so that a later move is mechanical.
// TRY is for plain functions (it is a statement expression and must never hold a co_await);
// CO_TRY and CO_CHECK are for coroutines.
#pragma once

#include "util/error.hpp"

#include <cassert>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace minivisor::util {

template <typename T>
class [[nodiscard]] Result {
public:
    using value_type = T;

    template <typename U = T>
    requires(
        std::is_constructible_v<T,
            U&&> && !std::is_same_v<std::remove_cvref_t<U>, Result> && !std::is_same_v<std::remove_cvref_t<U>, Error>)
        Result(U&& value) // NOLINT(google-explicit-constructor): a value is a result
        : m_state(std::in_place_index<0>, std::forward<U>(value))
    {
    }
    Result(Error error) // NOLINT(google-explicit-constructor): an error is a result
        : m_state(std::in_place_index<1>, std::move(error))
    {
    }

    bool has_value() const { return m_state.index() == 0; }
    explicit operator bool() const { return has_value(); }

    T& value() & { return assert(has_value()), std::get<0>(m_state); }
    T const& value() const& { return assert(has_value()), std::get<0>(m_state); }
    T&& value() && { return assert(has_value()), std::get<0>(std::move(m_state)); }
    T& operator*() & { return value(); }
    T const& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    T const* operator->() const { return &value(); }
    T value_or(T other) && { return has_value() ? std::move(*this).value() : std::move(other); }

    Error const& error() const& { return assert(!has_value()), std::get<1>(m_state); }
    Error&& error() && { return assert(!has_value()), std::get<1>(std::move(m_state)); }

    /// Says on purpose that a failure does not matter here, and why.
    void ignore(char const* /*why*/) && { }

private:
    std::variant<T, Error> m_state;
};

template <>
class [[nodiscard]] Result<void> {
public:
    using value_type = void;

    Result() = default;
    Result(Error error) // NOLINT(google-explicit-constructor): an error is a result
        : m_error(std::move(error))
    {
    }

    bool has_value() const { return !m_error; }
    explicit operator bool() const { return has_value(); }
    void value() const { assert(has_value()); }
    Error const& error() const& { return assert(m_error), *m_error; }
    Error&& error() && { return assert(m_error), *std::move(m_error); }
    void ignore(char const* /*why*/) && { }

private:
    std::optional<Error> m_error;
};

} // namespace minivisor::util

namespace minivisor {
using util::Result;
}

#define MINIVISOR_CONCAT_2(a, b) a##b
#define MINIVISOR_CONCAT(a, b) MINIVISOR_CONCAT_2(a, b)

#define MINIVISOR_TRY(expression, result)                                                                              \
    ({                                                                                                                 \
        auto&& result = (expression);                                                                                  \
        if (!result) [[unlikely]]                                                                                      \
            return std::move(result).error();                                                                          \
        std::move(result).value();                                                                                     \
    })

/// The value of `expression`, or return its error from this (plain) function.
#define TRY(expression) MINIVISOR_TRY(expression, MINIVISOR_CONCAT(try_result_, __COUNTER__))

/// In a coroutine: `CO_TRY(auto x, co_await f());` declares x, or returns the error.
#define CO_TRY(declaration, expression)                                                                                \
    auto MINIVISOR_CONCAT(co_try_, __LINE__) = expression;                                                             \
    if (!MINIVISOR_CONCAT(co_try_, __LINE__)) [[unlikely]]                                                             \
        co_return std::move(MINIVISOR_CONCAT(co_try_, __LINE__)).error();                                              \
    declaration = std::move(MINIVISOR_CONCAT(co_try_, __LINE__)).value()

/// In a coroutine: returns the error of a Result<void>, if it has one.
#define CO_CHECK(expression)                                                                                           \
    do {                                                                                                               \
        auto co_check = expression;                                                                                    \
        if (!co_check) [[unlikely]]                                                                                    \
            co_return std::move(co_check).error();                                                                     \
    } while (false)
