// SPDX-License-Identifier: GPL-3.0-or-later
// Precompiled: std and the JSON value.
#ifndef MINIVISOR_PCH_JSON
#define MINIVISOR_PCH_JSON
#include "pch/std.hpp"
#include <boost/describe.hpp>
#include <boost/json.hpp>
#endif
