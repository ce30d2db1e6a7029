// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/console_history.hpp"

#include "util/fd.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace minivisor::hmp {

namespace {

/// Opens a regular file without waiting, never through a link; makes it its owner's alone.
util::UniqueFd open_private(std::string const& path, int flags)
{
    util::UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    struct stat status { };
    if (!fd || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
        return {};
    if ((status.st_mode & 0777) != 0600 && fchmod(fd.get(), 0600) != 0)
        return {};
    return fd;
}

std::string read_end(int fd, std::size_t most)
{
    struct stat status { };
    if (fstat(fd, &status) != 0)
        return {};
    auto const size = static_cast<std::size_t>(status.st_size);
    auto offset = static_cast<off_t>(size > most ? size - most : 0);
    std::string text(std::min(size, most), '\0');
    std::size_t got = 0;
    while (got < text.size()) {
        auto const count = pread(fd, text.data() + got, text.size() - got, offset + static_cast<off_t>(got));
        if (count <= 0)
            break;
        got += static_cast<std::size_t>(count);
    }
    text.resize(got);
    return text;
}

} // namespace

std::string HistoryFile::default_path()
{
    auto const* state = std::getenv("XDG_STATE_HOME");
    if (state && state[0] == '/')
        return cat(state, "/minivisor/history");
    auto const* home = std::getenv("HOME");
    return home && home[0] == '/' ? cat(home, "/.local/state/minivisor/history") : "";
}

bool HistoryFile::is_secret(std::string_view line)
{
    // KEY=VALUE, JSON in either quotes, and qom-set's way of naming it.
    for (std::string_view const mark : {"data=", "\"data\"", "'data'", " data ", "\tdata\t"})
        if (line.find(mark) != line.npos)
            return true;
    return false;
}

std::vector<std::string> HistoryFile::load()
{
    if (m_path.empty())
        return {};
    auto const fd = open_private(m_path, O_RDONLY);
    if (!fd)
        return {};
    std::vector<std::string> lines;
    std::set<std::string_view> seen;
    auto const text = read_end(fd.get(), max_bytes);
    auto const all = util::split(text, '\n');
    for (auto next = all.rbegin(); next != all.rend() && lines.size() < max_lines; ++next) {
        auto const line = *next;
        auto const is_control = [](unsigned char c) { return c < ' ' || c == 127; };
        bool const plain = std::none_of(line.begin(), line.end(), is_control);
        if (!line.empty() && plain && !is_secret(line) && seen.insert(line).second)
            lines.emplace_back(line);
    }
    std::reverse(lines.begin(), lines.end());
    if (all.size() > 2 * max_lines)
        replace(lines);
    return lines;
}

void HistoryFile::append(std::string_view line)
{
    if (m_path.empty() || line.empty() || is_secret(line))
        return;
    make_folders();
    auto const fd = open_private(m_path, O_WRONLY | O_APPEND | O_CREAT);
    if (!fd)
        return;
    util::write_all(fd.get(), cat(line, "\n")).ignore("a console without history is a console");
}

void HistoryFile::make_folders() const
{
    for (auto slash = m_path.find('/', 1); slash != m_path.npos; slash = m_path.find('/', slash + 1))
        mkdir(m_path.substr(0, slash).c_str(), 0700);
}

void HistoryFile::replace(std::vector<std::string> const& lines) const
{
    auto const temporary = cat(m_path, ".", getpid());
    auto const fd = open_private(temporary, O_WRONLY | O_CREAT | O_EXCL);
    if (!fd)
        return;
    auto const written = util::write_all(fd.get(), util::join(lines, "\n") + "\n");
    if (!written || rename(temporary.c_str(), m_path.c_str()) != 0)
        unlink(temporary.c_str());
}

} // namespace minivisor::hmp
