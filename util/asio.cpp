// SPDX-License-Identifier: GPL-3.0-or-later
// Asio's own functions, compiled here once and not in each file that uses them (BOOST_ASIO_SEPARATE_COMPILATION).
#include <boost/asio/impl/src.hpp>
