// SPDX-License-Identifier: GPL-3.0-or-later
#include "qmp/session.hpp"

#include "util/text.hpp"

namespace minivisor::qmp {

namespace {

qapi::Object error_object(Error const& error)
{
    return {{"class", util::wire_name(error.error_class())}, {"desc", error.desc()}};
}

} // namespace

qapi::VersionInfo version_info() { return {{7, 2, 0}, cat(" (minivisor ", MINIVISOR_VERSION, ")")}; }

Session::Session(monitor::House& house, monitor::Wire& wire, SessionOptions options)
    : m_house(house)
    , m_wire(wire)
    , m_options(options)
{
    m_context.descriptors = &wire.descriptors();
}

void Session::start()
{
    qapi::Object greeting{{"version", qapi::encode(version_info())}, {"capabilities", qapi::Array{qapi::Value("oob")}}};
    send(qapi::Object{{"QMP", std::move(greeting)}});
}

void Session::feed(std::string_view bytes)
{
    m_unread += bytes;
    take_in();
}

void Session::take_in()
{
    // A command that ends at once comes back here from inside the loop.
    if (std::exchange(m_taking, true))
        return;
    std::size_t taken = 0;
    while (taken < m_unread.size() && has_room()) {
        taken += m_input.feed(
            std::string_view(m_unread).substr(taken), [this](Result<qapi::Value> input) { take(std::move(input)); });
        work();
    }
    m_unread.erase(0, taken);
    m_taking = false;
}

bool Session::wants_input() const { return m_unread.empty() && has_room(); }

void Session::deliver(qapi::EventRecord const& event)
{
    if (m_negotiated)
        send(event.to_wire());
}

/// One JSON text, or one syntax error, has come in.
void Session::take(Result<qapi::Value> input)
{
    if (!input)
        return enqueue({{}, std::move(input).error()});
    if (!input->is_object())
        return enqueue({{}, Error::generic("QMP input must be a JSON object")});
    auto& object = input->get_object();
    std::optional<qapi::Value> id;
    if (auto* given = object.if_contains("id"))
        id = std::move(*given);
    bool const out_of_band = m_oob && object.contains("exec-oob") && !object.contains("execute");
    auto request = check(object, out_of_band);
    if (!request) {
        if (out_of_band)
            return reply(id, std::move(request).error());
        return enqueue({std::move(id), std::move(request).error()});
    }
    request->id = std::move(id);
    if (!out_of_band) {
        enqueue({{}, *std::move(request)});
    } else if (std::holds_alternative<qapi::SyncHandler>(request->command->handler)) {
        run(*std::move(request));
    } else {
        m_wire.spawn([this, request = *request] { return run_later(request, false); });
    }
}

/// When there is no more room, the text behind this one waits; so what negotiation decides counts for it.
void Session::enqueue(Queued queued)
{
    m_queue.push_back(std::move(queued));
    if (!has_room())
        m_input.pause();
}

/// What QEMU checks before a command runs, in its words (qmp-surface section 2.3).
Result<Session::Request> Session::check(qapi::Object& input, bool out_of_band)
{
    std::optional<std::string> execute;
    Request request;
    request.arguments = qapi::Object();
    for (auto& [key, value] : input) {
        std::string_view const name{key.data(), key.size()};
        if (name == "execute" || (name == "exec-oob" && m_oob)) {
            if (execute)
                return Error::generic("QMP input member 'execute' clashes with 'exec-oob'");
            if (!value.is_string())
                return Error::generic(cat("QMP input member '", name, "' must be a string"));
            execute = qapi::str(value.get_string());
        } else if (name == "arguments") {
            if (!value.is_object())
                return Error::generic("QMP input member 'arguments' must be an object");
            request.arguments = std::move(value);
        } else if (name != "id") {
            return Error::generic(cat("QMP input member '", name, "' is unexpected"));
        }
    }
    if (!execute)
        return Error::generic("QMP input lacks member 'execute'");
    request.command = m_house.registry().find(*execute);
    if (!m_negotiated && *execute != qapi::QmpCapabilities::name)
        return Error::command_not_found("Expecting capabilities negotiation with 'qmp_capabilities'");
    if (!request.command)
        return Error::command_not_found(cat("The command ", *execute, " has not been found"));
    if (out_of_band && !request.command->info.allow_oob)
        return Error::generic(cat("The command ", *execute, " does not support OOB"));
    return request;
}

/// Runs what waits, in order, as far as it goes at once.
void Session::work()
{
    while (!m_queue.empty() && !m_busy) {
        auto next = std::move(m_queue.front());
        m_queue.pop_front();
        if (auto* error = std::get_if<Error>(&next.what))
            reply(next.id, std::move(*error));
        else
            run(std::get<Request>(std::move(next.what)));
    }
}

void Session::run(Request request)
{
    if (request.command->name == qapi::QmpCapabilities::name && !m_negotiated)
        return reply(request.id, negotiate(request.arguments));
    if (std::holds_alternative<qapi::SyncHandler>(request.command->handler))
        return reply(request.id, m_house.run_now(*request.command, request.arguments, m_context));
    m_busy = true; // before it starts, since it may be done at once
    m_wire.spawn([this, request = std::move(request)] { return run_later(request, true); });
}

boost::asio::awaitable<void> Session::run_later(Request request, bool in_band)
{
    auto running = m_house.run(*request.command, std::move(request.arguments), m_context);
    auto result = co_await std::move(running);
    reply(request.id, std::move(result));
    if (in_band) {
        m_busy = false;
        work();
        take_in();
        m_wire.resume_input();
    }
}

Result<qapi::Value> Session::negotiate(qapi::Value const& arguments)
{
    auto const wanted = TRY(qapi::decode<qapi::QmpCapabilitiesArguments>(arguments));
    m_oob = wanted.enable && !wanted.enable->empty(); // there is just the one capability
    m_negotiated = true;
    return qapi::Value(qapi::Object());
}

void Session::reply(std::optional<qapi::Value> const& id, Result<qapi::Value> result)
{
    qapi::Object object;
    if (result)
        object.emplace("return", *std::move(result));
    if (id)
        object.emplace("id", *id);
    if (!result)
        object.emplace("error", error_object(result.error()));
    send(std::move(object)); // not a copy of it: a reply may be long
}

void Session::send(qapi::Value const& value)
{
    m_buffer.clear();
    if (m_options.pretty) {
        auto const text = qapi::to_json_pretty(value);
        for (auto const line : util::split(text, '\n'))
            m_buffer += cat(m_buffer.empty() ? "" : "\r\n", line);
    } else {
        qapi::write_json(m_buffer, value);
    }
    m_buffer += "\r\n";
    m_wire.send(m_buffer);
}

} // namespace minivisor::qmp
