// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/worker.hpp"

#include <pthread.h>
#include <system_error>
#include <thread>

namespace minivisor::util {

Result<void> run_unattended(std::string name, std::function<void()> function)
{
    try {
        std::thread([name = std::move(name), function = std::move(function)] {
            pthread_setname_np(pthread_self(), name.c_str());
            function();
        }).detach();
    } catch (std::system_error const& failed) {
        return Error::system("Unable to start a thread", failed.code().value());
    }
    return {};
}

} // namespace minivisor::util
