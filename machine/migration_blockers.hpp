// SPDX-License-Identifier: GPL-3.0-or-later
// What forbids the guest to move away for a while, each with its reason. Main thread only.
#pragma once

#include "util/result.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace minivisor::machine {

class MigrationBlockers {
public:
    /// The reason holds as long as this is there, which the list outlives.
    using Token = std::shared_ptr<void>;

    /// Refused, in QEMU's words, while a migration is under way.
    Result<Token> add(std::string reason);
    /// All that hold, in the order in which they came.
    std::vector<std::string> const& reasons() const { return m_reasons; }
    /// Tells whether a migration is under way; without it none ever is.
    void set_moving(std::function<bool()> moving) { m_moving = std::move(moving); }

private:
    std::vector<std::string> m_reasons;
    std::function<bool()> m_moving;
};

} // namespace minivisor::machine
