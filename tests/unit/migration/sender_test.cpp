// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/sender.hpp"

#include "migration/return_path.hpp"
#include "tests/unit/migration/support.hpp"

#include <thread>

using namespace minivisor;
using namespace minivisor::migration;
using namespace minivisor::migration::test;
using Outcome = SendResult::Outcome;
using Use = SenderOptions::ReturnPathUse;
using std::chrono::milliseconds;

namespace {

/// A guest that writes some pages each time the log is looked at, so many times: on the sender's thread.
class BusyGuest : public machine::DirtyLogSource {
public:
    BusyGuest(TestVm& vm, int times)
        : m_vm(vm)
        , m_times(times)
    {
        vm.memory.set_dirty_log_source(this);
    }
    Result<void> start_dirty_log() override { return {}; }
    void stop_dirty_log() override { stopped = true; }
    void collect_dirty() override
    {
        if (m_times-- <= 0)
            return;
        for (std::size_t page = 0; page < m_vm.ram->pages(); page += 5) {
            m_vm.ram->data()[page * page_size + 9] = static_cast<std::byte>(m_times + 1);
            m_vm.ram->mark_pages(page, 1);
        }
    }
    bool stopped = false;

private:
    TestVm& m_vm;
    int m_times;
};

/// Sends a guest to whatever `peer` does with the other end, each on a thread.
struct Sending {
    explicit Sending(TestVm& vm, SenderOptions options = {}, SenderHooks hooks = stops_at_once())
        : channels(socket_pair())
        , sender(vm.view, *channels.first, limits, options, std::move(hooks))
    {
        limits.max_bandwidth = 0;
    }
    ~Sending()
    {
        if (!thread.joinable())
            return;
        sender.cancel();
        thread.join();
    }
    void start()
    {
        thread = std::thread([this] { result = sender.run(); });
    }
    SendResult const& join()
    {
        thread.join();
        return result;
    }
    io::FdChannel& peer() { return *channels.second; }
    void answer(Answer answer, std::uint32_t value)
    {
        auto message = encode_answer(answer, value);
        iovec const piece{message.data(), message.size()};
        REQUIRE(peer().write({&piece, 1}));
    }
    /// Reads until `text` has come.
    void read_until(std::string_view text)
    {
        std::array<std::byte, 65536> buffer;
        while (received.find(text, received.size() - std::min(received.size(), last)) == std::string::npos) {
            last = peer().read(buffer).value();
            REQUIRE(last > 0);
            received.append(reinterpret_cast<char const*>(buffer.data()), last);
            last += text.size();
        }
    }

    std::pair<std::unique_ptr<io::FdChannel>, std::unique_ptr<io::FdChannel>> channels;
    SenderLimits limits;
    Sender sender;
    std::thread thread;
    SendResult result;
    std::string received;
    std::size_t last = 0;
};

std::string const ping_1 = Bytes().command(2, Bytes().be32(1)).str();
std::string const ping_2 = Bytes().command(2, Bytes().be32(2)).str();
constexpr auto at_the_end = "\"runstate\", \"type\": \"buffer\", \"size\": 100}]}]}";

} // namespace

TEST_CASE("a guest arrives whole, over every way of asking for the word")
{
    for (auto use : {Use::never, Use::automatic, Use::always}) {
        TestVm source(2000);
        TestVm target(2000);
        source.fill(2);
        target.fill(3);
        source.timer.cpu_clock_offset = 123456789;
        BusyGuest guest(source, 4);
        Sending sending(source, {.return_path = use});
        sending.limits.downtime_limit_ms = 0;
        Receiver receiver(target.view, sending.peer(), {});
        sending.start();
        auto const loaded = receiver.run();
        auto const& sent = sending.join();
        CHECK(sent.outcome == Outcome::completed);
        CHECK_FALSE(sent.error);
        CHECK(sent.guest_stopped);
        CHECK(loaded.outcome == LoadResult::Outcome::loaded);
        CHECK(loaded.run_state == "running");
        CHECK(loaded.lines.empty());
        CHECK(target.timer.cpu_clock_offset == 123456789);
        CHECK(target.same_memory(source));
        CHECK(guest.stopped);
    }
}

