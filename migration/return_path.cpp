// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/return_path.hpp"

#include "util/text.hpp"
#include "util/trace.hpp"

#include <algorithm>
#include <array>

namespace minivisor::migration {

namespace {

struct KnownAnswer {
    Answer answer;
    std::string_view name;
    std::uint16_t length; ///< of the payload
};

constexpr std::array known_answers{
    KnownAnswer{Answer::shut, "SHUT", 4},
    KnownAnswer{Answer::pong, "PONG", 4},
    KnownAnswer{Answer::switchover_ack, "SWITCHOVER_ACK", 0},
};

} // namespace

std::vector<std::byte> encode_answer(Answer answer, std::optional<std::uint32_t> value)
{
    auto const type = static_cast<std::uint16_t>(answer);
    std::vector<std::byte> message(4, std::byte{0});
    message[0] = static_cast<std::byte>(type >> 8);
    message[1] = static_cast<std::byte>(type & 0xff);
    if (!value)
        return message;
    message[3] = std::byte{4};
    for (unsigned i = 0; i < 4; ++i)
        message.push_back(static_cast<std::byte>(*value >> (24 - 8 * i) & 0xff));
    return message;
}

ReturnPath::ReturnPath(io::Channel& channel, std::function<void()> on_lost)
    : m_channel(channel)
    , m_on_lost(std::move(on_lost))
    , m_thread([this] { run(); })
{
}

ReturnPath::~ReturnPath() { m_thread.join(); }

bool ReturnPath::answered() const
{
    std::lock_guard lock(m_mutex);
    return m_pong.has_value();
}

bool ReturnPath::approved() const
{
    std::lock_guard lock(m_mutex);
    return m_approved;
}

std::optional<std::uint32_t> ReturnPath::shut() const
{
    std::lock_guard lock(m_mutex);
    return m_shut;
}

std::optional<Error> ReturnPath::failure() const
{
    std::lock_guard lock(m_mutex);
    return m_failure;
}

bool ReturnPath::closed() const
{
    std::lock_guard lock(m_mutex);
    return m_closed;
}

bool ReturnPath::wait_for_pong(std::uint32_t value, std::chrono::milliseconds at_most)
{
    std::unique_lock lock(m_mutex);
    m_changed.wait_for(lock, at_most, [&] { return m_pong == value || m_ended || m_cancelled; });
    return m_pong == value;
}

bool ReturnPath::wait_for_approval(std::chrono::milliseconds at_most)
{
    std::unique_lock lock(m_mutex);
    m_changed.wait_for(lock, at_most, [&] { return m_approved || m_ended || m_cancelled; });
    return m_approved;
}

bool ReturnPath::wait_for_end(std::optional<std::chrono::milliseconds> at_most)
{
    std::unique_lock lock(m_mutex);
    auto const over = [&] { return m_ended || m_cancelled; };
    if (at_most)
        return m_changed.wait_for(lock, *at_most, over);
    m_changed.wait(lock, over);
    return true;
}

void ReturnPath::cancel()
{
    std::lock_guard lock(m_mutex);
    m_cancelled = true;
    m_changed.notify_all();
}

void ReturnPath::run()
{
    auto read = read_answers();
    bool lost = false;
    {
        std::lock_guard lock(m_mutex);
        if (!read)
            m_failure = std::move(read).error();
        lost = m_failure.has_value();
        m_ended = true;
        m_changed.notify_all();
    }
    if (lost)
        m_on_lost();
}

/// False when the peer closed on a message boundary.
Result<bool> ReturnPath::fill(std::size_t length)
{
    while (m_buffer.size() < length) {
        std::array<std::byte, 256> piece;
        auto const n = TRY(m_channel.read(piece));
        if (n == 0) {
            if (m_buffer.empty())
                return false;
            return Error::generic("The destination closed the connection in the middle of a message");
        }
        m_buffer.insert(m_buffer.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(n));
    }
    return true;
}

Result<void> ReturnPath::read_answers()
{
    while (true) {
        if (!TRY(fill(4))) {
            std::lock_guard lock(m_mutex);
            m_closed = true;
            return Error::generic("The destination closed the connection before it said that it has the guest");
        }
        auto const type = load_be16(m_buffer.data());
        auto const length = load_be16(m_buffer.data() + 2);
        auto const known = std::find_if(known_answers.begin(), known_answers.end(),
            [&](KnownAnswer const& candidate) { return static_cast<std::uint16_t>(candidate.answer) == type; });
        if (known == known_answers.end())
            return Error::generic(cat("RP: Received invalid message 0x", hex(type), " length 0x", hex(length)));
        if (length != known->length) {
            return Error::generic(cat("RP: Received '", known->name, "' message (0x", hex(type),
                ") with incorrect length ", length, " expecting ", known->length));
        }
        TRY(fill(4u + length));
        auto const value = length == 4 ? load_be32(m_buffer.data() + 4) : 0;
        m_buffer.erase(m_buffer.begin(), m_buffer.begin() + 4 + length);
        note(known->answer, value);
        if (known->answer != Answer::shut)
            continue;
        if (value != 0)
            return Error::generic(cat("The destination could not load the guest (error ", value, ")"));
        return {};
    }
}

void ReturnPath::note(Answer answer, std::uint32_t value)
{
    if (answer == Answer::switchover_ack)
        trace::pass(trace::Point::source_return_path_thread_switchover_acked);
    std::lock_guard lock(m_mutex);
    if (answer == Answer::shut)
        m_shut = value; // the end of the path is told as a whole
    else if (answer == Answer::pong)
        m_pong = value;
    else
        m_approved = true;
    if (answer != Answer::shut)
        m_changed.notify_all();
}

} // namespace minivisor::migration
