// SPDX-License-Identifier: GPL-3.0-or-later
// Events from whoever has something to tell to whoever listens. Lives on the main thread; knows no
// monitor. An event that was not declared in the registry is a bug and asserts.
#pragma once

#include "qapi/registry.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace minivisor::qapi {

/// One event as it happened.
struct EventRecord {
    std::string name;
    Value data; ///< an object; empty when the event has no data
    std::chrono::system_clock::time_point time;

    /// As QMP writes it (QMP specification, 2.5): timestamp, event, and data where there is any.
    Value to_wire() const;
};

class EventBus {
public:
    using Listener = std::function<void(EventRecord const&)>;
    /// Listens as long as it is kept.
    using Subscription = std::shared_ptr<void>;

    explicit EventBus(Registry const& registry)
        : m_registry(registry)
    {
    }

    [[nodiscard]] Subscription subscribe(Listener listener);

    template <typename E>
    void emit(typename E::Data const& data = {})
    {
        publish(std::string(E::name), encode(data));
    }

private:
    void publish(std::string name, Value data);

    Registry const& m_registry;
    std::vector<std::weak_ptr<Listener>> m_listeners;
};

} // namespace minivisor::qapi
