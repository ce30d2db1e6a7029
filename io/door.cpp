// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/door.hpp"

#include "util/log.hpp"
#include "util/quietly.hpp"
#include "util/text.hpp"
#include "util/trace.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace minivisor::io {

namespace asio = boost::asio;

Refusal refusal_of(crypto::Failure failure, std::string peer)
{
    auto const stage = failure.stage == crypto::Failure::Stage::verify ? Refusal::Stage::verify
        : failure.stage == crypto::Failure::Stage::authorize           ? Refusal::Stage::authorize
                                                                       : Refusal::Stage::handshake;
    return {std::move(peer), stage, std::move(failure.peer_identity), std::move(failure.error),
        std::move(failure.circumstances)};
}

/// A connection that has not passed yet.
struct Door::Waiting {
    Waiting(asio::io_context& io, util::UniqueFd fd)
        : socket(std::move(fd))
        , ready(io, socket.get())
        , deadline(io)
        , decided(io, asio::steady_timer::time_point::max())
        , peer(peer_text(socket.get()))
    {
    }
    ~Waiting() { stop_watching(); }

    void stop_watching()
    {
        if (ready.is_open())
            ready.release();
    }

    void give_up(std::string why)
    {
        gave_up = std::move(why);
        boost::system::error_code ignored;
        ready.cancel(ignored);
        decided.cancel();
    }

    /// How its session asks `authorize`; the answer comes into `decision`.
    crypto::Authorize asking(Authorize authorize)
    {
        if (!authorize)
            return {};
        return [this, authorize = std::move(authorize)](crypto::Question const& question) {
            authorize({peer, question}, [this, waits = std::weak_ptr(alive)](crypto::Decision answer) {
                if (!waits.lock())
                    return;
                decision = std::move(answer);
                decided.cancel();
            });
            return std::exchange(decision, std::nullopt);
        };
    }

    util::UniqueFd socket;
    asio::posix::stream_descriptor ready; // the same descriptor, which it does not own
    asio::steady_timer deadline;
    asio::steady_timer decided; ///< never expires: cancelled when there is a decision, or no use in waiting for one
    std::optional<crypto::Decision> decision;
    std::string peer;
    Refusal::Stage stage = Refusal::Stage::transport;
    std::unique_ptr<crypto::TlsSession> tls;
    std::string identity;
    crypto::Circumstances circumstances;
    std::vector<std::byte> first;
    std::string gave_up; ///< why we stop waiting, once we do
    std::shared_ptr<bool> alive = std::make_shared<bool>(true); // the deadline may strike when we are gone
};

Door::Door(
    asio::io_context& io, ListeningSocket socket, DoorOptions options, OnVisitor on_visitor, OnRefusal on_refusal)
    : m_io(io)
    , m_socket(std::move(socket))
    , m_address(m_socket->address())
    , m_ready(io, dup(m_socket->fd()))
    , m_options(std::move(options))
    , m_on_visitor(std::move(on_visitor))
    , m_on_refusal(std::move(on_refusal))
    , m_tasks(io.get_executor())
{
    m_tasks.spawn([this] { return accept_all(); });
}

Door::~Door() = default;

void Door::close()
{
    if (std::exchange(m_closed, true))
        return;
    boost::system::error_code ignored;
    m_ready.close(ignored);
    m_socket.reset();
    for (auto& waiting : m_waiting)
        waiting.give_up("the wait is over");
}

bool Door::has_newcomer() const
{
    if (m_closed || m_short_of_descriptors)
        return false;
    if (std::any_of(m_waiting.begin(), m_waiting.end(),
            [](Waiting const& waiting) { return waiting.stage == Refusal::Stage::transport; }))
        return true;
    pollfd queue{m_socket->fd(), POLLIN, 0};
    return ::poll(&queue, 1, 0) == 1;
}

asio::awaitable<void> Door::accept_all()
{
    while (!m_closed) {
        auto const [error] = co_await m_ready.async_wait(asio::posix::descriptor_base::wait_read, quietly);
        if (m_closed || error)
            co_return;
        util::UniqueFd fd(accept4(m_socket->fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd) {
            if (errno != EMFILE && errno != ENFILE)
                continue;
            // No descriptor is free. Whoever has waited longest makes room.
            if (!std::exchange(m_short_of_descriptors, true))
                util::log::warn(Error::system("cannot take in a connection", errno).desc());
            if (!m_waiting.empty())
                m_waiting.front().give_up("out of file descriptors");
            asio::steady_timer pause(m_io, std::chrono::milliseconds(50));
            co_await pause.async_wait(quietly);
            continue;
        }
        m_short_of_descriptors = false;
        if (m_waiting.size() >= m_options.max_waiting)
            m_waiting.front().give_up("too many connections at a time");
        int const on = 1;
        setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); // fails on other sockets, harmlessly
        auto const waiting = m_waiting.emplace(m_waiting.end(), m_io, std::move(fd));
        trace::pass(trace::Point::qio_channel_socket_accept_complete, "Socket accept complete peer=", waiting->peer);
        m_tasks.spawn([this, waiting] { return examine(waiting); });
    }
}

