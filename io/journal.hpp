// SPDX-License-Identifier: GPL-3.0-or-later
// The sending end of systemd's journal: its native protocol, one datagram an entry. It never waits: where the journal
// does not keep up, or an entry is larger than a datagram may be, that is an error.
#pragma once

#include "util/fd.hpp"
#include "util/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace minivisor::io {

struct JournalField {
    std::string_view name; ///< capital letters, digits and '_'
    std::string value; ///< any bytes
};

class Journal {
public:
    /// Where journald listens; a namespace of the journal has `/run/systemd/journal.NAME/socket`.
    static constexpr std::string_view standard_socket = "/run/systemd/journal/socket";

    static Result<Journal> open(std::string path);
    /// Connects anew, to whoever listens there now.
    Result<void> reopen();
    /// An entry with these fields. It is in the journal's hands, and outlives us, when this returns.
    Result<void> send(std::vector<JournalField> const& fields);

private:
    std::string m_path;
    util::UniqueFd m_socket;
};

} // namespace minivisor::io
