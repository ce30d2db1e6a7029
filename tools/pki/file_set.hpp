// SPDX-License-Identifier: GPL-3.0-or-later
// Files that are written together: looked at first, so that nothing is overwritten unasked; each one is whole under its
// name from its first moment on, with its final mode.
#pragma once

#include "util/result.hpp"

#include <string>
#include <vector>

#include <sys/types.h>

namespace minivisor::tools {

enum class Existing {
    refuse, ///< unless write() is told to overwrite
    replace, ///< what was there is older
};

class FileSet {
public:
    FileSet() = default;
    FileSet(FileSet const&) = delete;
    FileSet& operator=(FileSet const&) = delete;
    ~FileSet();

    /// A file that has this content already is left alone.
    void add(std::string path, std::string content, mode_t mode, Existing existing = Existing::refuse);
    /// The error that write() would give for what is there already.
    Result<void> check(bool overwrite) const;
    /// On an error what can be seen is as it was, unless the very last step, the renames, failed half-way.
    Result<void> write(bool overwrite);

private:
    struct File {
        std::string path;
        std::string content;
        mode_t mode;
        Existing existing;
        std::string temporary{};
    };
    std::vector<File> m_files;
};

/// Makes the folder, and those on the way to it, if it is not there.
Result<void> make_folder(std::string const& path, mode_t mode);

} // namespace minivisor::tools
