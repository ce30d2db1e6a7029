// SPDX-License-Identifier: GPL-3.0-or-later
// The commands, bound to their handlers, and the events that may be emitted. Filled while the house
// is built, closed before the first client; from then on it does not change. query-commands,
// query-qmp-schema, help and the typed call of the monitor's port all read it.
#pragma once

#include "qapi/codec.hpp"
#include "qapi/command.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace minivisor::qapi {

using SyncHandler = std::function<Result<Value>(Value const& arguments, CallContext&)>;
/// Done with `arguments` when it returns; the context must live until the end.
using AsyncHandler = std::function<boost::asio::awaitable<Result<Value>>(Value const& arguments, CallContext&)>;

/// Arguments that are a flat union whose branches are known only at run time (object-add).
struct UnionInfo {
    std::string tag; ///< the member that chooses the branch
    std::vector<std::string> common_strings; ///< members of every branch, all of type str
    std::vector<std::pair<std::string, TypeInfo const*>> branches;
};

struct CommandEntry {
    std::string name;
    CommandInfo info;
    TypeInfo const* arguments;
    TypeInfo const* returns;
    std::variant<SyncHandler, AsyncHandler> handler;
    std::function<UnionInfo()> union_of; ///< set where `arguments` is such a union
};

struct EventEntry {
    std::string name;
    std::string summary;
    TypeInfo const* data;
    EventRate rate;
};

/// The outcome of a command that failed before it began.
boost::asio::awaitable<Result<Value>> fail(Error error);

namespace detail {
template <typename T>
struct IsAwaitable : std::false_type {
};
template <typename T>
struct IsAwaitable<boost::asio::awaitable<T>> : std::true_type {
};

/// The JSON of what a handler gave back; Empty and void are the empty object.
template <typename R>
Result<Value> encode_result(Result<R> const& result)
{
    if (!result)
        return result.error();
    if constexpr (std::is_void_v<R>)
        return Value(Object());
    else
        return encode(*result);
}

/// The same for a handler that takes its time.
template <typename R>
boost::asio::awaitable<Result<Value>> encode_result(boost::asio::awaitable<Result<R>> pending)
{
    auto const result = co_await std::move(pending);
    co_return encode_result(result);
}
} // namespace detail

class Registry {
public:
    /// Binds a declared command. `handler` takes C::Arguments, and a CallContext& if it wants one, and
    /// gives Result<C::Returns> (Result<void> where nothing is returned) or an awaitable of it.
    template <typename C, typename Handler>
    void bind(Handler handler)
    {
        using Arguments = typename C::Arguments;
        auto call = [handler = std::move(handler)](Arguments arguments, CallContext& context) mutable {
            if constexpr (std::is_invocable_v<Handler&, Arguments, CallContext&>)
                return handler(std::move(arguments), context);
            else if constexpr (std::is_invocable_v<Handler&, Arguments>)
                return static_cast<void>(context), handler(std::move(arguments));
            else
                return static_cast<void>(arguments), static_cast<void>(context), handler();
        };
        using Outcome = decltype(std::declval<decltype(call)>()(Arguments{}, std::declval<CallContext&>()));
        add(make_entry<C, Outcome>(call));
    }

    /// Says what the arguments of a bound command look like, where its type does not.
    void describe_arguments(std::string_view command, std::function<UnionInfo()> union_of);

    template <typename E>
    void declare_event()
    {
        add_event({std::string(E::name), std::string(E::summary), &type_of<typename E::Data>(), E::rate});
    }

    /// Nothing can be added from now on.
    void close() { m_closed = true; }

    /// Null where there is no such command.
    CommandEntry const* find(std::string_view name) const;
    EventEntry const* find_event(std::string_view name) const;
    std::map<std::string, CommandEntry, std::less<>> const& commands() const { return m_commands; }
    std::map<std::string, EventEntry, std::less<>> const& events() const { return m_events; }

private:
    template <typename C, typename Outcome, typename Call>
    static CommandEntry make_entry(Call call)
    {
        using Arguments = typename C::Arguments;
        CommandEntry entry{
            std::string(C::name), C::info, &type_of<Arguments>(), &type_of<typename C::Returns>(), {}, {}};
        if constexpr (detail::IsAwaitable<Outcome>::value) {
            static_assert(returns_as_declared<C, typename Outcome::value_type>());
            entry.handler = AsyncHandler(
                [call](Value const& arguments, CallContext& context) mutable -> boost::asio::awaitable<Result<Value>> {
                    Arguments decoded{};
                    if (auto done = decode_into(type_of<Arguments>(), &decoded, arguments); !done)
                        return fail(std::move(done).error());
                    return detail::encode_result(call(std::move(decoded), context));
                });
        } else {
            static_assert(returns_as_declared<C, Outcome>());
            entry.handler = SyncHandler([call](Value const& arguments, CallContext& context) mutable -> Result<Value> {
                Arguments decoded{};
                TRY(decode_into(type_of<Arguments>(), &decoded, arguments));
                return detail::encode_result(call(std::move(decoded), context));
            });
        }
        return entry;
    }

    template <typename C, typename Outcome>
    static constexpr bool returns_as_declared()
    {
        using Declared = typename C::Returns;
        return std::is_same_v<Outcome,
                   Result<Declared>> || (std::is_same_v<Declared, Empty> && std::is_same_v<Outcome, Result<void>>);
    }

    void add(CommandEntry entry);
    void add_event(EventEntry entry);

    bool m_closed = false;
    std::map<std::string, CommandEntry, std::less<>> m_commands;
    std::map<std::string, EventEntry, std::less<>> m_events;
};

} // namespace minivisor::qapi
