// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/char.json, as far as character devices are listed.
#pragma once

#include "qapi/command.hpp"

namespace minivisor::qapi {

struct ChardevInfo {
    std::string label;
    std::string filename;
    bool frontend_open = false;
};
BOOST_DESCRIBE_STRUCT(ChardevInfo, (), (label, filename, frontend_open))
constexpr auto docs(ChardevInfo const*)
{
    return members({{"label", "the device's id"}, {"filename", "what it is, and who is at the other end"},
        {"frontend-open", "something here uses it"}});
}
struct QueryChardev : Command<"query-chardev", Empty, std::vector<ChardevInfo>> {
    static constexpr CommandInfo info{.summary = "The character devices."};
};

} // namespace minivisor::qapi
