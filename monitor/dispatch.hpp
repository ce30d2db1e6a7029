// SPDX-License-Identifier: GPL-3.0-or-later
// Runs commands for every session: looks at the declaration, calls the handler, and in builds with
// assertions holds the reply against its declaration. Knows the registry, not the machine.
#pragma once

#include "monitor/session.hpp"

namespace minivisor::monitor {

class Dispatcher final : public House {
public:
    Dispatcher(qapi::Registry const& registry, qapi::EventBus& events)
        : m_registry(registry)
        , m_events(events)
    {
    }

    qapi::Registry const& registry() const override { return m_registry; }
    qapi::EventBus& events() override { return m_events; }
    Result<qapi::Value> run_now(
        qapi::CommandEntry const& command, qapi::Value const& arguments, qapi::CallContext& context) override;
    boost::asio::awaitable<Result<qapi::Value>> run(
        qapi::CommandEntry const& command, qapi::Value arguments, qapi::CallContext& context) override;

private:
    qapi::Registry const& m_registry;
    qapi::EventBus& m_events;
};

} // namespace minivisor::monitor
