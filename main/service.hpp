// SPDX-License-Identifier: GPL-3.0-or-later
// What a service manager hands to the process, and wants to hear from it: sockets that it listens at already
// (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES; sd_listen_fds(3)), and when the service is ready (NOTIFY_SOCKET;
// sd_notify(3)). Spoken without a library. Neither goes on to commands that this process starts.
#pragma once

#include "util/fd.hpp"

#include <string_view>

namespace minivisor::main {

/// Tells the service manager how things stand, if there is one that wants to know.
class Notifier {
public:
    /// Opens the way to it, so that it can be used from another root directory or by another user.
    static Result<Notifier> open();
    /// The monitors answer.
    void ready();
    /// The end has begun.
    void stopping();

private:
    void send(std::string_view state);

    util::UniqueFd m_socket;
};

} // namespace minivisor::main
