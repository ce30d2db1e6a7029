// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/incoming.hpp"

#include "io/open_channel.hpp"
#include "io/tls_channel.hpp"

#include <boost/asio/post.hpp>

#include <future>

#include <pthread.h>
#include <sys/socket.h>

namespace minivisor::migration {

Incoming::Incoming(boost::asio::io_context& io, VmView vm, Hooks hooks)
    : m_io(io)
    , m_vm(std::move(vm))
    , m_hooks(std::move(hooks))
{
}

Incoming::~Incoming()
{
    m_alive.reset();
    cancel();
    if (m_thread.joinable())
        m_thread.join();
}

void Incoming::wait_at(io::ListeningSocket socket)
{
    io::DoorOptions options;
    options.admission = m_hooks.admission;
    options.first_size = header_size;
    options.check_first = check_header;
    m_waiting = true;
    m_door.emplace(
        m_io, std::move(socket), std::move(options),
        [this](io::Visitor visitor) {
            m_door->close(); // the first who passes is the sender
            m_waiting = false;
            auto const connection = std::make_shared<io::Connection>(std::move(visitor.connection));
            start_load([connection] { return io::make_channel(std::move(*connection)); }, std::move(visitor.first));
        },
        m_hooks.on_refusal);
}

void Incoming::load_from(std::unique_ptr<io::Channel> channel)
{
    auto const held = std::make_shared<std::unique_ptr<io::Channel>>(std::move(channel));
    start_load([held]() -> Result<std::unique_ptr<io::Channel>> { return std::move(*held); }, {});
}

void Incoming::load_from_socket(util::UniqueFd fd, io::Admission admission, pid_t child)
{
    auto const held = std::make_shared<util::UniqueFd>(std::move(fd));
    start_load(
        [this, held, admission = std::move(admission), child]() -> Result<std::unique_ptr<io::Channel>> {
            auto channel = open_socket(std::move(*held), admission);
            if (child == 0)
                return channel;
            if (channel)
                return io::make_command_channel(*std::move(channel), child, true);
            io::end_command(child);
            return channel;
        },
        {});
}

Result<std::unique_ptr<io::Channel>> Incoming::open_socket(util::UniqueFd fd, io::Admission const& admission)
{
    if (!admission.tls) {
        auto const kind = io::FdChannel::kind_of(fd.get());
        auto channel = TRY(io::FdChannel::create(std::move(fd), kind));
        return std::unique_ptr<io::Channel>(std::move(channel));
    }
    auto const peer = io::peer_text(fd.get());
    crypto::Authorize authorize;
    if (admission.authorize)
        authorize = [this, &admission, peer](crypto::Question const& question) {
            return ask_on_main_thread(admission.authorize, {peer, question});
        };
    auto session = TRY(crypto::TlsSession::create(admission.tls, fd.get(), {}, authorize));
    {
        std::lock_guard const lock(m_mutex);
        if (m_cancelled)
            return Error::generic("cancelled");
        m_handshaking = fd.get();
    }
    constexpr std::chrono::seconds patience(10);
    auto const shaken = session->complete_handshake(patience);
    std::lock_guard const lock(m_mutex);
    m_handshaking = -1;
    if (!shaken && !m_cancelled)
        post([this, refusal = io::refusal_of(*session->failure(), peer)] { m_hooks.on_refusal(refusal); });
    if (!shaken)
        return shaken.error();
    return std::unique_ptr<io::Channel>(std::make_unique<io::TlsChannel>(std::move(fd), std::move(session)));
}

/// The object tree belongs to the main thread, so that is where the question is put.
crypto::Decision Incoming::ask_on_main_thread(io::Authorize const& authorize, io::Applicant const& applicant)
{
    auto const answer = std::make_shared<std::promise<crypto::Decision>>();
    post([answer, authorize, applicant] {
        authorize(applicant, [answer](crypto::Decision decision) { answer->set_value(std::move(decision)); });
    });
    auto future = answer->get_future();
    while (future.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) {
        std::lock_guard const lock(m_mutex);
        if (m_cancelled)
            return {false, "cancelled"};
    }
    return future.get();
}

io::Address const* Incoming::listening_at() const { return m_waiting ? &m_door->address() : nullptr; }

void Incoming::cancel()
{
    if (m_door)
        m_door->close();
    m_waiting = false;
    std::lock_guard const lock(m_mutex);
    m_cancelled = true;
    if (m_handshaking >= 0)
        ::shutdown(m_handshaking, SHUT_RDWR);
    if (m_receiver && m_channel)
        m_receiver->cancel();
}

void Incoming::pull()
{
    std::lock_guard const lock(m_mutex);
    if (m_handshaking >= 0)
        ::shutdown(m_handshaking, SHUT_RDWR);
    if (m_channel)
        m_channel->cancel();
}

boost::asio::awaitable<void> Incoming::shut_down()
{
    cancel();
    if (m_door)
        co_await m_door->join();
}

void Incoming::post(std::function<void()> function)
{
    boost::asio::post(m_io, [alive = m_is_alive, function = std::move(function)] {
        if (alive.lock())
            function();
    });
}

void Incoming::start_load(std::function<Result<std::unique_ptr<io::Channel>>()> open, std::vector<std::byte> first)
{
    m_thread = std::thread([this, open = std::move(open), first = std::move(first), options = m_hooks.options()] {
        run(open, first, options);
    });
}

void Incoming::run(std::function<Result<std::unique_ptr<io::Channel>>()> const& open,
    std::vector<std::byte> const& first, ReceiverOptions options)
{
    pthread_setname_np(pthread_self(), "mig_incoming");
    auto const end
        = [this](LoadResult result) { post([this, result = std::move(result)] { m_hooks.on_end(result); }); };
    auto channel = open();
    {
        std::lock_guard const lock(m_mutex);
        LoadResult nothing;
        if (m_cancelled) {
            nothing.outcome = LoadResult::Outcome::cancelled;
            return end(std::move(nothing));
        }
        if (!channel) {
            nothing.outcome = LoadResult::Outcome::failed;
            nothing.lines = {channel.error().desc()};
            nothing.error = std::move(channel).error();
            return end(std::move(nothing));
        }
        m_channel = *std::move(channel);
        ReceiverHooks hooks;
        hooks.on_begin = [this] { post([this] { m_hooks.on_begin(); }); };
        m_receiver = std::make_unique<Receiver>(m_vm, *m_channel, std::move(hooks), first, options);
    }
    auto result = m_receiver->run();
    auto const closed = m_channel->finish();
    static_cast<void>(closed); // a command whose stream was whole may end as it likes
    {
        std::lock_guard const lock(m_mutex);
        m_channel.reset();
    }
    end(std::move(result));
}

} // namespace minivisor::migration
