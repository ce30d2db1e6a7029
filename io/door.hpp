// SPDX-License-Identifier: GPL-3.0-or-later
// The one front door for strangers: accept, TLS handshake with its verification and authorization,
// then the first bytes, all within a deadline. Who passes is handed on as a channel; who does not is
// told to the operator and ends nothing. So many may be in between that they cannot crowd out the
// right one: when full, the oldest goes (DESIGN, security posture).
#pragma once

#include "crypto/tls_session.hpp"
#include "io/connection.hpp"
#include "io/sockets.hpp"
#include "util/task_group.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <chrono>
#include <list>

namespace minivisor::io {

/// Who wants to come in.
struct Applicant {
    std::string peer; ///< its address
    crypto::Question question;
};

/// Asks whether an applicant may come in. The answer is called once, on the main thread: at once, or later, also when
/// nobody waits for it any more.
using Authorize = std::function<void(Applicant const& applicant, std::function<void(crypto::Decision)> answer)>;

/// What is asked of a connection. Plain where there is no context.
struct Admission {
    std::shared_ptr<crypto::TlsContext const> tls;
    Authorize authorize; ///< empty: whoever is verified may come in
};

/// Who has passed.
struct Visitor {
    Connection connection;
    std::string peer; ///< its address
    std::string identity; ///< from its certificate; empty where none was verified
    std::vector<std::byte> first; ///< the bytes that were looked at
};

/// Who has not, and why.
struct Refusal {
    enum class Stage { transport, handshake, verify, authorize, first_bytes };
    std::string peer;
    Stage stage = Stage::transport;
    std::string identity;
    Error reason;
    crypto::Circumstances circumstances = {};
};

/// What a failed handshake is for whom it was to let in.
Refusal refusal_of(crypto::Failure failure, std::string peer);

struct DoorOptions {
    /// Asked anew for each connection; an error refuses it.
    std::function<Result<Admission>()> admission;
    /// So many bytes are awaited and looked at before a connection has passed.
    std::size_t first_size = 0;
    std::function<Result<void>(std::span<std::byte const>)> check_first;
    std::chrono::milliseconds deadline{10'000};
    std::size_t max_waiting = 128;
};

class Door {
public:
    using OnVisitor = std::function<void(Visitor)>;
    using OnRefusal = std::function<void(Refusal const&)>;

    /// Opens at once. The callbacks come on the main thread; they may call close().
    Door(boost::asio::io_context& io, ListeningSocket socket, DoorOptions options, OnVisitor on_visitor,
        OnRefusal on_refusal);
    ~Door();

    Address const& address() const { return m_address; }
    /// Somebody has connected who has not been spoken to. That is done within the next turns of the main loop, unless
    /// there are no descriptors left.
    bool has_newcomer() const;
    /// Lets nobody in any more, hangs up on those who wait, and removes a UNIX socket's file.
    void close();
    boost::asio::awaitable<void> join() { return m_tasks.join(); }

private:
    struct Waiting;

    boost::asio::awaitable<void> accept_all();
    boost::asio::awaitable<void> examine(std::list<Waiting>::iterator waiting);
    boost::asio::awaitable<Result<void>> shake_hands(Waiting& waiting);
    boost::asio::awaitable<Result<void>> read_first(Waiting& waiting);
    boost::asio::awaitable<Result<void>> wait(Waiting& waiting, crypto::Step step);
    boost::asio::awaitable<void> wait_for_decision(Waiting& waiting);
    void refuse(Waiting const& waiting, Error reason);

    boost::asio::io_context& m_io;
    std::optional<ListeningSocket> m_socket;
    Address m_address;
    boost::asio::posix::stream_descriptor m_ready;
    DoorOptions m_options;
    OnVisitor m_on_visitor;
    OnRefusal m_on_refusal;
    std::list<Waiting> m_waiting; ///< oldest first
    util::TaskGroup m_tasks;
    bool m_closed = false;
    bool m_short_of_descriptors = false;
};

} // namespace minivisor::io
