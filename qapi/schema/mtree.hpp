// SPDX-License-Identifier: GPL-3.0-or-later
// What the console's `info mtree` stands on; QEMU 7.2 has no QMP command for it.
#pragma once

#include "qapi/schema/machine.hpp"

namespace minivisor::qapi {

struct QueryMtreeArguments {
    std::optional<bool> flat;
};
BOOST_DESCRIBE_STRUCT(QueryMtreeArguments, (), (flat))
constexpr auto docs(QueryMtreeArguments const*)
{
    return members({{"flat", "what is seen where, rather than what it is made of (default false)"}});
}
struct QueryMtree : Command<"__org.minivisor_query-mtree", QueryMtreeArguments, HumanReadableText> {
    static constexpr CommandInfo info{
        .summary = "The guest's memory and ports: which address belongs to what. The text is for people."};
};

} // namespace minivisor::qapi
