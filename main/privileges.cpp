// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/privileges.hpp"

#include "util/text.hpp"

#include <cerrno>
#include <grp.h>
#include <limits>
#include <pwd.h>
#include <sys/mman.h>
#include <unistd.h>

namespace minivisor::main {

namespace {

/// A user's or group's number. The largest one means "none" to the kernel.
std::optional<std::uint32_t> parse_id(std::string_view text)
{
    auto const number = util::parse_uint64(text);
    if (!number || *number >= std::numeric_limits<std::uint32_t>::max())
        return std::nullopt;
    return static_cast<std::uint32_t>(*number);
}

} // namespace

Result<User> find_user(std::string const& text)
{
    if (auto const* entry = getpwnam(text.c_str()))
        return User{entry->pw_uid, entry->pw_gid, text};
    auto const parts = util::split(text, ':');
    if (parts.size() == 2)
        if (auto const uid = parse_id(parts[0]), gid = parse_id(parts[1]); uid && gid)
            return User{*uid, *gid, std::nullopt};
    return Error::generic(cat("User \"", text, "\" doesn't exist (and is not <uid>:<gid>)"));
}

Result<void> change_root(std::string const& directory)
{
    if (chroot(directory.c_str()) != 0)
        return Error::system("chroot failed", errno);
    if (chdir("/") != 0)
        return Error::system("not able to chdir to /", errno);
    return {};
}

Result<void> become(User const& user)
{
    if (setgid(user.gid) != 0)
        return Error::system(cat("Failed to setgid(", user.gid, ")"), errno);
    if (user.name && initgroups(user.name->c_str(), user.gid) != 0)
        return Error::system(cat("Failed to initgroups(\"", *user.name, "\", ", user.gid, ")"), errno);
    if (!user.name && setgroups(1, &user.gid) != 0)
        return Error::system(cat("Failed to setgroups(1, [", user.gid, "])"), errno);
    if (setuid(user.uid) != 0)
        return Error::system(cat("Failed to setuid(", user.uid, ")"), errno);
    uid_t real = 0;
    uid_t effective = 0;
    uid_t saved = 0;
    if (getresuid(&real, &effective, &saved) != 0 || real != user.uid || effective != user.uid || saved != user.uid
        || getgid() != user.gid || getegid() != user.gid || (user.uid != 0 && setuid(0) == 0))
        return Error::generic("Dropping privileges failed");
    return {};
}

Result<void> lock_memory()
{
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        return Error::system("locking memory failed", errno);
    return {};
}

} // namespace minivisor::main
