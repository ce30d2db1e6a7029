// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/file_watch.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <climits>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

namespace minivisor::util {

namespace {

using Clock = std::chrono::steady_clock;

/// How long a writer that has not closed the file is waited for.
constexpr std::chrono::milliseconds patience{100};
/// As many links as the kernel follows (path_resolution(7)).
constexpr int most_links = 40;
constexpr int most_looks = 16;

/// A directory and a name that is looked up in it.
using Lookup = std::pair<std::string, std::string>;

void push_components(std::deque<std::string>& rest, std::string const& path)
{
    std::vector<std::string> parts;
    for (std::size_t at = 0; at < path.size();) {
        auto const end = std::min(path.find('/', at), path.size());
        if (auto const part = path.substr(at, end - at); !part.empty() && part != ".")
            parts.push_back(part);
        at = end + 1;
    }
    rest.insert(rest.begin(), parts.begin(), parts.end());
}

std::optional<std::string> link_target(std::string const& path)
{
    std::array<char, PATH_MAX> buffer;
    auto const size = ::readlink(path.c_str(), buffer.data(), buffer.size());
    if (size < 0)
        return std::nullopt;
    return std::string(buffer.data(), static_cast<std::size_t>(size));
}

/// All lookups that lead to `path`, as far as there is something; the last one is that of the file itself, or of
/// the first part that is missing.
std::vector<Lookup> lookups_of(std::string const& path)
{
    std::vector<Lookup> lookups;
    std::deque<std::string> rest;
    push_components(rest, path);
    std::string directory = "/";
    int links = 0;
    while (!rest.empty()) {
        auto const name = std::move(rest.front());
        rest.pop_front();
        if (name == "..") {
            directory.resize(std::max<std::size_t>(directory.rfind('/'), 1));
            continue;
        }
        lookups.emplace_back(directory, name);
        auto found = directory + (directory == "/" ? "" : "/") + name;
        if (auto const target = link_target(found)) {
            if (++links > most_links)
                break;
            if (target->starts_with('/'))
                directory = "/";
            push_components(rest, *target);
            continue;
        }
        struct stat status = {};
        if (::lstat(found.c_str(), &status) != 0)
            break;
        directory = std::move(found);
    }
    return lookups;
}

/// What tells one state of a file from another; absent where there is no file.
using Signature = std::optional<std::tuple<dev_t, ino_t, off_t, std::int64_t, long, std::int64_t, long>>;

Signature signature_of(std::string const& path)
{
    struct stat status = {};
    if (::stat(path.c_str(), &status) != 0)
        return std::nullopt;
    return std::make_tuple(status.st_dev, status.st_ino, status.st_size, std::int64_t{status.st_mtim.tv_sec},
        status.st_mtim.tv_nsec, std::int64_t{status.st_ctim.tv_sec}, status.st_ctim.tv_nsec);
}

} // namespace

class FileWatch::Watcher {
public:
    Watcher(UniqueFd inotify, std::vector<std::string> paths, std::function<void()> changed)
        : m_inotify(std::move(inotify))
        , m_paths(std::move(paths))
        , m_changed(std::move(changed))
    {
    }

    /// Watches what leads to the files now.
    void look()
    {
        // What changed between looking and watching would go unnoticed: until both agree. Where somebody keeps
        // changing it, the next event brings us here again.
        std::vector<std::vector<Lookup>> seen;
        int tries = 0;
        for (auto lookups = all_lookups(); lookups != seen && tries < most_looks; lookups = all_lookups()) {
            ++tries;
            seen = std::move(lookups);
            std::map<int, std::set<std::string>> names;
            m_files.clear();
            for (auto const& way : seen)
                watch(way, names);
            for (auto const& [watch, unused] : m_names)
                if (!names.contains(watch))
                    ::inotify_rm_watch(m_inotify.get(), watch);
            m_names = std::move(names);
        }
    }

    void note_state()
    {
        m_signatures.clear();
        for (auto const& path : m_paths)
            m_signatures.push_back(signature_of(path));
    }

    void run(int stop)
    {
        std::array<pollfd, 2> fds{{{m_inotify.get(), POLLIN, 0}, {stop, POLLIN, 0}}};
        std::optional<Clock::time_point> deadline;
        while (true) {
            auto const timeout = deadline ? std::max<std::int64_t>(
                                     0, std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count())
                                          : -1;
            if (::poll(fds.data(), fds.size(), static_cast<int>(timeout)) < 0 && errno != EINTR)
                return;
            if (fds[1].revents != 0)
                return;
            take_events();
            if (std::exchange(m_way_changed, false)) {
                look();
                // What was moved here is complete; what was created may still be written.
                bool const moved = std::exchange(m_moved, false);
                if (note_changes(false))
                    (moved ? m_complete : m_half_written) = true;
            }
            if (m_half_written && !deadline)
                deadline = Clock::now() + patience;
            if (m_complete || (deadline && Clock::now() >= *deadline)) {
                m_complete = m_half_written = false;
                deadline.reset();
                // Before the call: what changes while it runs is a further change.
                if (note_changes(true))
                    m_changed();
            }
        }
    }

private:
    std::vector<std::vector<Lookup>> all_lookups() const
    {
        std::vector<std::vector<Lookup>> all;
        for (auto const& path : m_paths)
            all.push_back(lookups_of(path));
        return all;
    }

