// SPDX-License-Identifier: GPL-3.0-or-later
// Precompiled once for all unit tests.
#ifndef MINIVISOR_PCH_UNIT_TEST
#define MINIVISOR_PCH_UNIT_TEST
#include "pch/library.hpp"
#include <catch2/catch.hpp>
#endif
