// SPDX-License-Identifier: GPL-3.0-or-later
// Any bytes from a gdb: each packet gets at most one answer, which is a packet that is right, and nothing outside of
// the two CPUs that there are is asked for. A byte 0xff stands for a stop of the guest.
#include "hw/gdb_session.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using namespace minivisor;
using fuzz::require;

class Target final : public hw::GdbTarget {
public:
    bool running = false;

    unsigned cpu_count() const override { return 2; }
    std::optional<hw::GdbRegisters> read_registers(unsigned cpu) override
    {
        look(cpu);
        return hw::GdbRegisters();
    }
    bool write_registers(unsigned cpu, hw::GdbRegisters const&) override
    {
        look(cpu);
        return true;
    }
    bool read_memory(unsigned cpu, std::uint64_t address, std::span<std::uint8_t> into) override
    {
        look(cpu);
        require(into.size() <= hw::GdbSession::max_packet, "a piece of memory fits into a packet");
        return address < 0x1000;
    }
    bool write_memory(unsigned cpu, std::uint64_t address, std::span<std::uint8_t const>) override
    {
        look(cpu);
        return address < 0x1000;
    }
    bool insert_breakpoint(std::uint64_t address) override { return address != 0; }
    bool remove_breakpoint(std::uint64_t) override { return true; }
    void remove_breakpoints() override { }
    bool resume(std::optional<unsigned> step) override
    {
        look(step.value_or(0));
        running = true;
        return true;
    }
    void stop() override { require(running, "only a guest that runs is stopped"); }
    void kill() override { }

private:
    static void look(unsigned cpu) { require(cpu < 2, "there is such a CPU"); }
};

void check_packets(std::string_view text)
{
    while (!text.empty()) {
        if (text.front() == '+' || text.front() == '-') {
            text.remove_prefix(1);
            continue;
        }
        auto const end = text.find('#');
        require(text.front() == '$' && end != text.npos && end + 2 < text.size(), "an answer is a packet",
            std::string(text));
        require(end <= hw::GdbSession::max_packet + 1, "an answer is not too long");
        unsigned sum = 0;
        for (char const c : text.substr(1, end - 1))
            sum += static_cast<unsigned char>(c);
        require(std::stoul(std::string(text.substr(end + 1, 2)), nullptr, 16) == (sum & 0xff), "its sum is right",
            std::string(text));
        text.remove_prefix(end + 3);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    Target target;
    std::string sent;
    hw::GdbSession session(target, [&sent](std::string_view bytes) { sent += bytes; });
    for (auto const c : fuzz::as_text(data, size)) {
        sent.clear();
        if (c == '\xff') {
            target.running = false;
            session.stopped(1, hw::GdbSession::trap);
        } else {
            session.feed({&c, 1});
        }
        check_packets(sent);
    }
    return 0;
}
