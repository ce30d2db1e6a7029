// SPDX-License-Identifier: GPL-3.0-or-later
// Nothing: the libraries of pch/meson.build need a source for their header to be compiled with.