TEST_CASE("with switchover-ack, two ends of ours agree at once, and a machine without RAM waits as well")
{
    for (std::size_t const pages : {0u, 100u}) {
        TestVm source(pages);
        TestVm target(pages);
        Sending sending(source, {.return_path = Use::always, .switchover_ack = true});
        Receiver receiver(target.view, sending.peer(), {}, {}, {.switchover_ack = true});
        sending.start();
        CHECK(receiver.run().outcome == LoadResult::Outcome::loaded);
        CHECK(sending.join().outcome == Outcome::completed);
    }
}

TEST_CASE("with switchover-ack, a destination that goes away instead has not had the guest stopped")
{
    for (auto const value : {0u, 1u}) {
        TestVm vm(100);
        Sending sending(vm, {.return_path = Use::always, .switchover_ack = true});
        sending.start();
        sending.answer(Answer::shut, value);
        auto const& sent = sending.join();
        CHECK(sent.outcome == Outcome::failed);
        CHECK_FALSE(sent.guest_stopped);
    }
}

TEST_CASE("with switchover-ack, nothing is sent to where nothing can come back from")
{
    TestVm vm(100);
    ScriptChannel channel;
    SenderLimits limits;
    Sender sender(vm.view, channel, limits, {.return_path = Use::always, .switchover_ack = true}, stops_at_once());
    auto const sent = sender.run();
    CHECK(sent.outcome == Outcome::failed);
    CHECK(sent.error->desc() == "Capability 'switchover-ack' is on, and nothing can come back from there");
    CHECK(channel.written.empty());
}

TEST_CASE("the counters tell what really went over the channel")
{
    TestVm vm(300);
    vm.fill(1);
    ScriptChannel channel;
    SenderLimits limits;
    std::vector<SendPhase> phases;
    auto hooks = stops_at_once("paused");
    hooks.on_phase = [&](SendPhase phase) { phases.push_back(phase); };
    Sender sender(vm.view, channel, limits, {}, hooks);
    auto const& progress = sender.progress();
    CHECK(progress.total_ms() == 0);
    CHECK(sender.run().outcome == Outcome::completed);
    CHECK(phases == std::vector{SendPhase::active});
    CHECK(progress.transferred == channel.written.size());
    CHECK(progress.precopy_bytes() + progress.downtime_bytes() == channel.written.size());
    CHECK(progress.downtime_bytes() > 500);
    CHECK(progress.total == 300 * page_size);
    CHECK(progress.remaining == 0);
    CHECK(progress.normal == 200);
    CHECK(progress.duplicate == 100);
    CHECK(progress.dirty_sync_count >= 2);
    CHECK(progress.mbps > 0);
    CHECK(progress.downtime_ms <= progress.total_ms());
}

TEST_CASE("the bandwidth limit holds until the guest stands still")
{
    TestVm source(60);
    TestVm target(60);
    source.fill(1);
    Sending sending(source);
    // 40 pages with content: 160 KiB, in a quarter of a second or so.
    sending.limits.max_bandwidth = 640 << 10;
    Receiver receiver(target.view, sending.peer(), {});
    sending.start();
    CHECK(receiver.run().outcome == LoadResult::Outcome::loaded);
    CHECK(sending.join().outcome == Outcome::completed);
    auto const ms = sending.sender.progress().total_ms();
    CHECK(ms >= 200);
    CHECK(ms < 2000);
    CHECK(target.same_memory(source));
}

