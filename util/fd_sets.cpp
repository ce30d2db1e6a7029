// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/fd_sets.hpp"

#include "util/text.hpp"

#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <unistd.h>

namespace minivisor::util {

void FdTable::received(UniqueFd fd)
{
    if (m_pending.size() == max_pending)
        m_pending.pop_front();
    m_pending.push_back(std::move(fd));
}

Result<UniqueFd> FdTable::take_received()
{
    if (m_pending.empty())
        return Error::generic("No file descriptor supplied via SCM_RIGHTS");
    auto fd = std::move(m_pending.front());
    m_pending.pop_front();
    return fd;
}

Result<void> FdTable::name_received(std::string const& name)
{
    auto fd = TRY(take_received());
    if (!name.empty() && name.front() >= '0' && name.front() <= '9')
        return Error::generic("Parameter 'fdname' expects a name not starting with a digit");
    if (m_named.size() >= max_named && !m_named.contains(name))
        return Error::generic(cat("More than ", max_named, " file descriptors are named already"));
    m_named.insert_or_assign(name, std::move(fd));
    return {};
}

Result<void> FdTable::close(std::string const& name)
{
    if (m_named.erase(name) == 0)
        return Error::generic(cat("File descriptor named '", name, "' not found"));
    return {};
}

Result<UniqueFd> FdTable::take(std::string const& name)
{
    auto const found = m_named.find(name);
    if (found == m_named.end())
        return Error::generic(cat("File descriptor named '", name, "' has not been found"));
    auto fd = std::move(found->second);
    m_named.erase(found);
    return fd;
}

namespace {

constexpr std::string_view set_directory = "/dev/fdset/";

std::optional<std::int64_t> set_number(std::string_view path)
{
    path.remove_prefix(set_directory.size());
    std::int64_t number = 0;
    auto const [end, error] = std::from_chars(path.data(), path.data() + path.size(), number);
    if (error != std::errc() || end != path.data() + path.size() || number < 0)
        return std::nullopt;
    return number;
}

} // namespace

Result<FdSets::Added> FdSets::add(UniqueFd fd, std::optional<std::int64_t> set, std::optional<std::string> opaque)
{
    if (set && *set < 0)
        return Error::generic("Parameter 'fdset-id' expects a non-negative value");
    std::size_t count = 0;
    for (auto const& [number, entries] : m_sets)
        count += entries.size();
    if (count >= max_descriptors)
        return Error::generic(cat("More than ", max_descriptors, " file descriptors are in sets already"));
    if (!set) {
        set = 0;
        for (auto const& [number, entries] : m_sets)
            if (number == *set)
                ++*set;
    }
    Added const added{*set, fd.get()};
    m_sets[*set].push_back({std::move(fd), std::move(opaque)});
    return added;
}

Result<void> FdSets::remove(std::int64_t set, std::optional<std::int64_t> fd)
{
    auto const found = m_sets.find(set);
    bool removed = false;
    if (found != m_sets.end()) {
        auto& entries = found->second;
        removed = std::erase_if(entries, [&](Entry const& entry) { return !fd || entry.fd.get() == *fd; }) > 0;
        if (entries.empty())
            m_sets.erase(found);
    }
    if (!removed)
        return Error::generic(
            cat("File descriptor named 'fdset-id:", set, fd ? cat(", fd:", *fd) : std::string(), "' not found"));
    return {};
}

bool FdSets::is_path(std::string_view path) { return path.starts_with(set_directory); }

Result<UniqueFd> FdSets::open(std::string const& path, int flags) const
{
    auto const failed = [&path](int why) { return Error::system(cat("Could not open '", path, "'"), why); };
    auto const number = set_number(path);
    auto const found = number ? m_sets.find(*number) : m_sets.end();
    if (found == m_sets.end())
        return failed(number ? ENOENT : EINVAL);
    for (auto const& entry : found->second) {
        auto const mode = fcntl(entry.fd.get(), F_GETFL);
        if (mode < 0 || (mode & O_ACCMODE) != (flags & O_ACCMODE))
            continue;
        auto duplicate = TRY(entry.fd.duplicate());
        if ((flags & O_TRUNC) != 0 && ftruncate(duplicate.get(), 0) != 0 && errno != EINVAL) // a pipe cannot be cut
            return failed(errno);
        return duplicate;
    }
    return failed(EACCES);
}

} // namespace minivisor::util
