// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/gdb_session.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

namespace minivisor::hw {

namespace {

std::optional<unsigned> digit(char c)
{
    if (c >= '0' && c <= '9')
        return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f')
        return static_cast<unsigned>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F')
        return static_cast<unsigned>(c - 'A' + 10);
    return std::nullopt;
}

std::optional<std::uint64_t> number(std::string_view hex)
{
    std::uint64_t value = 0;
    auto const [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
    if (hex.empty() || error != std::errc() || end != hex.data() + hex.size())
        return std::nullopt;
    return value;
}

/// What stands before `mark`; `rest` begins behind it, and is empty without one.
std::string_view before(std::string_view text, char mark, std::string_view& rest)
{
    auto const at = text.find(mark);
    rest = at == text.npos ? std::string_view() : text.substr(at + 1);
    return text.substr(0, at);
}

std::string two_digits(unsigned value)
{
    constexpr std::string_view digits = "0123456789abcdef";
    return {digits[value >> 4 & 0xf], digits[value & 0xf]};
}

std::string escaped(std::string_view text)
{
    std::string out;
    for (char const c : text) {
        bool const special = c == '}' || c == '$' || c == '#' || c == '*';
        if (special)
            out += '}';
        out += special ? static_cast<char>(c ^ 0x20) : c;
    }
    return out;
}

constexpr char interrupt_byte = 3;

} // namespace

GdbSession::GdbSession(GdbTarget& target, std::function<void(std::string_view)> send)
    : m_target(target)
    , m_send(std::move(send))
{
}

void GdbSession::feed(std::string_view bytes)
{
    for (char const c : bytes)
        take(c);
}

void GdbSession::take(char c)
{
    switch (m_state) {
    case State::idle:
        if (c == '$') {
            m_packet.clear();
            m_sum = 0;
            m_escaped = m_too_long = false;
            m_state = State::packet;
        } else if (c == '-' && m_acks && !m_last.empty()) {
            m_send(m_last);
        } else if (c == interrupt_byte && m_running) {
            m_target.stop();
        }
        return;
    case State::packet:
        if (c == '#') {
            m_state = State::sum_high;
            return;
        }
        m_sum += static_cast<unsigned char>(c);
        if (c == '}' && !m_escaped) {
            m_escaped = true;
            return;
        }
        m_too_long = m_too_long || m_packet.size() >= max_packet;
        if (!m_too_long)
            m_packet += m_escaped ? static_cast<char>(c ^ 0x20) : c;
        m_escaped = false;
        return;
    case State::sum_high:
        m_wanted_sum = digit(c).value_or(0x100) << 4;
        m_state = State::sum_low;
        return;
    case State::sum_low:
        m_wanted_sum |= digit(c).value_or(0x100);
        m_state = State::idle;
        return run_packet();
    }
}

void GdbSession::run_packet()
{
    if (m_acks) {
        bool const right = m_wanted_sum == (m_sum & 0xff);
        m_send(right ? "+" : "-");
        if (!right)
            return;
    }
    if (m_running)
        return; // only an interrupt may come
    if (m_too_long)
        return reply_error();
    auto const packet = std::move(m_packet);
    handle(packet);
}

void GdbSession::reply(std::string_view text)
{
    unsigned sum = 0;
    for (char const c : text)
        sum += static_cast<unsigned char>(c);
    m_last = cat("$", text, "#", two_digits(sum));
    m_send(m_last);
}

void GdbSession::stopped(unsigned cpu, int signal)
{
    m_stop_cpu = cpu;
    m_stop_signal = signal;
    if (!std::exchange(m_running, false))
        return;
    m_cpu = cpu;
    reply(stop_text());
}

void GdbSession::exited(int status)
{
    if (std::exchange(m_running, false))
        reply(cat("W", two_digits(static_cast<unsigned>(status))));
}

std::string GdbSession::stop_text() const
{
    return cat("T", two_digits(static_cast<unsigned>(m_stop_signal)), "thread:", two_digits(m_stop_cpu + 1), ";");
}

void GdbSession::handle(std::string_view packet)
{
    auto const rest = packet.substr(std::min<std::size_t>(1, packet.size()));
    switch (packet.empty() ? '\0' : packet.front()) {
    case '?': return reply(stop_text());
    case 'g': return read_registers();
    case 'G': return write_registers(rest);
    case 'p': return read_register(rest);
    case 'P': return write_register(rest);
    case 'm': return read_memory(rest);
    case 'M': return write_memory(rest);
    case 'c': return resume_at(rest, false);
    case 's': return resume_at(rest, true);
    case 'Z': return breakpoint(rest, true);
    case 'z': return breakpoint(rest, false);
    case 'H': return choose_thread(rest);
    case 'T': return reply_done(find_cpu(rest).has_value());
    case 'k': return m_target.kill();
    case 'D':
        m_target.remove_breakpoints();
        m_target.resume(std::nullopt);
        return reply("OK");
    case 'v':
        if (rest == "Cont?")
            return reply("vCont;c;C;s;S");
        if (rest.starts_with("Cont;"))
            return resume_by_threads(rest.substr(5));
        return reply("");
    case 'q':
    case 'Q': return query(packet);
    default: return reply("");
    }
}

void GdbSession::query(std::string_view packet)
{
    if (packet.starts_with("qSupported"))
        return reply("PacketSize=1000;qXfer:features:read+;vContSupported+;QStartNoAckMode+;swbreak-;hwbreak-");
    if (packet == "QStartNoAckMode") {
        reply("OK");
        m_acks = false;
        return;
    }
    if (packet.starts_with("qXfer:features:read:target.xml:"))
        return read_features(packet.substr(packet.rfind(':') + 1));
    if (packet.starts_with("qAttached"))
        return reply("1");
    if (packet == "qC")
        return reply(cat("QC", two_digits(m_cpu + 1)));
    if (packet == "qfThreadInfo") {
        std::string list = "m";
        for (unsigned i = 0; i < m_target.cpu_count(); ++i)
            list += cat(i > 0 ? "," : "", two_digits(i + 1));
        return reply(list);
    }
    if (packet == "qsThreadInfo")
        return reply("l");
    if (packet.starts_with("qThreadExtraInfo,")) {
        auto const cpu = find_cpu(packet.substr(packet.find(',') + 1));
        auto const name = cpu ? cat("CPU#", *cpu) : std::string();
        return reply(util::to_hex({reinterpret_cast<std::uint8_t const*>(name.data()), name.size()}));
    }
    reply("");
}

void GdbSession::read_features(std::string_view range)
{
    std::string_view size_text;
    auto const offset = number(before(range, ',', size_text));
    auto const size = number(size_text);
    auto const xml = GdbLayout::xml();
    if (!offset || !size || *offset > xml.size())
        return reply_error();
    constexpr std::size_t most = max_packet / 2; // it may double
    auto const piece = xml.substr(*offset, std::min<std::uint64_t>(*size, most));
    reply(cat(*offset + piece.size() < xml.size() ? "m" : "l", escaped(piece)));
}

void GdbSession::read_registers()
{
    auto const registers = m_target.read_registers(m_cpu);
    registers ? reply(util::to_hex(GdbLayout::pack(*registers))) : reply_error();
}

void GdbSession::write_registers(std::string_view hex)
{
    auto const given = util::from_hex(hex);
    if (!given || given->size() != GdbLayout::size)
        return reply_error();
    GdbLayout::Bytes bytes{};
    std::copy(given->begin(), given->end(), bytes.begin());
    reply_done(m_target.write_registers(m_cpu, GdbLayout::unpack(bytes)));
}

void GdbSession::read_register(std::string_view text)
{
    auto const which = number(text);
    auto const place = which ? GdbLayout::find(*which) : std::nullopt;
    auto const registers = m_target.read_registers(m_cpu);
    if (!place || !registers)
        return reply_error();
    auto const bytes = GdbLayout::pack(*registers);
    reply(util::to_hex(std::span(bytes).subspan(place->offset, place->size)));
}

void GdbSession::write_register(std::string_view text)
{
    std::string_view hex;
    auto const which = number(before(text, '=', hex));
    auto const place = which ? GdbLayout::find(*which) : std::nullopt;
    auto const value = util::from_hex(hex);
    auto const registers = m_target.read_registers(m_cpu);
    if (!place || !value || value->size() != place->size || !registers)
        return reply_error();
    auto bytes = GdbLayout::pack(*registers);
    std::copy(value->begin(), value->end(), bytes.begin() + static_cast<std::ptrdiff_t>(place->offset));
    reply_done(m_target.write_registers(m_cpu, GdbLayout::unpack(bytes)));
}

void GdbSession::read_memory(std::string_view text)
{
    std::string_view size_text;
    auto const address = number(before(text, ',', size_text));
    auto const size = number(size_text);
    if (!address || !size || *size > max_packet / 2)
        return reply_error();
    std::vector<std::uint8_t> bytes(*size);
    m_target.read_memory(m_cpu, *address, bytes) ? reply(util::to_hex(bytes)) : reply("E14");
}

void GdbSession::write_memory(std::string_view text)
{
    std::string_view size_text, hex;
    auto const address = number(before(text, ',', size_text));
    auto const size = number(before(size_text, ':', hex));
    auto const bytes = util::from_hex(hex);
    if (!address || !size || !bytes || bytes->size() != *size)
        return reply_error();
    m_target.write_memory(m_cpu, *address, *bytes) ? reply("OK") : reply("E14");
}

void GdbSession::breakpoint(std::string_view text, bool insert)
{
    std::string_view rest, kind;
    auto const type = before(text, ',', rest);
    if (type != "0" && type != "1")
        return reply(""); // no watchpoints
    auto const address = number(before(rest, ',', kind));
    if (!address)
        return reply_error();
    reply_done(insert ? m_target.insert_breakpoint(*address) : m_target.remove_breakpoint(*address));
}

void GdbSession::resume_at(std::string_view address, bool step)
{
    if (!address.empty()) {
        constexpr std::size_t rip = 16;
        auto const where = number(address);
        auto registers = m_target.read_registers(m_cpu);
        if (!where || !registers)
            return reply_error();
        registers->integer[rip] = *where;
        if (!m_target.write_registers(m_cpu, *registers))
            return reply_error();
    }
    go_on(step ? std::optional(m_cpu) : std::nullopt);
}

/// Of a list such as "s:1;c", what says "step" counts: the other CPUs run meanwhile.
void GdbSession::resume_by_threads(std::string_view actions)
{
    std::optional<unsigned> step;
    while (!actions.empty()) {
        std::string_view rest, thread;
        auto const action = before(before(actions, ';', rest), ':', thread);
        auto const cpu = thread.empty() ? std::optional(m_cpu) : find_cpu(thread);
        auto const what = action.empty() ? '\0' : action.front();
        if (!cpu || std::string_view("cCsS").find(what) == std::string_view::npos || what == '\0')
            return reply_error();
        if (!step && (what == 's' || what == 'S'))
            step = cpu;
        actions = rest;
    }
    go_on(step);
}

void GdbSession::go_on(std::optional<unsigned> step)
{
    m_running = true; // what ends it may come at once
    if (m_target.resume(step) || !m_running)
        return;
    m_running = false;
    reply_error();
}

void GdbSession::choose_thread(std::string_view text)
{
    if (text.empty() || (text.front() != 'g' && text.front() != 'c'))
        return reply_error();
    auto const cpu = find_cpu(text.substr(1));
    if (!cpu)
        return reply_error();
    if (text.front() == 'g')
        m_cpu = *cpu;
    reply("OK");
}

std::optional<unsigned> GdbSession::find_cpu(std::string_view thread) const
{
    if (thread == "-1" || thread == "0")
        return m_cpu;
    auto const wanted = number(thread);
    if (!wanted || *wanted == 0 || *wanted > m_target.cpu_count())
        return std::nullopt;
    return static_cast<unsigned>(*wanted - 1);
}

} // namespace minivisor::hw
