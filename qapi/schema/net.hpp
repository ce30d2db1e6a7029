// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/net.json, as far as there is something to say without network cards.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

struct AnnounceParameters {
    std::int64_t initial = 0, max = 0, rounds = 0, step = 0;
    std::optional<std::vector<std::string>> interfaces;
    std::optional<std::string> id;
};
BOOST_DESCRIBE_STRUCT(AnnounceParameters, (), (initial, max, rounds, step, interfaces, id))
constexpr auto docs(AnnounceParameters const*)
{
    return members({{"initial", "milliseconds before the second packet"}, {"max", "the longest pause between packets"},
        {"rounds", "how many packets"}, {"step", "by how much the pause grows"},
        {"interfaces", "the network cards, if not all"}, {"id", "a name for this round, so that another can end it"}});
}
struct AnnounceSelf : Command<"announce-self", AnnounceParameters> {
    static constexpr CommandInfo info{
        .summary = "Make switches learn where the guest is: nothing to do, since it has no network card."};
};

} // namespace minivisor::qapi
