// SPDX-License-Identifier: GPL-3.0-or-later
// The type "iothread": a thread that devices can be given to. No device here takes one, so it rests until its
// object is deleted; the settings of its polling are kept and told, as in QEMU for a thread without devices.
#pragma once

#include "qapi/schema/misc.hpp"
#include "qom/user_type.hpp"

#include <semaphore>
#include <thread>

namespace minivisor::machine {

struct IoThreadOptions {
    std::optional<std::int64_t> poll_max_ns, poll_grow, poll_shrink, aio_max_batch, thread_pool_min, thread_pool_max;
};
BOOST_DESCRIBE_STRUCT(
    IoThreadOptions, (), (poll_max_ns, poll_grow, poll_shrink, aio_max_batch, thread_pool_min, thread_pool_max))
constexpr auto docs(IoThreadOptions const*)
{
    return qapi::members({{"poll-max-ns", "how long it polls at most, in nanoseconds"},
        {"poll-grow", "how fast that time grows"}, {"poll-shrink", "how fast it shrinks"},
        {"aio-max-batch", "how many requests it submits at once; 0 for the default"},
        {"thread-pool-min", "threads kept for work that blocks"}, {"thread-pool-max", "the most such threads"}});
}

class IoThread final : public qom::OptionsObject<IoThreadOptions> {
public:
    static Result<std::unique_ptr<IoThread>> create(qom::Type const& type, IoThreadOptions options, qom::Tree& tree);
    IoThread(qom::Type const& type, IoThreadOptions options);
    ~IoThread() override;

    Result<void> apply(IoThreadOptions changed) override;
    /// The kernel's number of the thread.
    std::int64_t thread_id() const { return m_thread_id; }

private:
    std::int64_t m_thread_id = 0;
    std::binary_semaphore m_started{0}, m_end{0};
    std::thread m_thread;
};

void register_io_thread(qom::TypeRegistry& types);

/// All of them, in the order in which they were made.
std::vector<qapi::IOThreadInfo> list_io_threads(qom::Tree& tree);

} // namespace minivisor::machine
