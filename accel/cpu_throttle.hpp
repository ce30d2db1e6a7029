// SPDX-License-Identifier: GPL-3.0-or-later
// Slows the guest down by letting its CPUs run only part of the time, so that a migration can overtake its writes. A
// thread of its own holds them up and lets them go; the run state is not changed by it.
#pragma once

#include "accel/kvm_cpu.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

namespace minivisor::accel {

class CpuThrottle {
public:
    /// The CPUs outlive it.
    explicit CpuThrottle(std::span<std::unique_ptr<KvmCpu> const> cpus)
        : m_cpus(cpus)
    {
    }
    ~CpuThrottle();

    /// How much of the time the CPUs are held up: 1 to 99 percent; 0 ends it. Any thread, but no two at once.
    void set(int percent);

private:
    void main();
    void stop();

    std::span<std::unique_ptr<KvmCpu> const> m_cpus;
    std::mutex m_mutex;
    std::condition_variable m_changed;
    int m_percent = 0;
    std::thread m_thread;
};

} // namespace minivisor::accel
