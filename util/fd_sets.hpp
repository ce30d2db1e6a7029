// SPDX-License-Identifier: GPL-3.0-or-later
// The descriptors that others have handed over. FdTable: what came with a monitor's bytes and waits for a
// getfd or add-fd, and what was given a name; it belongs to one session and closes with it. FdSets: numbered
// sets that belong to the program, whose members are opened as /dev/fdset/N. Texts: qmp-surface section 3.6.
#pragma once

#include "util/fd.hpp"
#include "util/result.hpp"

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::util {

class FdTable {
public:
    static constexpr std::size_t max_pending = 16;
    static constexpr std::size_t max_named = 256;

    /// A descriptor arrived with the client's bytes. When max_pending wait, the oldest is closed.
    void received(UniqueFd fd);
    /// Names a descriptor that is there already.
    void add(std::string const& name, UniqueFd fd) { m_named.insert_or_assign(name, std::move(fd)); }
    /// Names the oldest descriptor that has arrived; a name that is in use gets the new one.
    Result<void> name_received(std::string const& name);
    /// Hands over the oldest descriptor that has arrived.
    Result<UniqueFd> take_received();
    Result<void> close(std::string const& name);
    /// Hands over the descriptor of that name, which is then no longer known here.
    Result<UniqueFd> take(std::string const& name);

private:
    std::deque<UniqueFd> m_pending;
    std::map<std::string, UniqueFd> m_named;
};

class FdSets {
public:
    static constexpr std::size_t max_descriptors = 256; ///< in all sets together

    struct Entry {
        UniqueFd fd;
        std::optional<std::string> opaque;
    };
    using Set = std::vector<Entry>; ///< in the order of addition
    struct Added {
        std::int64_t set = 0;
        int fd = -1;
    };

    /// Puts the descriptor into a set, which is made if need be; without a number into a new one with the lowest
    /// that is free.
    Result<Added> add(UniqueFd fd, std::optional<std::int64_t> set, std::optional<std::string> opaque);
    /// Closes one descriptor of the set, or all. A set without descriptors is gone.
    Result<void> remove(std::int64_t set, std::optional<std::int64_t> fd);
    std::map<std::int64_t, Set> const& sets() const { return m_sets; }

    /// Whether the path means a set: "/dev/fdset/3".
    static bool is_path(std::string_view path);
    /// Opens such a path: a duplicate of the member that has the access mode of `flags`, cut to nothing with
    /// O_TRUNC. The error is that of open(2), with the path.
    Result<UniqueFd> open(std::string const& path, int flags) const;

private:
    std::map<std::int64_t, Set> m_sets; // no set is empty
};

} // namespace minivisor::util
