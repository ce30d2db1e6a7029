// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/gdb_session.hpp"
#include "util/text.hpp"

#include <catch2/catch.hpp>

#include <vector>

namespace minivisor::hw {
namespace {

/// Two CPUs and 16 bytes of memory; notes what is asked of it.
class Target final : public GdbTarget {
public:
    std::array<GdbRegisters, 2> registers;
    std::array<std::uint8_t, 16> memory{};
    std::string notes;

    unsigned cpu_count() const override { return 2; }
    std::optional<GdbRegisters> read_registers(unsigned cpu) override { return registers.at(cpu); }
    bool write_registers(unsigned cpu, GdbRegisters const& wanted) override
    {
        registers.at(cpu) = wanted;
        return true;
    }
    bool read_memory(unsigned, std::uint64_t address, std::span<std::uint8_t> into) override
    {
        if (address + into.size() > memory.size())
            return false;
        std::copy_n(memory.begin() + static_cast<std::ptrdiff_t>(address), into.size(), into.begin());
        return true;
    }
    bool write_memory(unsigned, std::uint64_t address, std::span<std::uint8_t const> from) override
    {
        if (address + from.size() > memory.size())
            return false;
        std::copy(from.begin(), from.end(), memory.begin() + static_cast<std::ptrdiff_t>(address));
        return true;
    }
    bool insert_breakpoint(std::uint64_t address) override
    {
        notes += cat(" +", address);
        return address != 0;
    }
    bool remove_breakpoint(std::uint64_t address) override
    {
        notes += cat(" -", address);
        return true;
    }
    void remove_breakpoints() override { notes += " clear"; }
    bool resume(std::optional<unsigned> step) override
    {
        notes += step ? cat(" step", *step) : std::string(" run");
        return true;
    }
    void stop() override { notes += " stop"; }
    void kill() override { notes += " kill"; }
};

struct Talk {
    Target target;
    std::string sent;
    GdbSession session{target, [this](std::string_view bytes) { sent += bytes; }};

