// SPDX-License-Identifier: GPL-3.0-or-later
// Described types that the tests of qapi/ decode, encode and bind.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

enum class Mood { calm, very_glad, register_ };
BOOST_DESCRIBE_ENUM(Mood, calm, very_glad, register_)

struct Inner {
    std::string match;
    std::optional<std::uint8_t> level;
};
BOOST_DESCRIBE_STRUCT(Inner, (), (match, level))
constexpr auto docs(Inner const*) { return members({{"match", "text"}, {"level", "small"}}); }

struct Base {
    std::optional<std::string> plain;
};
BOOST_DESCRIBE_STRUCT(Base, (), (plain))
constexpr auto docs(Base const*) { return members({{"plain", "of the base"}}); }

/// A union: what `data` is depends on `kind`.
enum class Either { word, inner, nothing };
BOOST_DESCRIBE_ENUM(Either, word, inner, nothing)
struct Choosy {
    std::optional<bool> flag;
    Either kind = Either::word;
    std::variant<std::string, Inner, Empty> data;
};
BOOST_DESCRIBE_STRUCT(Choosy, (), (flag, kind, data))
constexpr auto docs(Choosy const*) { return members({{"flag", "beside"}, {"kind", "which"}, {"data", "by kind"}}); }

/// Every kind, each optional, with wire names that C++ cannot spell.
struct Sample : Base {
    std::optional<bool> flag;
    std::optional<std::int64_t> wide;
    std::optional<std::uint64_t> wide_unsigned;
    std::optional<std::uint8_t> small;
    std::optional<std::int16_t> short_;
    std::optional<Size> max_size;
    std::optional<double> ratio;
    std::optional<Mood> mood;
    std::optional<std::vector<std::string>> words;
    std::optional<std::vector<std::uint8_t>> bytes;
    std::optional<std::vector<Mood>> moods;
    std::optional<std::vector<StrOrNull>> loose;
    std::optional<std::vector<Inner>> rules;
    std::optional<Inner> inner;
    std::optional<StrOrNull> tls_creds;
    std::optional<Value> any;
    std::optional<std::string> extra;
};
BOOST_DESCRIBE_STRUCT(Sample, (Base),
    (flag, wide, wide_unsigned, small, short_, max_size, ratio, mood, words, bytes, moods, loose, rules, inner,
        tls_creds, any, extra))
constexpr auto docs(Sample const*)
{
    return members({{"flag", ""}, {"wide", ""}, {"wide-unsigned", ""}, {"small", ""}, {"short", "a C++ word"},
        {"max-size", ""}, {"ratio", ""}, {"mood", ""}, {"words", ""}, {"bytes", ""}, {"moods", ""}, {"loose", ""},
        {"rules", ""}, {"inner", ""}, {"tls-creds", ""}, {"any", ""}, {"__org.minivisor_extra", "ours"}});
}

struct Wanted {
    std::string uri;
};
BOOST_DESCRIBE_STRUCT(Wanted, (), (uri))
constexpr auto docs(Wanted const*) { return members({{"uri", "where to"}}); }

} // namespace minivisor::qapi
