// SPDX-License-Identifier: GPL-3.0-or-later
// Two connected sockets with a TLS session at each end, for tests; with or without the second session.
#pragma once

#include "crypto/tls_session.hpp"
#include "pki.hpp"
#include "util/fd.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace minivisor::crypto::test {

struct Sockets {
    util::UniqueFd client;
    util::UniqueFd server;
};

inline Sockets unix_sockets()
{
    std::array<int, 2> fds{};
    must(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
    return {util::UniqueFd(fds[0]), util::UniqueFd(fds[1])};
}

inline Sockets tcp_sockets()
{
    util::UniqueFd const listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    must(::bind(listener.get(), generic, size) == 0 && ::listen(listener.get(), 1) == 0);
    must(::getsockname(listener.get(), generic, &size) == 0);
    util::UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    must(::connect(client.get(), generic, size) == 0);
    util::UniqueFd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    must(static_cast<bool>(server));
    return {std::move(client), std::move(server)};
}

inline std::shared_ptr<TlsContext const> load_context(
    TempDir const& dir, Endpoint endpoint, X509Options options = {.sanity_check = false})
{
    options.endpoint = endpoint;
    options.dir = dir.path();
    auto loaded = TlsContext::load_x509(options);
    if (!loaded)
        throw std::runtime_error(loaded.error().desc());
    return *loaded;
}

inline std::span<std::byte const> as_bytes(std::string_view text)
{
    return std::as_bytes(std::span(text.data(), text.size()));
}

/// A client's and a server's session on one thread, stepped by turns.
struct Pair {
    Sockets sockets;
    std::unique_ptr<TlsSession> client;
    std::unique_ptr<TlsSession> server;

    Pair(std::shared_ptr<TlsContext const> client_context, std::shared_ptr<TlsContext const> server_context,
        std::string host = "localhost", Authorize authorize = {}, Sockets connected = unix_sockets())
        : sockets(std::move(connected))
        , client(TlsSession::create(std::move(client_context), sockets.client.get(), std::move(host), {}).value())
        , server(TlsSession::create(std::move(server_context), sockets.server.get(), "", std::move(authorize)).value())
    {
    }

    /// Steps both until neither goes on by itself. An end that fails closes its sending side, as a user of it would.
    void run()
    {
        for (int i = 0; i < 20; ++i) {
            client_step = client->handshake();
            if (client_step == Step::failed)
                ::shutdown(sockets.client.get(), SHUT_WR);
            server_step = server->handshake();
            if (server_step == Step::failed)
                ::shutdown(sockets.server.get(), SHUT_WR);
        }
    }
    bool both_done() const { return client_step == Step::done && server_step == Step::done; }

    Step client_step = Step::want_read;
    Step server_step = Step::want_read;
};

} // namespace minivisor::crypto::test
