// SPDX-License-Identifier: GPL-3.0-or-later
// What a service manager hands to the process, and wants to hear from it: sockets that it listens at already
// (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES; sd_listen_fds(3)), and when the service is ready (NOTIFY_SOCKET;
// sd_notify(3)). Spoken without a library. Neither goes on to commands that this process starts.
#pragma once

#include "util/fd.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace minivisor::main {

/// The sockets that were handed over: descriptors from 3 on, each with a name.
class HandedSockets {
public:
    /// Reads the environment and takes its variables away. What is meant for another process counts as nothing;
    /// variables that contradict themselves are an error.
    static Result<HandedSockets> take();

    /// What `fd=TEXT` of a socket chardev means: a number stands for itself, a name for the descriptor that was handed
    /// over under it. A name that none or several have is an error;
    /// where nothing was handed over, any text stays as it is.
    Result<std::string> resolve(std::string const& text);
    /// The names, or numbers, of those that resolve() was never asked for.
    std::vector<std::string> unused() const;

private:
    struct Socket {
        int fd;
        std::string name;
        bool used = false;
    };
    std::vector<Socket> m_sockets;
};

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
