// SPDX-License-Identifier: GPL-3.0-or-later
// Says when a file under one of some paths becomes another one, or gets other content: written in place, replaced by a
// rename, a symbolic link on the way turned elsewhere, a directory on the way moved and made anew. Uses inotify(7) on
// every directory in which a part of the path is looked up, links followed; a network file system tells nothing of what
// other hosts do.
#pragma once

#include "util/fd.hpp"
#include "util/result.hpp"

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace minivisor::util {

class FileWatch {
public:
    /// Watches `paths`, which are absolute, from now on. `changed` is called on a thread of the watch, one call at a
    /// time, at most 100 ms after the first sign of a change and as soon as a writer has closed the file; many
    /// changes may become one call. A file that goes away is no change; one that comes is.
    static Result<std::unique_ptr<FileWatch>> start(std::vector<std::string> paths, std::function<void()> changed);
    /// Waits until a running call has returned.
    ~FileWatch();
    FileWatch(FileWatch const&) = delete;
    FileWatch& operator=(FileWatch const&) = delete;

private:
    class Watcher;
    FileWatch(std::unique_ptr<Watcher> watcher, UniqueFd stop);

    std::unique_ptr<Watcher> m_watcher;
    UniqueFd m_stop;
    std::thread m_thread;
};

} // namespace minivisor::util
