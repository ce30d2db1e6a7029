// SPDX-License-Identifier: GPL-3.0-or-later
// Catch2's main, compiled once for all runners.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
