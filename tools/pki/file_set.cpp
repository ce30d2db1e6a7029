// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/pki/file_set.hpp"

#include "crypto/secret_bytes.hpp"
#include "util/fd.hpp"
#include "util/text.hpp"

#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

namespace minivisor::tools {

namespace {

bool exists(std::string const& path)
{
    struct stat status { };
    return ::lstat(path.c_str(), &status) == 0;
}

bool holds(std::string const& path, std::string const& content)
{
    auto held = util::read_file(path, content.size());
    bool const same = held && *held == content;
    if (held)
        crypto::wipe(*held);
    return same;
}

/// The mode as the process' mask leaves it.
mode_t masked(mode_t mode)
{
    auto const mask = ::umask(077);
    ::umask(mask);
    return mode & ~mask;
}

/// The temporary file's name.
Result<std::string> write_beside(std::string const& path, std::string_view content, mode_t mode)
{
    auto name = cat(path, ".XXXXXX");
    util::UniqueFd const file(::mkostemp(name.data(), O_CLOEXEC));
    if (!file)
        return Error::system(cat("Cannot write beside ", path), errno);
    auto written = util::write_all(file.get(), content);
    if (written && (::fchmod(file.get(), masked(mode)) != 0 || ::fsync(file.get()) != 0))
        written = Error::system(cat("Cannot write ", path), errno);
    if (!written) {
        ::unlink(name.c_str());
        return std::move(written).error();
    }
    return name;
}

} // namespace

FileSet::~FileSet()
{
    for (auto& file : m_files) {
        if (!file.temporary.empty())
            ::unlink(file.temporary.c_str());
        crypto::wipe(file.content);
    }
}

void FileSet::add(std::string path, std::string content, mode_t mode, Existing existing)
{
    m_files.push_back({std::move(path), std::move(content), mode, existing});
}

Result<void> FileSet::check(bool overwrite) const
{
    for (auto const& file : m_files)
        if (!overwrite && file.existing == Existing::refuse && exists(file.path) && !holds(file.path, file.content))
            return Error::generic(cat(file.path, " is there already; --force replaces it"));
    return {};
}

Result<void> FileSet::write(bool overwrite)
{
    TRY(check(overwrite));
    std::erase_if(m_files, [](File const& file) { return holds(file.path, file.content); });
    for (auto& file : m_files)
        file.temporary = TRY(write_beside(file.path, file.content, file.mode));
    for (auto& file : m_files) {
        // Somebody may have been quicker.
        unsigned const flags = overwrite || file.existing == Existing::replace ? 0 : RENAME_NOREPLACE;
        auto failed = ::renameat2(AT_FDCWD, file.temporary.c_str(), AT_FDCWD, file.path.c_str(), flags) != 0;
        if (failed && errno == EINVAL) // a file system that does not know the flag
            failed = ::rename(file.temporary.c_str(), file.path.c_str()) != 0;
        if (failed)
            return Error::system(cat("Cannot write ", file.path), errno);
        file.temporary.clear();
    }
    return {};
}

Result<void> make_folder(std::string const& path, mode_t mode)
{
    for (auto at = path.find('/', 1); at != path.npos; at = path.find('/', at + 1))
        if (::mkdir(path.substr(0, at).c_str(), 0777) != 0 && errno != EEXIST)
            return Error::system(cat("Cannot make the folder ", path.substr(0, at)), errno);
    if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
        return Error::system(cat("Cannot make the folder ", path), errno);
    return {};
}

} // namespace minivisor::tools
