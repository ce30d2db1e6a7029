// SPDX-License-Identifier: GPL-3.0-or-later
#include "monitor/dispatch.hpp"

#include "util/log.hpp"
#include "util/text.hpp"

#include <cassert>

namespace minivisor::monitor {

namespace {

/// An exception out of a handler is a bug or a lack of memory; the client is told, the house lives.
Error escaped(qapi::CommandEntry const& command, std::exception const& exception)
{
    util::log::error(cat("internal error in command ", command.name, ": ", exception.what()));
    return Error::generic(cat("internal error: ", exception.what()));
}

void check_reply(qapi::CommandEntry const& command, Result<qapi::Value> const& result)
{
#ifndef NDEBUG
    if (!result)
        return;
    auto const fits = qapi::conforms(*command.returns, *result);
    if (!fits)
        util::log::error(cat("internal error: reply of ", command.name, ": ", fits.error().desc()));
    assert(fits);
#else
    static_cast<void>(command);
    static_cast<void>(result);
#endif
}

} // namespace

Result<qapi::Value> Dispatcher::run_now(
    qapi::CommandEntry const& command, qapi::Value const& arguments, qapi::CallContext& context)
{
    try {
        auto result = std::get<qapi::SyncHandler>(command.handler)(arguments, context);
        check_reply(command, result);
        return result;
    } catch (std::exception const& exception) {
        return escaped(command, exception);
    }
}

boost::asio::awaitable<Result<qapi::Value>> Dispatcher::run(
    qapi::CommandEntry const& command, qapi::Value arguments, qapi::CallContext& context)
{
    if (std::holds_alternative<qapi::SyncHandler>(command.handler))
        co_return run_now(command, arguments, context);
    try {
        auto running = std::get<qapi::AsyncHandler>(command.handler)(std::move(arguments), context);
        auto result = co_await std::move(running);
        check_reply(command, result);
        co_return result;
    } catch (boost::system::system_error const&) {
        throw; // a cancelled coroutine unwinds
    } catch (std::exception const& exception) {
        co_return escaped(command, exception);
    }
}

} // namespace minivisor::monitor
