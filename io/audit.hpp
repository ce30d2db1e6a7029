// SPDX-License-Identifier: GPL-3.0-or-later
// The audit trail: JSON lines, one a record, in a file or in systemd's journal, chained by SHA-256 so that a line that
// is altered, added or taken out shows. Each line carries the hash of the one before it ("previous") and, last, its own
// over all of that. In files the chain goes on when the program starts again, and in the next file when the file is
// rotated; in the journal each process has a chain of its own. Whoever can write the file can also make a chain anew: a
// hash noted elsewhere tells.
#pragma once

#include "io/journal.hpp"
#include "qapi/value.hpp"
#include "util/fd.hpp"

#include <optional>
#include <string>

namespace minivisor::io {

class AuditTrail {
public:
    /// Opens `path`, or makes it with mode 0600, and goes on where it ends. Errors: no regular file, a symbolic link,
    /// another process writes it, its last line is not whole.
    static Result<AuditTrail> open(std::string path);
    /// The trail is in the journal that listens at `socket`.
    static Result<AuditTrail> open_journal(std::string socket);

    /// Writes a line: time, number and chain are added here. With an error nothing of it is left in the file.
    Result<void> append(qapi::Object record);
    /// Opens the path anew, after a rotation. With an error there is no file until the next call.
    Result<void> reopen();

private:
    explicit AuditTrail(std::string name);
    struct Opened;
    static Result<Opened> open_file(std::string const& path);
    void use(Opened opened);
    Result<void> write_to_file(std::string_view line);
    Result<void> write_to_journal(std::string line, qapi::Object const& entry);

    std::string m_name; ///< for errors
    std::string m_path; ///< of the file
    util::UniqueFd m_fd;
    std::optional<Journal> m_journal; ///< in place of a file
    std::string m_last_hash;
    std::uint64_t m_number = 0; ///< of the last line
    std::uint64_t m_lost = 0; ///< lines that could not be written since
};

/// What check_audit() found.
struct AuditCheck {
    std::uint64_t lines = 0; ///< that are whole and in their place
    std::string begins_after; ///< the hash that the first line goes on from; empty where the chain begins there
    std::string last_hash; ///< of the last of them; note it elsewhere
    std::string fault; ///< what is wrong with the line after them; empty: nothing
};

/// Verifies a file of an audit trail. Errors: it cannot be read.
Result<AuditCheck> check_audit(std::string const& path);

} // namespace minivisor::io
