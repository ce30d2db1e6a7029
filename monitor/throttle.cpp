// SPDX-License-Identifier: GPL-3.0-or-later
#include "monitor/throttle.hpp"

#include "qapi/json.hpp"
#include "util/text.hpp"

namespace minivisor::monitor {

namespace {

/// The name and the values of the keys, so that no two kinds look alike.
std::string kind_of(qapi::EventRecord const& event, qapi::EventRate const& rate)
{
    qapi::Array parts{qapi::Value(event.name)};
    for (auto const key : util::split(rate.keys, ',')) {
        auto const* value = event.data.as_object().if_contains(key);
        parts.push_back(value ? *value : qapi::Value(nullptr));
    }
    return qapi::to_json(parts);
}

} // namespace

Throttle::Throttle(boost::asio::any_io_executor executor, qapi::Registry const& registry, qapi::EventBus::Listener pass)
    : m_executor(std::move(executor))
    , m_registry(registry)
    , m_pass(std::move(pass))
{
}

void Throttle::take(qapi::EventRecord const& event)
{
    auto const& rate = m_registry.find_event(event.name)->rate;
    if (rate.milliseconds == 0)
        return m_pass(event);
    auto kind = kind_of(event, rate);
    if (m_periods.size() >= max_kinds && !m_periods.contains(kind))
        kind = event.name;
    auto const [period, fresh] = m_periods.try_emplace(std::move(kind));
    if (!fresh) {
        period->second->held = event;
        return;
    }
    period->second = std::make_shared<Period>(m_executor);
    begin(period, std::chrono::milliseconds(rate.milliseconds));
    m_pass(event);
}

void Throttle::begin(Periods::iterator period, std::chrono::milliseconds length)
{
    auto& timer = period->second->timer;
    timer.expires_after(length);
    timer.async_wait([this, alive = std::weak_ptr(period->second), period, length](boost::system::error_code error) {
        if (error || alive.expired())
            return; // stopped
        auto held = std::exchange(period->second->held, {});
        if (!held) {
            m_periods.erase(period);
            return;
        }
        begin(period, length);
        m_pass(*held);
    });
}

void Throttle::stop() { m_periods.clear(); }

} // namespace minivisor::monitor
