// SPDX-License-Identifier: GPL-3.0-or-later
// The JSON value that every floor passes around: Boost.JSON's, which keeps member order and tells
// int64, uint64 and double apart as QEMU's numbers do. Text is read and written by qapi/json only.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace minivisor::qapi {

namespace json = boost::json;
using Value = json::value;
using Object = json::object;
using Array = json::array;

/// Nearly all objects of the protocol have at most so many members; room for them saves growing step by step.
inline constexpr std::size_t usual_members = 4;

/// A string member's or value's text as std types.
inline std::string_view view(json::string const& text) { return {text.data(), text.size()}; }
inline std::string str(json::string const& text) { return {text.data(), text.size()}; }

} // namespace minivisor::qapi
