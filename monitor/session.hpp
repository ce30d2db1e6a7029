// SPDX-License-Identifier: GPL-3.0-or-later
// The port between the fronts (qmp, hmp) and the house. A session is a protocol without I/O: bytes
// are fed in, bytes are sent through the wire it was given; commands are run by the house. The fronts
// include nothing else of the house.
#pragma once

#include "qapi/event_bus.hpp"
#include "qapi/registry.hpp"
#include "util/text.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <string_view>

namespace minivisor::monitor {

/// Runs commands. Outlives every session.
class House {
public:
    virtual ~House() = default;

    virtual qapi::Registry const& registry() const = 0;
    virtual qapi::EventBus& events() = 0;

    /// Runs a command whose handler is a plain function. `arguments` is an object.
    virtual Result<qapi::Value> run_now(
        qapi::CommandEntry const& command, qapi::Value const& arguments, qapi::CallContext& context)
        = 0;
    /// Runs any command. `context` must live until the end.
    virtual boost::asio::awaitable<Result<qapi::Value>> run(
        qapi::CommandEntry const& command, qapi::Value arguments, qapi::CallContext& context)
        = 0;

    /// The typed way to run a declared command: the same checks as for any client.
    template <typename C>
    boost::asio::awaitable<Result<typename C::Returns>> call(
        typename C::Arguments const& arguments, qapi::CallContext& context)
    {
        auto const* command = registry().find(C::name);
        return decode_reply<typename C::Returns>(command
                ? run(*command, qapi::encode(arguments), context)
                : qapi::fail(Error::command_not_found(cat("The command ", C::name, " has not been found"))));
    }

private:
    template <typename Returns>
    static boost::asio::awaitable<Result<Returns>> decode_reply(boost::asio::awaitable<Result<qapi::Value>> running)
    {
        CO_TRY(auto const value, co_await std::move(running));
        co_return qapi::decode<Returns>(value);
    }
};

/// Carries a session's bytes. Outlives its session.
class Wire {
public:
    virtual ~Wire() = default;

    /// Queues bytes for the client.
    virtual void send(std::string_view bytes) = 0;
    /// Hangs up once everything sent has been written.
    virtual void close() = 0;
    /// The session takes input again (see Session::wants_input).
    virtual void resume_input() = 0;
    /// Starts a coroutine that ends with the session at the latest.
    virtual void spawn(std::function<boost::asio::awaitable<void>()> task) = 0;
    /// The descriptors that this client has handed over.
    virtual util::FdTable& descriptors() = 0;
};

/// One client's conversation.
class Session {
public:
    virtual ~Session() = default;

    /// The client is there: greet it.
    virtual void start() = 0;
    /// The client has sent these bytes.
    virtual void feed(std::string_view bytes) = 0;
    /// False while the session has enough to do; the wire then stops reading.
    virtual bool wants_input() const = 0;
    virtual void deliver(qapi::EventRecord const& event) = 0;
    /// The client's keys go to this session from now on, or to others. Comes before start() first, and only where
    /// sessions share a terminal.
    virtual void focus(bool /*here*/) { }
};

using SessionFactory = std::function<std::unique_ptr<Session>(House&, Wire&)>;

} // namespace minivisor::monitor
