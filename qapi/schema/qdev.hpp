// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/qdev.json: what devices there are to choose from.
#pragma once

#include "qapi/schema/qom.hpp"

namespace minivisor::qapi {

struct DeviceListPropertiesArguments {
    std::string typename_;
};
BOOST_DESCRIBE_STRUCT(DeviceListPropertiesArguments, (), (typename_))
constexpr auto docs(DeviceListPropertiesArguments const*) { return members({{"typename", "the device's type"}}); }
struct DeviceListProperties
    : Command<"device-list-properties", DeviceListPropertiesArguments, std::vector<ObjectPropertyInfo>> {
    static constexpr CommandInfo info{.summary = "What -device takes for a type of device."};
};

} // namespace minivisor::qapi