TEST_CASE("cancelling works at every stage before the end, and the guest can run on")
{
    TestVm source(2000);
    source.fill(1);
    SECTION("while memory is sent to a peer that does not read")
    {
        Sending sending(source);
        sending.start();
        sending.read_until(ping_1);
        sending.sender.cancel();
        CHECK(sending.join().outcome == Outcome::cancelled);
        CHECK_FALSE(sending.result.guest_stopped);
    }
    SECTION("while the bandwidth is waited for")
    {
        Sending sending(source);
        sending.limits.max_bandwidth = 1;
        sending.start();
        sending.read_until(ping_1);
        sending.sender.cancel();
        CHECK(sending.join().outcome == Outcome::cancelled);
    }
    SECTION("before it began")
    {
        Sending sending(source);
        sending.sender.cancel();
        sending.start();
        CHECK(sending.join().outcome == Outcome::cancelled);
    }
    SECTION("while the guest is being stopped, which ends later")
    {
        TestVm small(0);
        SenderHooks::StopDone late;
        std::atomic<bool> asked{false};
        Sending sending(small, {.return_path = Use::never}, {.stop_guest = [&](SenderHooks::StopDone done) {
            late = std::move(done);
            asked = true;
        }});
        sending.start();
        while (!asked)
            std::this_thread::yield();
        sending.sender.cancel();
        CHECK(sending.join().outcome == Outcome::cancelled);
        late(std::string("running"));
    }
    SECTION("in the pause before the switchover")
    {
        TestVm small(0);
        auto hooks = stops_at_once();
        std::atomic<bool> paused{false};
        hooks.on_phase = [&](SendPhase phase) { paused = paused || phase == SendPhase::pre_switchover; };
        Sending sending(small, {.return_path = Use::never, .pause_before_switchover = true}, hooks);
        sending.start();
        while (!paused)
            std::this_thread::yield();
        sending.sender.cancel();
        CHECK(sending.join().outcome == Outcome::cancelled);
        CHECK(sending.result.guest_stopped);
    }
}

TEST_CASE("the pause before the switchover lasts until it is continued")
{
    TestVm source(10);
    TestVm target(10);
    source.fill(4);
    auto hooks = stops_at_once();
    std::vector<SendPhase> phases;
    Sending* waiting = nullptr;
    hooks.on_phase = [&](SendPhase phase) {
        phases.push_back(phase);
        if (phase == SendPhase::pre_switchover)
            waiting->sender.continue_switchover();
    };
    Sending sending(source, {.pause_before_switchover = true}, hooks);
    waiting = &sending;
    sending.start();
    CHECK(Receiver(target.view, sending.peer(), {}).run().outcome == LoadResult::Outcome::loaded);
    CHECK(sending.join().outcome == Outcome::completed);
    CHECK(phases == std::vector{SendPhase::active, SendPhase::pre_switchover, SendPhase::device});
}

TEST_CASE("a guest that cannot be stopped is not moved")
{
    TestVm vm(0);
    Sending sending(vm, {.return_path = Use::never},
        {.stop_guest = [](SenderHooks::StopDone done) { done(Error::generic("it will not stop")); }});
    sending.start();
    CHECK(sending.join().outcome == Outcome::failed);
    CHECK(sending.result.error->desc() == "it will not stop");
    CHECK_FALSE(sending.result.guest_stopped);
}

TEST_CASE("a destination that refuses early never has the guest stopped")
{
    TestVm source(10);
    TestVm target(20);
    Sending sending(source);
    sending.start();
    auto const loaded = Receiver(target.view, sending.peer(), {}).run();
    CHECK(loaded.error->desc() == "Size mismatch: ram: 0xa000 != 0x14000: Invalid argument");
    CHECK(sending.join().outcome == Outcome::failed);
    CHECK(sending.result.error->desc() == "The destination could not load the guest (error 1)");
    CHECK_FALSE(sending.result.guest_stopped);
}