    std::string take() { return std::exchange(sent, {}); }
    /// What is answered to a packet, without sums.
    std::string ask(std::string_view text)
    {
        unsigned sum = 0;
        for (char const c : text)
            sum += static_cast<unsigned char>(c);
        std::array<std::uint8_t, 1> const byte{static_cast<std::uint8_t>(sum)};
        session.feed(cat("$", text, "#", util::to_hex(byte)));
        auto answer = take();
        CHECK(answer.starts_with('+'));
        answer.erase(0, 1);
        if (!answer.empty()) {
            CHECK(answer.starts_with('$'));
            answer = answer.substr(1, answer.size() - 4);
        }
        return answer;
    }
};

} // namespace

TEST_CASE("gdb: packets are taken in pieces; a wrong sum is refused, and what was not understood is said again")
{
    Talk talk;
    talk.session.feed("+$q");
    talk.session.feed("C");
    talk.session.feed("#b");
    CHECK(talk.take().empty());
    talk.session.feed("4");
    CHECK(talk.take() == "+$QC01#f5");
    talk.session.feed("-");
    CHECK(talk.take() == "$QC01#f5");
    talk.session.feed("$qC#b5");
    CHECK(talk.take() == "-");
    talk.session.feed("$qC#xx");
    CHECK(talk.take() == "-");
}

TEST_CASE("gdb: a packet that is too long is refused, and the next one is taken")
{
    Talk talk;
    CHECK(talk.ask(std::string(GdbSession::max_packet + 1, 'm')) == "E22");
    CHECK(talk.ask("qC") == "QC01");
}

TEST_CASE("gdb: after QStartNoAckMode nothing is acknowledged")
{
    Talk talk;
    CHECK(talk.ask("QStartNoAckMode") == "OK");
    talk.session.feed("$qC#b4");
    CHECK(talk.take() == "$QC01#f5");
}

TEST_CASE("gdb: what is not known gets the empty answer")
{
    Talk talk;
    for (auto const* packet : {"vMustReplyEmpty", "qTStatus", "X0,0:", "!", "Z2,1,1", "bs", ""})
        CHECK(talk.ask(packet) == "");
}

TEST_CASE("gdb: registers are read and written, one and all, of the chosen thread")
{
    Talk talk;
    talk.target.registers[0].integer[16] = 0x7c00;
    talk.target.registers[1].integer[0] = 0x1122334455667788;
    talk.target.registers[0].mxcsr = 0x1f80;
    auto const all = talk.ask("g");
    CHECK(all.size() == 2 * GdbLayout::size);
    CHECK(all.substr(2 * 16 * 8, 16) == "007c000000000000");
    CHECK(all.ends_with("801f0000"));
    CHECK(talk.ask("p10") == "007c000000000000");
    CHECK(talk.ask("p38") == "801f0000");
    CHECK(talk.ask("p39") == "E22");
    CHECK(talk.ask("Hg2") == "OK");
    CHECK(talk.ask("p0") == "8877665544332211");
    CHECK(talk.ask("P0=0100000000000000") == "OK");
    CHECK(talk.target.registers[1].integer[0] == 1);
    CHECK(talk.ask("P0=01") == "E22");
    CHECK(talk.ask("Hg3") == "E22");
    auto const before = talk.target.registers[1];
    CHECK(talk.ask("G" + talk.ask("g")) == "OK");
    CHECK(talk.target.registers[1] == before);
    CHECK(talk.ask("G00") == "E22");
}

TEST_CASE("gdb: memory is read and written; what is not there is an error")
{
    Talk talk;
    CHECK(talk.ask("M2,3:aabbcc") == "OK");
    CHECK(talk.ask("m1,5") == "00aabbcc00");
    CHECK(talk.ask("m10,1") == "E14");
    CHECK(talk.ask("Mf,2:0000") == "E14");
    CHECK(talk.ask("M2,3:aabb") == "E22");
    CHECK(talk.ask("m0,ffffffffffffffff") == "E22");
    CHECK(talk.ask("m0") == "E22");
}

TEST_CASE("gdb: the guest runs until it stops, and only an interrupt is heard meanwhile")
{
    Talk talk;
    CHECK(talk.ask("?") == "T05thread:01;");
    CHECK(talk.ask("Z0,7c00,1") == "OK");
    CHECK(talk.ask("Z1,0,1") == "E22");
    CHECK(talk.ask("vCont;c") == "");
    CHECK(talk.ask("g") == "");
    talk.session.feed("\x03");
    CHECK(talk.target.notes == " +31744 +0 run stop");
    talk.session.stopped(1, GdbSession::interrupt);
    CHECK(talk.take() == "$T02thread:02;#05");
    talk.session.stopped(1, GdbSession::interrupt); // the client waits for nothing
    CHECK(talk.take().empty());
    talk.target.notes.clear();
    CHECK(talk.ask("vCont;s:2;c") == "");
    talk.session.stopped(1, GdbSession::trap);
    talk.take();
    CHECK(talk.ask("s") == "");
    talk.session.stopped(0, GdbSession::trap);
    talk.take();
    CHECK(talk.ask("z0,7c00,1") == "OK");
    CHECK(talk.ask("c1000") == "");
    CHECK(talk.target.registers[0].integer[16] == 0x1000);
    talk.session.exited(0);
    CHECK(talk.take() == "$W00#b7");
    CHECK(talk.target.notes == " step1 step1 -31744 run");
}

TEST_CASE("gdb: who detaches leaves no breakpoint")
{
    Talk talk;
    CHECK(talk.ask("D") == "OK");
    CHECK(talk.target.notes == " clear run");
    CHECK(talk.ask("k") == "");
    CHECK(talk.target.notes == " clear run kill");
}

TEST_CASE("gdb: the description of the target comes in pieces that fit")
{
    Talk talk;
    std::string whole, piece;
    do {
        piece = talk.ask(cat("qXfer:features:read:target.xml:", util::hex(whole.size()), ",ffb"));
        REQUIRE((piece.starts_with('m') || piece.starts_with('l')));
        CHECK(piece.size() <= GdbSession::max_packet);
        whole += piece.substr(1);
    } while (piece.starts_with('m'));
    CHECK(whole == GdbLayout::xml());
    CHECK(talk.ask("qXfer:features:read:target.xml:ffffff,ffb") == "E22");
    CHECK(talk.ask("qXfer:features:read:other.xml:0,ffb") == "");
}

} // namespace minivisor::hw
