// SPDX-License-Identifier: GPL-3.0-or-later
// Precompiled for the unit tests.
#ifndef MINIVISOR_PCH_CATCH
#define MINIVISOR_PCH_CATCH
#include "pch/json.hpp"
#include <catch2/catch.hpp>
#endif
