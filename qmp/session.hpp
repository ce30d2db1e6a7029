// SPDX-License-Identifier: GPL-3.0-or-later
// QMP as a state machine (qmp-surface section 2; QEMU's docs/interop/qmp-spec): greeting,
// negotiation, requests in order or out of band, replies, events. No I/O.
#pragma once

#include "monitor/session.hpp"
#include "qapi/json.hpp"
#include "qapi/schema/control.hpp"

#include <deque>
#include <string>
#include <variant>

namespace minivisor::qmp {

struct SessionOptions {
    bool pretty = false; ///< replies and events over several lines
};

/// The version that the greeting and query-version tell.
qapi::VersionInfo version_info();

class Session : public monitor::Session {
public:
    /// In-band requests that may wait before the session reads no further, be it within the bytes of one
    /// feed(): out-of-band ones behind them wait too, as in QEMU (section 2.5). Without out-of-band it is one.
    static constexpr std::size_t max_queued = 8;

    Session(monitor::House& house, monitor::Wire& wire, SessionOptions options);

    void start() override;
    void feed(std::string_view bytes) override;
    bool wants_input() const override;
    void deliver(qapi::EventRecord const& event) override;

private:
    struct Request {
        qapi::CommandEntry const* command = nullptr;
        qapi::Value arguments;
        std::optional<qapi::Value> id;
    };
    /// What waits for its turn: a request, or an error that is told in order.
    struct Queued {
        std::optional<qapi::Value> id;
        std::variant<Request, Error> what;
    };

    /// Whether a request may come in now.
    bool has_room() const { return m_queue.size() < (m_oob ? max_queued : 1); }
    /// Reads requests from what was fed, as long as there is room for them.
    void take_in();
    void take(Result<qapi::Value> input);
    void enqueue(Queued queued);
    Result<Request> check(qapi::Object& input, bool out_of_band);
    void work();
    /// Runs the command; one that takes its time goes on by itself and clears m_busy in the end.
    void run(Request request);
    boost::asio::awaitable<void> run_later(Request request, bool in_band);
    void reply(std::optional<qapi::Value> const& id, Result<qapi::Value> result);
    void send(qapi::Value const& value);
    Result<qapi::Value> negotiate(qapi::Value const& arguments);

    monitor::House& m_house;
    monitor::Wire& m_wire;
    SessionOptions m_options;
    qapi::JsonStream m_input;
    std::string m_unread; ///< what was fed and waits for room
    qapi::CallContext m_context;
    std::deque<Queued> m_queue;
    bool m_negotiated = false;
    bool m_oob = false;
    bool m_busy = false; ///< an in-band command is on its way
    bool m_taking = false;
    std::string m_buffer;
};

} // namespace minivisor::qmp
