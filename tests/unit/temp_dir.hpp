// SPDX-License-Identifier: GPL-3.0-or-later
// A directory of its own for a test, gone with it.
#pragma once

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include <stdlib.h>
#include <sys/stat.h>

namespace minivisor::test {

class TempDir {
public:
    TempDir()
    {
        std::string name = (std::filesystem::temp_directory_path() / "minivisor-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::system_error(errno, std::generic_category(), "mkdtemp");
        m_path = name;
    }
    ~TempDir()
    {
        std::error_code ignored;
        std::filesystem::remove_all(m_path, ignored);
    }
    TempDir(TempDir const&) = delete;
    TempDir& operator=(TempDir const&) = delete;

    std::string path() const { return m_path; }
    std::string file(std::string const& name) const { return m_path + "/" + name; }
    /// Returns the file's path.
    std::string write(std::string const& name, std::string_view text, mode_t mode = 0600) const
    {
        std::ofstream(file(name), std::ios::binary) << text;
        ::chmod(file(name).c_str(), mode);
        return file(name);
    }

private:
    std::string m_path;
};

} // namespace minivisor::test
