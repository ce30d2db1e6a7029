// SPDX-License-Identifier: GPL-3.0-or-later
// Holds back events that repeat (QEMU's qmp-spec, "Asynchronous events"): of those whose declaration names a rate,
// the first of a kind passes at once, then at most one in each period, the newest, when the period is over. What is of
// a kind is said by the declaration too: the event's name and the members that it names as keys.
#pragma once

#include "qapi/event_bus.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>
#include <memory>
#include <optional>

namespace minivisor::monitor {

class Throttle {
public:
    /// Kinds that are held apart at a time; what comes beyond shares one.
    static constexpr std::size_t max_kinds = 256;

    /// `pass` gets what is let through. Everything passed in outlives this.
    Throttle(boost::asio::any_io_executor executor, qapi::Registry const& registry, qapi::EventBus::Listener pass);

    void take(qapi::EventRecord const& event);
    /// Drops what is held back; nothing passes any more later than at once.
    void stop();

private:
    /// A period that runs, and the newest event that came in it.
    struct Period {
        explicit Period(boost::asio::any_io_executor const& executor)
            : timer(executor)
        {
        }
        boost::asio::steady_timer timer;
        std::optional<qapi::EventRecord> held;
    };
    using Periods = std::map<std::string, std::shared_ptr<Period>, std::less<>>;

    void begin(Periods::iterator period, std::chrono::milliseconds length);

    boost::asio::any_io_executor m_executor;
    qapi::Registry const& m_registry;
    qapi::EventBus::Listener m_pass;
    Periods m_periods;
};

} // namespace minivisor::monitor
