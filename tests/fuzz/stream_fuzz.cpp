// SPDX-License-Identifier: GPL-3.0-or-later
// Fuzzes the receiver: the input is what a source would send. The first byte chooses how the stream is
// cut into reads and whether the source listens; the machine is a small `none`.
#include "io/channel.hpp"
#include "migration/receiver.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

using namespace minivisor;
using namespace minivisor::migration;

namespace {

constexpr std::size_t ram_size = 16 * machine::page_size;

class InputChannel : public io::Channel {
public:
    InputChannel(std::uint8_t const* data, std::size_t size, std::size_t most, bool answers)
        : m_data(data)
        , m_rest(size)
        , m_most(most)
        , m_answers(answers)
    {
    }
    Result<std::size_t> read(std::span<std::byte> buffer) override
    {
        iovec const piece{buffer.data(), buffer.size()};
        return read_pieces({&piece, 1});
    }
    Result<std::size_t> read_pieces(std::span<iovec const> pieces) override
    {
        auto budget = std::min(m_rest, m_most);
        std::size_t taken = 0;
        for (auto const& piece : pieces) {
            auto const n = std::min(budget - taken, piece.iov_len);
            std::memcpy(piece.iov_base, m_data, n);
            m_data += n;
            m_rest -= n;
            taken += n;
        }
        return taken;
    }
    Result<void> write(std::span<iovec const>) override
    {
        // Nothing may be said to a source that did not ask.
        if (!m_answers)
            std::abort();
        return {};
    }
    void close_write() override { }
    void cancel() noexcept override { }
    bool cancelled() const noexcept override { return false; }
    bool two_way() const override { return m_answers; }
    std::uint64_t bytes_written() const override { return 0; }

private:
    std::uint8_t const* m_data;
    std::size_t m_rest;
    std::size_t m_most;
    bool m_answers;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    if (size == 0)
        return 0;
    static constexpr std::size_t cuts[]{1u << 30, 1, 100, 5000};
    InputChannel channel(data + 1, size - 1, cuts[data[0] & 3], (data[0] & 4) != 0);
    machine::Memory memory;
    TimerState timer;
    GlobalState global_state;
    machine::SavedDevices devices;
    if (!memory.add_anonymous("ram", 0, ram_size) || !devices.add({"timer", 0, &TimerState::saved_state, &timer})
        || !devices.add({"globalstate", 0, &GlobalState::saved_state, &global_state}))
        std::abort();
    Receiver receiver({"none", &memory, &devices, &global_state, {}}, channel, {});
    auto const result = receiver.run();
    // A load either succeeds or says why not.
    if ((result.outcome == LoadResult::Outcome::loaded) == result.error.has_value())
        std::abort();
    return 0;
}
