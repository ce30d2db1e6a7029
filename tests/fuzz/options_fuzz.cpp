// SPDX-License-Identifier: GPL-3.0-or-later
// Any text as a character device of the command line and as an address: what is taken has a name and can be told again.
#include "io/address.hpp"
#include "io/chardev_options.hpp"
#include "qapi/codec.hpp"
#include "tests/fuzz/check.hpp"
#include "util/text.hpp"

using namespace minivisor;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    std::string const text(reinterpret_cast<char const*>(data), size);
    if (auto const devices = io::parse_chardev(text)) {
        require(devices->size() == 1 || devices->size() == 2, "a device, or one and a multiplexer over it", text);
        require(util::is_identifier(devices->back().id), "its id is an identifier", text);
        for (auto const& device : *devices) {
            auto const told = qapi::encode(device);
            require(bool(qapi::decode<qapi::ChardevAddArguments>(told)), "chardev-add takes it as well", text);
        }
    }
    if (auto const devices = io::parse_short_chardev(text, "id"))
        require(devices->back().id == "id", "it has the id that it was given", text);
    if (auto const address = io::parse_inet(text))
        require(!address->port.empty() || text.find(':') != text.npos, "an address has a port", text);
    return 0;
}