asio::awaitable<void> Door::examine(std::list<Waiting>::iterator waiting)
{
    waiting->deadline.expires_after(m_options.deadline);
    waiting->deadline.async_wait([waiting, alive = std::weak_ptr(waiting->alive)](boost::system::error_code error) {
        if (!error && alive.lock())
            waiting->give_up("Connection timed out");
    });
    auto passing = shake_hands(*waiting);
    auto passed = co_await std::move(passing);
    if (passed) {
        auto reading = read_first(*waiting);
        passed = co_await std::move(reading);
    }
    waiting->deadline.cancel();
    waiting->stop_watching();
    if (m_closed) {
        m_waiting.erase(waiting);
        co_return;
    }
    if (!passed) {
        refuse(*waiting, std::move(passed).error());
        m_waiting.erase(waiting);
        co_return;
    }
    Visitor visitor;
    visitor.peer = waiting->peer;
    visitor.identity = waiting->identity;
    visitor.first = std::move(waiting->first);
    visitor.connection.socket = std::move(waiting->socket);
    visitor.connection.tls = std::move(waiting->tls);
    m_waiting.erase(waiting);
    m_on_visitor(std::move(visitor));
}

asio::awaitable<Result<void>> Door::shake_hands(Waiting& waiting)
{
    CO_TRY(auto admission, m_options.admission());
    if (!admission.tls)
        co_return Result<void>();
    waiting.stage = Refusal::Stage::handshake;
    trace::pass(trace::Point::qio_channel_tls_handshake_start, "TLS handshake start peer=", waiting.peer);
    auto session = crypto::TlsSession::create(
        admission.tls, waiting.socket.get(), {}, waiting.asking(std::move(admission.authorize)));
    if (!session)
        co_return std::move(session).error();
    waiting.tls = *std::move(session);
    for (;;) {
        auto const step = waiting.tls->handshake();
        if (step == crypto::Step::done)
            break;
        if (step == crypto::Step::failed) {
            auto refusal = refusal_of(*waiting.tls->failure(), waiting.peer);
            trace::pass(trace::Point::qio_channel_tls_handshake_fail, "TLS handshake fail peer=", waiting.peer);
            waiting.stage = refusal.stage;
            waiting.identity = std::move(refusal.identity);
            waiting.circumstances = std::move(refusal.circumstances);
            co_return std::move(refusal.reason);
        }
        if (step == crypto::Step::want_decision) {
            auto deciding = wait_for_decision(waiting);
            co_await std::move(deciding);
            continue;
        }
        auto waiting_for = wait(waiting, step);
        CO_CHECK(co_await std::move(waiting_for));
    }
    waiting.identity = waiting.tls->peer_identity();
    trace::pass(trace::Point::qio_channel_tls_handshake_complete, "TLS handshake complete peer=", waiting.peer);
    co_return Result<void>();
}

asio::awaitable<Result<void>> Door::read_first(Waiting& waiting)
{
    waiting.stage = Refusal::Stage::first_bytes;
    waiting.first.resize(m_options.first_size);
    for (std::size_t have = 0; have < m_options.first_size;) {
        auto const rest = std::span(waiting.first).subspan(have);
        auto step = crypto::Step::want_read;
        std::size_t got = 0;
        bool end = false;
        if (waiting.tls) {
            auto const transfer = waiting.tls->try_read(rest);
            step = transfer.step;
            got = transfer.bytes;
            end = step == crypto::Step::done && got == 0;
            if (step == crypto::Step::failed)
                co_return std::move(waiting.tls->failure()->error);
        } else {
            auto const count = recv(waiting.socket.get(), rest.data(), rest.size(), 0);
            if (count < 0 && errno != EAGAIN && errno != EINTR)
                co_return Error::system("Unable to read from socket", errno);
            end = count == 0;
            got = count > 0 ? static_cast<std::size_t>(count) : 0;
            step = got > 0 ? crypto::Step::done : crypto::Step::want_read;
        }
        if (end)
            co_return Error::generic(have == 0 ? "The peer closed the connection without sending anything"
                                               : "The peer closed the connection before it said what it wants");
        have += got;
        if (got == 0) {
            auto waiting_for = wait(waiting, step);
            CO_CHECK(co_await std::move(waiting_for));
        }
    }
    if (m_options.check_first)
        co_return m_options.check_first(waiting.first);
    co_return Result<void>();
}

asio::awaitable<Result<void>> Door::wait(Waiting& waiting, crypto::Step step)
{
    auto const what = step == crypto::Step::want_write ? asio::posix::descriptor_base::wait_write
                                                       : asio::posix::descriptor_base::wait_read;
    if (waiting.gave_up.empty()) {
        auto const [error] = co_await waiting.ready.async_wait(what, quietly);
        if (error && waiting.gave_up.empty())
            waiting.gave_up = error.message();
    }
    if (waiting.gave_up.empty())
        co_return Result<void>();
    if (waiting.stage == Refusal::Stage::handshake)
        co_return Error::generic(cat("TLS handshake failed: ", waiting.gave_up));
    co_return Error::generic(cat("The peer sent nothing that could be looked at: ", waiting.gave_up));
}

/// The session learns the answer, or that there is none in time: the peer is told so from within its handshake.
asio::awaitable<void> Door::wait_for_decision(Waiting& waiting)
{
    if (!waiting.decision && waiting.gave_up.empty())
        co_await waiting.decided.async_wait(quietly);
    crypto::Decision decision{false, cat("TLS x509 authz check was given up: ", waiting.gave_up)};
    if (waiting.gave_up.empty() && waiting.decision)
        decision = *std::exchange(waiting.decision, std::nullopt);
    waiting.tls->decide(std::move(decision));
}

void Door::refuse(Waiting const& waiting, Error reason)
{
    m_on_refusal({waiting.peer, waiting.stage, waiting.identity, std::move(reason), waiting.circumstances});
}

} // namespace minivisor::io