    void watch(std::vector<Lookup> const& way, std::map<int, std::set<std::string>>& names)
    {
        std::pair<int, std::string> file{-1, {}};
        for (auto const& [directory, name] : way) {
            // The last one is the file's own directory; its mask is the wider one, and stays so if it is on another
            // way.
            std::uint32_t const content = &name == &way.back().second ? IN_MODIFY | IN_CLOSE_WRITE : 0;
            auto const watch = ::inotify_add_watch(m_inotify.get(), directory.c_str(),
                content | IN_CREATE | IN_MOVE | IN_DELETE | IN_ONLYDIR | IN_MASK_ADD);
            if (watch < 0)
                continue; // no longer there, or may not be read: the parts in front of it are watched
            names[watch].insert(name);
            file = {watch, name};
        }
        m_files.insert(std::move(file));
    }

    /// Whether a file that is there is in another state than was noted, or (`written`) there is one at all; notes the
    /// state if `written`. A file that went away is no change, and what it was is remembered.
    bool note_changes(bool written)
    {
        bool changed = false;
        for (std::size_t i = 0; i < m_paths.size(); ++i) {
            auto now = signature_of(m_paths[i]);
            if (!now)
                continue;
            changed = changed || written || now != m_signatures[i];
            if (written)
                m_signatures[i] = std::move(now);
        }
        return changed;
    }

    void take_events()
    {
        alignas(inotify_event) std::array<char, 16384> buffer;
        while (true) {
            auto const size = ::read(m_inotify.get(), buffer.data(), buffer.size());
            if (size <= 0)
                return;
            for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
                auto const* const event = reinterpret_cast<inotify_event const*>(buffer.data() + at);
                take(*event, event->len > 0 ? event->name : "");
                at += sizeof *event + event->len;
            }
        }
    }

    void take(inotify_event const& event, std::string const& name)
    {
        auto const watch = m_names.find(event.wd);
        if ((event.mask & IN_Q_OVERFLOW) != 0) {
            m_way_changed = m_complete = true;
        } else if (watch != m_names.end() && (event.mask & IN_IGNORED) != 0) {
            m_names.erase(watch);
            m_way_changed = true;
        } else if (watch != m_names.end() && watch->second.contains(name)) {
            bool const of_file = m_files.contains(std::pair(event.wd, name));
            m_half_written = m_half_written || (of_file && (event.mask & IN_MODIFY) != 0);
            m_complete = m_complete || (of_file && (event.mask & IN_CLOSE_WRITE) != 0);
            m_way_changed = m_way_changed || (event.mask & (IN_CREATE | IN_MOVE | IN_DELETE)) != 0;
            m_moved = m_moved || (event.mask & IN_MOVED_TO) != 0;
        }
    }

    UniqueFd m_inotify;
    std::vector<std::string> m_paths;
    std::function<void()> m_changed;
    /// The names that matter, for each directory by its watch.
    std::map<int, std::set<std::string>> m_names;
    std::set<std::pair<int, std::string>> m_files;
    std::vector<Signature> m_signatures;
    bool m_way_changed = false;
    bool m_moved = false;
    bool m_half_written = false;
    bool m_complete = false;
};

FileWatch::FileWatch(std::unique_ptr<Watcher> watcher, UniqueFd stop)
    : m_watcher(std::move(watcher))
    , m_stop(std::move(stop))
    , m_thread([this] {
        pthread_setname_np(pthread_self(), "file_watch");
        m_watcher->run(m_stop.get());
    })
{
}

Result<std::unique_ptr<FileWatch>> FileWatch::start(std::vector<std::string> paths, std::function<void()> changed)
{
    assert(std::all_of(paths.begin(), paths.end(), [](auto const& path) { return path.starts_with('/'); }));
    UniqueFd inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!inotify)
        return Error::system("Unable to initialize inotify", errno);
    UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!stop)
        return Error::system("Unable to create an event descriptor", errno);
    auto watcher = std::make_unique<Watcher>(std::move(inotify), std::move(paths), std::move(changed));
    watcher->note_state();
    watcher->look();
    return std::unique_ptr<FileWatch>(new FileWatch(std::move(watcher), std::move(stop)));
}

FileWatch::~FileWatch()
{
    std::uint64_t const one = 1;
    [[maybe_unused]] auto const written = ::write(m_stop.get(), &one, sizeof one);
    m_thread.join();
}

} // namespace minivisor::util
