// SPDX-License-Identifier: GPL-3.0-or-later
// The descriptors that a monitor's client has handed over: those that came with its bytes and wait
// for a getfd, and those it has given a name. They belong to one session and close with it.
// Texts: qmp-surface section 3.6.
#pragma once

#include "util/fd.hpp"
#include "util/result.hpp"

#include <deque>
#include <map>
#include <string>

namespace minivisor::util {

class FdTable {
public:
    static constexpr std::size_t max_pending = 16;
    static constexpr std::size_t max_named = 256;

    /// A descriptor arrived with the client's bytes. When max_pending wait, the oldest is closed.
    void received(UniqueFd fd);
    /// Names the oldest descriptor that has arrived; a name that is in use gets the new one.
    Result<void> name_received(std::string const& name);
    Result<void> close(std::string const& name);
    /// Hands over the descriptor of that name, which is then no longer known here.
    Result<UniqueFd> take(std::string const& name);

private:
    std::deque<UniqueFd> m_pending;
    std::map<std::string, UniqueFd> m_named;
};

} // namespace minivisor::util