TEST_CASE("a peer that goes away before the end is a failure, and the guest runs on")
{
    TestVm source(2000);
    source.fill(1);
    SECTION("without return path, in QEMU's words")
    {
        Sending sending(source, {.return_path = Use::never});
        sending.channels.second.reset();
        sending.start();
        CHECK(sending.join().outcome == Outcome::failed);
        CHECK(sending.result.error->desc() == "Unable to write to socket: Broken pipe");
    }
    SECTION("with return path, leaving bytes unread")
    {
        Sending sending(source);
        sending.start();
        std::array<std::byte, 10> some;
        REQUIRE(sending.peer().read(some).value() == 10);
        sending.channels.second.reset();
        CHECK(sending.join().outcome == Outcome::failed);
        // The kernel tells of the reset once: to the reader, or to the writer, and then the reader finds an end.
        auto const& desc = sending.result.error->desc();
        CHECK((desc == "Unable to read from socket: Connection reset by peer"
            || desc == "The destination closed the connection before it said that it has the guest"));
        CHECK_FALSE(sending.result.guest_stopped);
    }
    SECTION("in good order")
    {
        TestVm small(0);
        Sending sending(small);
        sending.start();
        sending.read_until(ping_1);
        sending.peer().close_write();
        CHECK(sending.join().outcome == Outcome::failed);
        CHECK(sending.result.error->desc()
            == "The destination closed the connection before it said that it has the guest");
        CHECK_FALSE(sending.result.guest_stopped);
    }
    SECTION("after words that nobody asked for")
    {
        Sending sending(source);
        sending.start();
        sending.read_until(ping_1);
        auto text = Bytes().be16(0x77).be16(4).be32(1).str();
        iovec const piece{text.data(), text.size()};
        REQUIRE(sending.peer().write({&piece, 1}));
        CHECK(sending.join().outcome == Outcome::failed);
        CHECK(sending.result.error->desc() == "RP: Received invalid message 0x77 length 0x4");
    }
    SECTION("saying that it has everything when it cannot")
    {
        TestVm small(0);
        Sending sending(small);
        sending.start();
        sending.read_until(ping_1);
        sending.answer(Answer::shut, 0);
        CHECK(sending.join().outcome == Outcome::failed);
        CHECK_FALSE(sending.result.guest_stopped);
    }
}

TEST_CASE("once the last byte is sent only the destination's word decides")
{
    TestVm vm(0);
    Sending sending(vm);
    sending.start();
    sending.read_until(ping_1);
    sending.answer(Answer::pong, 1);
    sending.read_until(ping_2);
    sending.answer(Answer::pong, 2);
    sending.read_until(at_the_end);
    SECTION("it has the guest")
    {
        sending.answer(Answer::shut, 0);
        CHECK(sending.join().outcome == Outcome::completed);
    }
    SECTION("it has it not")
    {
        sending.answer(Answer::shut, 5);
        CHECK(sending.join().outcome == Outcome::failed);
        CHECK(sending.result.error->desc() == "The destination could not load the guest (error 5)");
        CHECK(sending.result.guest_stopped);
    }
    SECTION("it is gone without a word")
    {
        sending.channels.second.reset();
        CHECK(sending.join().outcome == Outcome::unknown);
        CHECK(sending.result.error->desc()
            == "The outcome of the migration is unknown, the destination may run the guest: "
               "The destination closed the connection before it said that it has the guest");
    }
    SECTION("someone cancels while it is awaited")
    {
        sending.sender.cancel();
        CHECK(sending.join().outcome == Outcome::unknown);
    }
}

TEST_CASE("a peer that does not speak the return path is believed when nobody insists")
{
    TestVm vm(0);
    SECTION("it takes all and closes")
    {
        Sending sending(vm, {.patience = milliseconds(1)});
        sending.start();
        sending.read_until(at_the_end);
        sending.channels.second.reset();
        CHECK(sending.join().outcome == Outcome::completed);
    }
    SECTION("it takes all and is silent")
    {
        Sending sending(vm, {.patience = milliseconds(1)});
        sending.start();
        sending.read_until(at_the_end);
        CHECK(sending.join().outcome == Outcome::completed);
    }
    SECTION("it must answer when somebody insists")
    {
        Sending sending(vm, {.return_path = Use::always, .patience = milliseconds(1)});
        sending.start();
        sending.read_until(at_the_end);
        sending.channels.second.reset();
        CHECK(sending.join().outcome == Outcome::unknown);
    }
    SECTION("a late answer counts")
    {
        Sending sending(vm, {.return_path = Use::always, .patience = milliseconds(1)});
        sending.start();
        sending.read_until(at_the_end);
        sending.answer(Answer::shut, 0);
        CHECK(sending.join().outcome == Outcome::completed);
    }
}
