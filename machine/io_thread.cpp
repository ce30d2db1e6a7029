// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/io_thread.hpp"

#include "qom/tree.hpp"
#include "util/text.hpp"

#include <limits>
#include <pthread.h>
#include <unistd.h>

namespace minivisor::machine {

namespace {

/// Fills in QEMU's defaults, so that each option reads as a number.
IoThreadOptions complete(IoThreadOptions options)
{
    options.poll_max_ns = options.poll_max_ns.value_or(32768);
    options.thread_pool_max = options.thread_pool_max.value_or(64);
    for (auto* option : {&options.poll_grow, &options.poll_shrink, &options.aio_max_batch, &options.thread_pool_min})
        *option = option->value_or(0);
    return options;
}

/// `options` is complete.
Result<void> check(IoThreadOptions const& options)
{
    for (auto const& member : qapi::type_of<IoThreadOptions>().members)
        if (*static_cast<std::int64_t const*>(member.get(&options)) < 0)
            return Error::generic(
                cat(member.name, " value must be in range [0, ", std::numeric_limits<std::int64_t>::max(), "]"));
    // A pool's size is an int to QEMU.
    if (*options.thread_pool_max == 0 || *options.thread_pool_min > *options.thread_pool_max
        || *options.thread_pool_max > std::numeric_limits<int>::max())
        return Error::generic("bad thread-pool-min/thread-pool-max values");
    return {};
}

} // namespace

Result<std::unique_ptr<IoThread>> IoThread::create(qom::Type const& type, IoThreadOptions options, qom::Tree&)
{
    auto completed = complete(std::move(options));
    TRY(check(completed));
    try {
        return std::make_unique<IoThread>(type, std::move(completed));
    } catch (std::system_error const& error) {
        return Error::system("Cannot start a thread", error.code().value());
    }
}

IoThread::IoThread(qom::Type const& type, IoThreadOptions options)
    : OptionsObject(type, std::move(options))
    , m_thread([this] {
        pthread_setname_np(pthread_self(), "IO thread");
        m_thread_id = gettid();
        m_started.release();
        m_end.acquire();
    })
{
    m_started.acquire();
}

IoThread::~IoThread()
{
    m_end.release();
    m_thread.join();
}

Result<void> IoThread::apply(IoThreadOptions changed)
{
    TRY(check(changed));
    return OptionsObject::apply(std::move(changed));
}

void register_io_thread(qom::TypeRegistry& types)
{
    qom::UserType<IoThread> type("iothread", "A thread for devices; none here needs one.");
    for (auto const& member : qapi::type_of<IoThreadOptions>().members)
        type.settable(member.name);
    type.add_to(types);
}

std::vector<qapi::IOThreadInfo> list_io_threads(qom::Tree& tree)
{
    std::vector<qapi::IOThreadInfo> list;
    auto* objects = tree.root().find_child("objects");
    if (!objects)
        return list;
    for (auto const& child : objects->children()) {
        auto const* thread = dynamic_cast<IoThread const*>(child.get());
        if (!thread)
            continue;
        auto const& options = thread->options();
        list.push_back({child->name(), thread->thread_id(), *options.poll_max_ns, *options.poll_grow,
            *options.poll_shrink, *options.aio_max_batch});
    }
    return list;
}

} // namespace minivisor::machine
