// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/task_group.hpp"

#include "util/quietly.hpp"

#include <cassert>
#include <exception>

namespace minivisor::util {

namespace asio = boost::asio;

namespace {

/// Whether this is how Asio unwinds a cancelled coroutine.
bool is_abort(std::exception_ptr const& error)
{
    try {
        std::rethrow_exception(error);
    } catch (boost::system::system_error const& unwinding) {
        return unwinding.code() == asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

} // namespace

TaskGroup::TaskGroup(asio::any_io_executor executor)
    : m_executor(std::move(executor))
    , m_emptied(m_executor, asio::steady_timer::time_point::max())
{
}

TaskGroup::~TaskGroup() { assert(m_running.empty()); }

void TaskGroup::spawn(Task task)
{
    auto const at = m_running.emplace(m_running.end());
    at->task = std::move(task);
    asio::co_spawn(
        m_executor, at->task(), asio::bind_cancellation_slot(at->signal.slot(), [this, at](std::exception_ptr error) {
            if (error && !(at->cancelled && is_abort(error)))
                std::rethrow_exception(error);
            m_running.erase(at);
            if (m_running.empty())
                m_emptied.cancel();
        }));
}

void TaskGroup::cancel()
{
    // A cancelled coroutine may end, and leave the list, while its signal is emitted.
    for (auto next = m_running.begin(); next != m_running.end();) {
        auto const at = next++;
        at->cancelled = true;
        at->signal.emit(asio::cancellation_type::terminal);
    }
}

asio::awaitable<void> TaskGroup::join()
{
    while (!m_running.empty())
        co_await m_emptied.async_wait(quietly);
}

} // namespace minivisor::util
