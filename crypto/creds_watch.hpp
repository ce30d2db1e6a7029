// SPDX-License-Identifier: GPL-3.0-or-later
// Notices when files of credentials change, for whoever comes to listen. It reads none of them.
#pragma once

#include "util/file_watch.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace minivisor::crypto {

class CredsWatch {
public:
    /// Watches these files of the folder, those that are not there yet included.
    static Result<std::unique_ptr<CredsWatch>> start(std::string const& dir, std::vector<std::string> const& names);

    /// `changed` is called on another thread, and at once if something has changed already. The second call and those
    /// after it do nothing.
    void listen(std::function<void()> changed);

private:
    CredsWatch() = default;
    void note_change();

    std::mutex m_mutex;
    std::function<void()> m_listener;
    bool m_changed = false; ///< while nobody listened
    std::unique_ptr<util::FileWatch> m_files; ///< last: its thread ends first
};

} // namespace minivisor::crypto
