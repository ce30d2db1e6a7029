// SPDX-License-Identifier: GPL-3.0-or-later
// The physical limits that tests/bench compares with: bytes over loopback TCP into touched memory, the
// same through a bare OpenSSL TLS pipe (1 MiB SSL_write to SSL_read), and reading memory once.
// usage: pipe tcp|tls|read MIB [CERT KEY]; prints GB/s.
#include <openssl/ssl.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

constexpr std::size_t mib = 1 << 20;

[[noreturn]] void die(char const* what)
{
    std::perror(what);
    std::exit(1);
}

std::uint8_t* touched_memory(std::size_t size, bool random)
{
    auto* memory
        = static_cast<std::uint8_t*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (memory == MAP_FAILED)
        die("mmap");
    std::uint64_t state = 88172645463325252ULL;
    for (std::size_t i = 0; i < size; i += 8) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        std::uint64_t const word = random ? state : 0;
        std::memcpy(memory + i, &word, 8);
    }
    return memory;
}

void make_pair(int ends[2])
{
    int const door = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    if (::bind(door, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(door, 1) != 0
        || ::getsockname(door, reinterpret_cast<sockaddr*>(&address), &length) != 0)
        die("listen");
    ends[0] = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::connect(ends[0], reinterpret_cast<sockaddr*>(&address), length) != 0)
        die("connect");
    ends[1] = ::accept(door, nullptr, nullptr);
    ::close(door);
    int const on = 1;
    for (int i = 0; i < 2; i++)
        ::setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/// Moves `size` bytes from a thread that calls send to one that calls receive; seconds taken.
template <typename Send, typename Receive>
double move_bytes(std::size_t size, Send send, Receive receive)
{
    auto* const from = touched_memory(size, true);
    auto* const to = touched_memory(size, false);
    auto const began = std::chrono::steady_clock::now();
    std::thread sender([&] {
        for (std::size_t at = 0; at < size;)
            at += send(from + at, std::min(mib, size - at));
    });
    for (std::size_t at = 0; at < size;)
        at += receive(to + at, std::min(mib, size - at));
    sender.join();
    std::chrono::duration<double> const taken = std::chrono::steady_clock::now() - began;
    if (std::memcmp(from, to, size) != 0)
        die("the bytes differ");
    return taken.count();
}

double tcp(std::size_t size)
{
    int ends[2];
    make_pair(ends);
    auto const checked = [](ssize_t n) { return n > 0 ? static_cast<std::size_t>(n) : (die("socket"), std::size_t{}); };
    return move_bytes(
        size, [&](std::uint8_t* p, std::size_t n) { return checked(::send(ends[0], p, n, 0)); },
        [&](std::uint8_t* p, std::size_t n) { return checked(::recv(ends[1], p, n, 0)); });
}

double tls(std::size_t size, char const* cert, char const* key)
{
    int ends[2];
    make_pair(ends);
    SSL_CTX* const client_context = SSL_CTX_new(TLS_client_method());
    SSL_CTX* const server_context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_num_tickets(server_context, 0);
    if (SSL_CTX_use_certificate_file(server_context, cert, SSL_FILETYPE_PEM) != 1
        || SSL_CTX_use_PrivateKey_file(server_context, key, SSL_FILETYPE_PEM) != 1)
        die("certificate");
    SSL* const client = SSL_new(client_context);
    SSL* const server = SSL_new(server_context);
    SSL_set_fd(client, ends[0]);
    SSL_set_fd(server, ends[1]);
    std::thread accepting([&] { SSL_accept(server); });
    if (SSL_connect(client) != 1)
        die("handshake");
    accepting.join();
    auto const checked = [](int n) { return n > 0 ? static_cast<std::size_t>(n) : (die("TLS"), std::size_t{}); };
    return move_bytes(
        size, [&](std::uint8_t* p, std::size_t n) { return checked(SSL_write(client, p, static_cast<int>(n))); },
        [&](std::uint8_t* p, std::size_t n) { return checked(SSL_read(server, p, static_cast<int>(n))); });
}

double read_once(std::size_t size)
{
    auto const* const memory = touched_memory(size, true);
    auto const began = std::chrono::steady_clock::now();
    std::uint64_t sums[8] = {};
    for (std::size_t i = 0; i < size; i += 64) {
        std::uint64_t words[8];
        std::memcpy(words, memory + i, 64);
        for (int k = 0; k < 8; k++)
            sums[k] |= words[k];
    }
    std::chrono::duration<double> const taken = std::chrono::steady_clock::now() - began;
    return sums[0] == 42 ? 0 : taken.count();
}

} // namespace

int main(int argc, char** argv)
{
    if (argc < 3)
        return 2;
    std::string const what = argv[1];
    std::size_t const size = std::strtoul(argv[2], nullptr, 10) * mib;
    double const seconds = what == "tcp" ? tcp(size)
        : what == "tls" && argc > 4      ? tls(size, argv[3], argv[4])
                                         : read_once(size);
    std::printf("%.4f\n", static_cast<double>(size) / seconds / 1e9);
    return 0;
}
