// SPDX-License-Identifier: GPL-3.0-or-later
// What the tests of the migration engine share: a small machine, streams written by hand, and a channel
// that plays bytes in pieces of any size.
#pragma once

#include "io/channel.hpp"
#include "migration/receiver.hpp"
#include "migration/sender.hpp"
#include "migration/stream_writer.hpp"
#include "migration/vmstate.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <functional>
#include <random>
#include <string>

#include <sys/socket.h>

namespace minivisor::migration::test {

using machine::page_size;

/// A machine `none` with one block "ram" of so many pages (0: no RAM), as main builds it.
struct TestVm {
    explicit TestVm(std::size_t pages)
    {
        if (pages > 0)
            ram = memory.add_anonymous("ram", 0, pages * page_size).value();
        REQUIRE(devices.add({"timer", 0, &TimerState::saved_state, &timer}));
        REQUIRE(devices.add({"globalstate", 0, &GlobalState::saved_state, &global_state}));
        view = {.machine_name = "none", .memory = &memory, .devices = &devices, .global_state = &global_state};
    }
    /// Some pages with content that tells them apart, some zero.
    void fill(unsigned seed)
    {
        std::mt19937_64 random(seed);
        for (std::size_t page = 0; page < ram->pages(); ++page) {
            for (std::size_t i = 0; i < page_size / 8 && page % 3 != 0; ++i) {
                auto const value = random();
                std::memcpy(ram->data() + page * page_size + i * 8, &value, 8);
            }
        }
    }
    bool same_memory(TestVm const& other) const
    {
        return ram->size() == other.ram->size() && std::memcmp(ram->data(), other.ram->data(), ram->size()) == 0;
    }

    machine::Memory memory;
    machine::RamBlock* ram = nullptr;
    TimerState timer;
    GlobalState global_state;
    machine::SavedDevices devices;
    VmView view;
};

/// Bytes as they stand in a stream.
class Bytes {
public:
    Bytes& u8(unsigned value) { return number(value, 1); }
    Bytes& be16(unsigned value) { return number(value, 2); }
    Bytes& be32(std::uint64_t value) { return number(value, 4); }
    Bytes& be64(std::uint64_t value) { return number(value, 8); }
    Bytes& text(std::string_view text) { return m_bytes += text, *this; }
    Bytes& str8(std::string_view text) { return u8(static_cast<unsigned>(text.size())).text(text); }
    Bytes& fill(std::size_t count, char c = 0) { return m_bytes.append(count, c), *this; }
    Bytes& add(Bytes const& other) { return text(other.m_bytes); }

    Bytes& header() { return text("QEVM").be32(3); }
    Bytes& configuration(std::string_view name = "none") { return u8(7).be32(name.size()).text(name); }
    Bytes& full(
        unsigned type, unsigned id, std::string_view idstr, unsigned instance, unsigned version, Bytes const& data)
    {
        return u8(type).be32(id).str8(idstr).be32(instance).be32(version).add(data).footer(id);
    }
    Bytes& part(unsigned type, unsigned id, Bytes const& data) { return u8(type).be32(id).add(data).footer(id); }
    Bytes& footer(unsigned id) { return u8(0x7e).be32(id); }
    Bytes& command(unsigned number, Bytes const& payload = {})
    {
        return u8(8).be16(number).be16(static_cast<unsigned>(payload.size())).add(payload);
    }
    /// A whole START section for the block "ram".
    Bytes& ram_start(std::uint64_t size, std::string_view name = "ram")
    {
        return full(1, 2, "ram", 0, 4, Bytes().be64(size | 4).str8(name).be64(size).be64(0x10));
    }
    Bytes& ram_part(Bytes const& records) { return part(2, 2, Bytes(records).be64(0x10)); }
    Bytes& ram_end() { return part(3, 2, Bytes().be64(0x10)); }
    Bytes& timer() { return full(4, 0, "timer", 0, 2, Bytes().be64(5).be64(0).be64(7)); }
    Bytes& global_state(std::string_view state = "running")
    {
        return full(4, 1, "globalstate", 0, 1, Bytes().be32(state.size() + 1).text(state).fill(100 - state.size()));
    }
    Bytes& end() { return u8(0).u8(6).be32(2).text("{}"); }

    std::string const& str() const { return m_bytes; }
    std::size_t size() const { return m_bytes.size(); }

private:
    Bytes& number(std::uint64_t value, int size)
    {
        for (int i = size - 1; i >= 0; --i)
            m_bytes += static_cast<char>(value >> (8 * i) & 0xff);
        return *this;
    }
    std::string m_bytes;
};

/// Plays `input` in pieces of at most `most` bytes, of random size, then ends. Keeps what is written.
class ScriptChannel : public io::Channel {
public:
    explicit ScriptChannel(std::string input = {}, std::size_t most = 1u << 30, unsigned seed = 1)
        : m_input(std::move(input))
        , m_random(seed)
        , m_most(most)
    {
    }
    Result<std::size_t> read(std::span<std::byte> buffer) override
    {
        iovec const piece{buffer.data(), buffer.size()};
        return read_pieces({&piece, 1});
    }
    Result<std::size_t> read_pieces(std::span<iovec const> pieces) override
    {
        auto rest = std::min(m_input.size() - m_at, std::uniform_int_distribution<std::size_t>(1, m_most)(m_random));
        auto const total = rest;
        for (auto const& piece : pieces) {
            auto const n = std::min(rest, piece.iov_len);
            std::memcpy(piece.iov_base, m_input.data() + m_at, n);
            m_at += n;
            rest -= n;
        }
        return total - rest;
    }
    Result<void> write(std::span<iovec const> pieces) override
    {
        for (auto const& piece : pieces)
            written.append(static_cast<char const*>(piece.iov_base), piece.iov_len);
        ++writes;
        return {};
    }
    void close_write() override { }
    void cancel() noexcept override { }
    bool cancelled() const noexcept override { return false; }
    bool two_way() const override { return answers; }
    std::uint64_t bytes_written() const override { return written.size(); }

    std::string written;
    std::size_t writes = 0;
    bool answers = false;

private:
    std::string m_input;
    std::size_t m_at = 0;
    std::mt19937 m_random;
    std::size_t m_most;
};

inline LoadResult load(TestVm& vm, std::string stream, std::size_t most = 1u << 30, unsigned seed = 1)
{
    ScriptChannel channel(std::move(stream), most, seed);
    return Receiver(vm.view, channel, {}).run();
}

inline std::pair<std::unique_ptr<io::FdChannel>, std::unique_ptr<io::FdChannel>> socket_pair()
{
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    return {io::FdChannel::create(util::UniqueFd(fds[0]), io::FdChannel::Kind::socket).value(),
        io::FdChannel::create(util::UniqueFd(fds[1]), io::FdChannel::Kind::socket).value()};
}

/// Hooks of a source whose guest stops at once.
inline SenderHooks stops_at_once(std::string state = "running")
{
    return {.stop_guest = [state](SenderHooks::StopDone done) { done(state); }};
}

/// The bytes that a sender writes to someone who does not answer.
inline std::string saved(TestVm& vm, SenderOptions options = {})
{
    ScriptChannel channel;
    SenderLimits limits;
    limits.max_bandwidth = 0;
    REQUIRE(Sender(vm.view, channel, limits, options, stops_at_once()).run().outcome == SendResult::Outcome::completed);
    return channel.written;
}

} // namespace minivisor::migration::test
