// SPDX-License-Identifier: GPL-3.0-or-later
// TLS 1.3 handshakes with certificates on both sides, as many a second as go: the client that knocks, and a bare
// OpenSSL server of one thread, which is the limit of what a listener of one thread with more to do can reach.
//
// usage: handshakes server FOLDER accept|refuse, which prints its port and serves until it is killed;
// handshakes client FOLDER PORT COUNT THREADS, which prints handshakes a second.
//
// A client is through when it has read the first bytes, or its end.
#include <openssl/ssl.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

[[noreturn]] void die(char const* what)
{
    std::perror(what);
    std::exit(1);
}

SSL_CTX* make_context(std::string const& folder, std::string const& role)
{
    auto* const context = SSL_CTX_new(role == "server" ? TLS_server_method() : TLS_client_method());
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    auto const file = [&](char const* what) { return folder + "/" + role + what; };
    if (SSL_CTX_use_certificate_file(context, file("-cert.pem").c_str(), SSL_FILETYPE_PEM) != 1
        || SSL_CTX_use_PrivateKey_file(context, file("-key.pem").c_str(), SSL_FILETYPE_PEM) != 1
        || SSL_CTX_load_verify_locations(context, (folder + "/ca-cert.pem").c_str(), nullptr) != 1)
        die("certificate");
    return context;
}

sockaddr_in loopback(int port)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

int refuse(X509_STORE_CTX* store, void*)
{
    X509_verify_cert(store);
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

void end(SSL* ssl)
{
    int const fd = SSL_get_fd(ssl);
    SSL_free(ssl);
    ::close(fd);
}

/// Goes on with a handshake. What is sent is so little that no socket's buffer is ever full.
void go_on(SSL* ssl)
{
    int const code = SSL_accept(ssl);
    if (code != 1 && SSL_get_error(ssl, code) == SSL_ERROR_WANT_READ)
        return;
    if (code == 1) {
        SSL_write(ssl, "{}\n", 3);
        SSL_shutdown(ssl);
    }
    end(ssl);
}

/// One thread for all clients: it need not rest while it waits for one client's next message.
[[noreturn]] void serve_door(SSL_CTX* context, int door)
{
    int const poll = ::epoll_create1(0);
    epoll_event event{EPOLLIN, {nullptr}};
    ::epoll_ctl(poll, EPOLL_CTL_ADD, door, &event);
    for (;;) {
        epoll_event ready[64];
        int const count = ::epoll_wait(poll, ready, 64, -1);
        for (int i = 0; i < count; ++i) {
            if (ready[i].data.ptr != nullptr) {
                go_on(static_cast<SSL*>(ready[i].data.ptr));
                continue;
            }
            int const fd = ::accept4(door, nullptr, nullptr, SOCK_NONBLOCK);
            if (fd < 0)
                die("accept");
            int const on = 1;
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
            auto* const ssl = SSL_new(context);
            SSL_set_fd(ssl, fd);
            event.data.ptr = ssl;
            ::epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
        }
    }
}

[[noreturn]] void serve(std::string const& folder, bool refusing)
{
    auto* const context = make_context(folder, "server");
    if (refusing)
        SSL_CTX_set_cert_verify_callback(context, refuse, nullptr);
    int const door = ::socket(AF_INET, SOCK_STREAM, 0);
    auto address = loopback(0);
    socklen_t length = sizeof(address);
    if (::bind(door, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(door, 128) != 0
        || ::getsockname(door, reinterpret_cast<sockaddr*>(&address), &length) != 0)
        die("listen");
    std::printf("%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    serve_door(context, door);
}

void knock(SSL_CTX* context, int port)
{
    int const fd = ::socket(AF_INET, SOCK_STREAM, 0);
    auto const address = loopback(port);
    if (::connect(fd, reinterpret_cast<sockaddr const*>(&address), sizeof(address)) != 0)
        die("connect");
    int const on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    auto* const ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1)
        die("handshake");
    char byte = 0;
    SSL_read(ssl, &byte, 1);
    SSL_free(ssl);
    // With a reset: a thousand ports in TIME_WAIT a second would soon be all.
    linger const now{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    ::close(fd);
}

} // namespace

int main(int argc, char** argv)
{
    std::signal(SIGPIPE, SIG_IGN);
    if (argc > 3 && std::strcmp(argv[1], "server") == 0)
        serve(argv[2], std::strcmp(argv[3], "refuse") == 0);
    if (argc < 6)
        return 2;
    auto* const context = make_context(argv[2], "client");
    int const port = std::atoi(argv[3]), count = std::atoi(argv[4]);
    std::atomic<int> left = count;
    auto const began = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (int i = 0; i < std::atoi(argv[5]); ++i)
        threads.emplace_back([&] {
            while (left-- > 0)
                knock(context, port);
        });
    for (auto& thread : threads)
        thread.join();
    std::chrono::duration<double> const taken = std::chrono::steady_clock::now() - began;
    std::printf("%.1f\n", count / taken.count());
    return 0;
}
