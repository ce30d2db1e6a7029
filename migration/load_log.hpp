// SPDX-License-Identifier: GPL-3.0-or-later
// Why a load failed, twice: as one sentence (the Error that is handed up) and as the lines that QEMU
// prints on standard error for the same fault, the detail first and "load of migration failed: ..." last.
#pragma once

#include "util/error.hpp"

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::migration {

class LoadLog {
public:
    /// Notes `sentence` as a line, with the errno that QEMU ends such a load with.
    Error refuse(int errno_value, std::string sentence);
    Error refuse(std::string sentence) { return refuse(EINVAL, std::move(sentence)); }
    /// A line without an error: context, or a warning.
    void add(std::string line) { m_lines.push_back(std::move(line)); }

    /// Closes the log of a failed load with QEMU's last line.
    void finish();
    std::vector<std::string> const& lines() const { return m_lines; }

private:
    std::vector<std::string> m_lines;
    // A stream that ends or breaks without anything to say about its content.
    int m_errno = EIO;
    bool m_refused = false;
};

} // namespace minivisor::migration
