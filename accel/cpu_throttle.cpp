// SPDX-License-Identifier: GPL-3.0-or-later
#include "accel/cpu_throttle.hpp"

#include <chrono>
#include <pthread.h>

namespace minivisor::accel {

namespace {

/// The time that CPUs run between two holds, as QEMU has it.
constexpr std::chrono::milliseconds slice{10};

} // namespace

CpuThrottle::~CpuThrottle() { stop(); }

void CpuThrottle::set(int percent)
{
    if (percent <= 0)
        return stop();
    {
        std::lock_guard const lock(m_mutex);
        m_percent = percent;
    }
    if (!m_thread.joinable())
        m_thread = std::thread([this] { main(); });
}

void CpuThrottle::stop()
{
    {
        std::lock_guard const lock(m_mutex);
        m_percent = 0;
    }
    m_changed.notify_all();
    if (m_thread.joinable())
        m_thread.join();
}

void CpuThrottle::main()
{
    pthread_setname_np(pthread_self(), "cpu_throttle");
    std::unique_lock lock(m_mutex);
    auto const ended = [this] { return m_percent == 0; };
    while (!m_changed.wait_for(lock, slice, ended)) {
        for (auto const& cpu : m_cpus)
            cpu->hold_up();
        m_changed.wait_for(lock, slice * m_percent / (100 - m_percent), ended);
        for (auto const& cpu : m_cpus)
            cpu->let_go();
    }
}

} // namespace minivisor::accel
