// SPDX-License-Identifier: GPL-3.0-or-later
#include "io/pty_chardev.hpp"

#include "util/log.hpp"
#include "util/quietly.hpp"

#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

namespace minivisor::io {

namespace asio = boost::asio;

PtyChardev::PtyChardev(
    asio::io_context& io, std::string label, std::string path, util::UniqueFd terminal, util::UniqueFd opened)
    : Chardev(std::move(label))
    , m_io(io)
    , m_path(std::move(path))
    , m_terminal(std::move(terminal))
    , m_opened(io, opened.release())
    , m_stream_gone(io)
    , m_tasks(io.get_executor())
{
}

PtyChardev::~PtyChardev() { m_alive.reset(); }

Result<std::unique_ptr<PtyChardev>> PtyChardev::create(asio::io_context& io, std::string label)
{
    util::UniqueFd terminal(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    char name[64]{};
    if (!terminal || grantpt(terminal.get()) != 0 || unlockpt(terminal.get()) != 0
        || ptsname_r(terminal.get(), name, sizeof name) != 0)
        return Error::system("Failed to create PTY", errno);
    // Bytes go through as they are. The setting stays when nobody has the other end open.
    termios raw{};
    util::UniqueFd const other_end(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!other_end || tcgetattr(other_end.get(), &raw) != 0)
        return Error::system("Failed to create PTY", errno);
    cfmakeraw(&raw);
    tcsetattr(other_end.get(), TCSAFLUSH, &raw);
    util::UniqueFd opened(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!opened || inotify_add_watch(opened.get(), name, IN_OPEN) < 0)
        return Error::system("Failed to watch PTY", errno);
    return std::unique_ptr<PtyChardev>(
        new PtyChardev(io, std::move(label), name, std::move(terminal), std::move(opened)));
}

Result<void> PtyChardev::open(OnStream on_stream)
{
    m_on_stream = std::move(on_stream);
    m_tasks.spawn([this] { return follow(); });
    return {};
}

bool PtyChardev::other_end_is_open() const
{
    pollfd entry{m_terminal.get(), 0, 0};
    return poll(&entry, 1, 0) == 0;
}

asio::awaitable<void> PtyChardev::follow()
{
    while (!m_closed) {
        if (!other_end_is_open()) {
            auto const [error] = co_await m_opened.async_wait(asio::posix::descriptor_base::wait_read, quietly);
            if (error)
                co_return;
            char events[4096];
            while (read(m_opened.native_handle(), events, sizeof events) > 0) { }
            continue;
        }
        auto stream = m_terminal.duplicate();
        auto made = stream ? make_stream(m_io, *std::move(stream)) : Result<std::unique_ptr<Stream>>(stream.error());
        if (!made) {
            util::log::warn(cat(label(), ": ", made.error().desc()));
            co_return;
        }
        std::shared_ptr<void> token(nullptr, [this, alive = std::weak_ptr(m_alive)](void*) {
            if (alive.lock())
                m_stream_gone.cancel();
        });
        (*made)->keep(std::move(token));
        m_stream_gone.expires_at(asio::steady_timer::time_point::max());
        m_on_stream(*std::move(made));
        co_await m_stream_gone.async_wait(quietly);
    }
}

void PtyChardev::close()
{
    m_closed = true;
    m_opened.close();
    m_stream_gone.cancel();
}

} // namespace minivisor::io
