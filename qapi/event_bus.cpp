// SPDX-License-Identifier: GPL-3.0-or-later
#include "qapi/event_bus.hpp"

#include "util/trace.hpp"

#include <cassert>

namespace minivisor::qapi {

Value EventRecord::to_wire() const
{
    using namespace std::chrono;
    auto const since = time.time_since_epoch();
    auto const whole = duration_cast<seconds>(since);
    Object timestamp{{"seconds", static_cast<std::int64_t>(whole.count())},
        {"microseconds", static_cast<std::int64_t>(duration_cast<microseconds>(since - whole).count())}};
    Object wire{{"timestamp", std::move(timestamp)}, {"event", name}};
    if (!data.as_object().empty())
        wire["data"] = data;
    return wire;
}

EventBus::Subscription EventBus::subscribe(Listener listener)
{
    auto subscription = std::make_shared<Listener>(std::move(listener));
    std::erase_if(m_listeners, [](auto const& known) { return known.expired(); });
    m_listeners.push_back(subscription);
    return subscription;
}

void EventBus::publish(std::string name, Value data)
{
    assert(m_registry.find_event(name));
    trace::pass(trace::Point::monitor_protocol_event_emit, "event=", name);
    EventRecord const record{std::move(name), std::move(data), std::chrono::system_clock::now()};
    auto const listeners = m_listeners; // a listener may subscribe others, or end its own subscription
    for (auto const& known : listeners)
        if (auto const listener = known.lock())
            (*listener)(record);
}

} // namespace minivisor::qapi
