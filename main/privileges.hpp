// SPDX-License-Identifier: GPL-3.0-or-later
// Giving up what is not needed once everything is open: another root directory, another user (-chroot, -runas,
// -run-with), in this order, so that root itself can make the change of root directory.
#pragma once

#include "util/result.hpp"

#include <optional>
#include <string>
#include <sys/types.h>

namespace minivisor::main {

/// Whom to become.
struct User {
    uid_t uid = 0;
    gid_t gid = 0;
    std::optional<std::string> name; ///< its further groups are taken on too
};

/// "nobody" or "65534:65534". The user database is read here, before the root directory changes.
Result<User> find_user(std::string const& text);

Result<void> change_root(std::string const& directory);

/// Group, further groups, user, for every thread; and proof that there is no way back.
Result<void> become(User const& user);

/// Nothing of the process is swapped out, now or later.
Result<void> lock_memory();

} // namespace minivisor::main
