// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/outgoing.hpp"

#include "io/open_channel.hpp"
#include "io/sockets.hpp"
#include "io/tls_channel.hpp"
#include "util/log.hpp"
#include "util/text.hpp"

#include <boost/asio/post.hpp>

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace minivisor::migration {

Outgoing::Outgoing(boost::asio::io_context& io, VmView vm, SenderLimits& limits, OutgoingOptions options, Hooks hooks)
    : m_io(io)
    , m_vm(std::move(vm))
    , m_limits(limits)
    , m_options(std::move(options))
    , m_hooks(std::move(hooks))
    , m_cancel_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
    , m_thread([this] { run(); })
{
}

Outgoing::~Outgoing()
{
    m_alive.reset();
    cancel();
    m_thread.join();
}

void Outgoing::cancel()
{
    std::lock_guard const lock(m_mutex);
    m_cancelled = true;
    std::uint64_t const one = 1;
    static_cast<void>(!write(m_cancel_fd.get(), &one, sizeof one)); // it can only be full, and then it is set
    if (m_handshaking >= 0)
        ::shutdown(m_handshaking, SHUT_RDWR);
    if (m_sender && m_channel)
        m_sender->cancel();
}

void Outgoing::pull()
{
    std::lock_guard const lock(m_mutex);
    if (m_handshaking >= 0)
        ::shutdown(m_handshaking, SHUT_RDWR);
    if (m_channel)
        m_channel->cancel();
}

void Outgoing::continue_switchover()
{
    std::lock_guard const lock(m_mutex);
    if (m_sender)
        m_sender->continue_switchover();
}

Progress const* Outgoing::progress() const
{
    std::lock_guard const lock(m_mutex);
    return m_sender ? &m_sender->progress() : nullptr;
}

/// Runs `function` on the main thread, unless this is gone by then.
void Outgoing::post(std::function<void()> function)
{
    boost::asio::post(m_io, [alive = m_is_alive, function = std::move(function)] {
        if (alive.lock())
            function();
    });
}

void Outgoing::run()
{
    pthread_setname_np(pthread_self(), "live_migration");
    auto const end
        = [this](SendResult result) { post([this, result = std::move(result)] { m_hooks.on_end(result); }); };
    auto channel = open_channel();
    {
        std::lock_guard const lock(m_mutex);
        m_handshaking = -1;
        if (m_cancelled)
            return end({SendResult::Outcome::cancelled, {}, false});
        if (!channel)
            return end({SendResult::Outcome::failed, std::move(channel).error(), false});
        m_channel = *std::move(channel);
        SenderHooks hooks;
        hooks.on_phase = [this](SendPhase phase) { post([this, phase] { m_hooks.on_phase(phase); }); };
        hooks.on_pass = [this](std::uint64_t pass) { post([this, pass] { m_hooks.on_pass(pass); }); };
        hooks.stop_guest = [this](SenderHooks::StopDone done) {
            post([this, done = std::move(done)] { done(m_hooks.stop_guest()); });
        };
        m_sender = std::make_unique<Sender>(m_vm, *m_channel, m_limits, m_options.sender, std::move(hooks));
    }
    auto result = m_sender->run();
    // Where nobody answers, a command that took the stream has the last word: it may have failed to store it.
    auto const closed = m_channel->finish();
    if (result.outcome == SendResult::Outcome::completed && !closed && !m_channel->two_way())
        result = {SendResult::Outcome::failed, closed.error(), result.guest_stopped};
    {
        std::lock_guard const lock(m_mutex);
        m_channel.reset(); // the peer sees the end now; the counters stay
    }
    end(std::move(result));
}

Result<std::unique_ptr<io::Channel>> Outgoing::open_channel()
{
    if (auto* file = std::get_if<io::FileAddress>(&m_options.address))
        return io::open_file_for_writing(*file, std::move(m_options.fd));
    if (auto* address = std::get_if<io::ExecAddress>(&m_options.address)) {
        auto command = TRY(io::start_command(*address));
        auto inner = open_socket(std::move(command.socket));
        // A plain command may well store the stream: who asks it for an answer would store the question.
        bool const two_way = m_options.tls || m_options.sender.return_path == SenderOptions::ReturnPathUse::always;
        if (inner)
            return io::make_command_channel(*std::move(inner), command.child, two_way);
        io::end_command(command.child);
        return std::move(inner).error();
    }
    if (std::holds_alternative<io::FdAddress>(m_options.address))
        return open_socket(std::move(m_options.fd));
    return open_socket(TRY(io::connect_socket(m_options.address, m_cancel_fd.get())));
}

Result<std::unique_ptr<io::Channel>> Outgoing::open_socket(util::UniqueFd fd)
{
    if (!m_options.tls) {
        auto const kind = io::FdChannel::kind_of(fd.get());
        auto channel = TRY(io::FdChannel::create(std::move(fd), kind));
        return std::unique_ptr<io::Channel>(std::move(channel));
    }
    auto const host = m_options.tls_hostname.empty() ? io::host_of(m_options.address) : m_options.tls_hostname;
    auto session = TRY(crypto::TlsSession::create(m_options.tls, fd.get(), host, {}));
    {
        std::lock_guard const lock(m_mutex);
        if (m_cancelled)
            return Error::generic("cancelled");
        m_handshaking = fd.get();
    }
    constexpr std::chrono::seconds patience(30);
    if (auto shaken = session->complete_handshake(patience); !shaken) {
        if (auto const failure = session->failure(); failure && failure->stage == crypto::Failure::Stage::verify)
            util::log::info(cat("migration: the destination's certificate ", failure->peer_identity, " is valid from ",
                failure->circumstances.not_before, " until ", failure->circumstances.not_after));
        return std::move(shaken).error();
    }
    return std::unique_ptr<io::Channel>(std::make_unique<io::TlsChannel>(std::move(fd), std::move(session)));
}

} // namespace minivisor::migration
