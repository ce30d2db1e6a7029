// SPDX-License-Identifier: GPL-3.0-or-later
// Boost.JSON is used header-only: its body is compiled here, once.
#include "qapi/value.hpp"

#include <boost/json/src.hpp>
