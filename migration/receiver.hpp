// SPDX-License-Identifier: GPL-3.0-or-later
// The destination's engine: takes one guest from one channel, blocking, on a thread that the caller
// gives it. The peer was let in by someone else; its bytes are hostile all the same. It writes to the
// channel only what the source asked for with OPEN_RETURN_PATH.
#pragma once

#include "io/channel.hpp"
#include "migration/load_log.hpp"
#include "migration/stream_reader.hpp"
#include "migration/vmstate.hpp"
#include "util/result.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace minivisor::migration {

class RamLoad;

/// How many bytes tell a migration stream from something else.
inline constexpr std::size_t header_size = 8;
/// Whether a stream that begins with these bytes (header_size of them) can be loaded; QEMU's sentence if not.
Result<void> check_header(std::span<std::byte const> header);

/// Called on the receiver's thread; any may be missing.
struct ReceiverHooks {
    /// The header was right: a migration has begun, and machine and memory will change.
    std::function<void()> on_begin;
    /// All is loaded; with the run state of the source's guest ("" if it sent none). What this refuses
    /// has failed. The source is told only afterwards that its guest is here.
    std::function<Result<void>(std::string const& run_state)> on_loaded;
};

struct ReceiverOptions {
    /// Tell a source that opens a return path that it may stop its guest (capability switchover-ack): no device here
    /// has to be made ready before.
    bool switchover_ack = false;
};

struct LoadResult {
    enum class Outcome {
        loaded,
        /// No migration stream; nothing was touched.
        stranger,
        /// Memory and devices hold a part of a guest; they are to be reset before another try.
        failed,
        cancelled,
    };
    Outcome outcome = Outcome::failed;
    /// Why, in one sentence; not set when loaded.
    std::optional<Error> error;
    /// What QEMU prints on standard error, without the program's name; may hold warnings when loaded.
    std::vector<std::string> lines;
    std::string run_state;
};

/// Used once. `vm`'s parts and the channel outlive it.
class Receiver {
public:
    /// `first`: bytes that were read from the channel already, at most 4096.
    Receiver(VmView vm, io::Channel& channel, ReceiverHooks hooks, std::span<std::byte const> first = {},
        ReceiverOptions options = {});
    ~Receiver();
    Receiver(Receiver const&) = delete;
    Receiver& operator=(Receiver const&) = delete;

    LoadResult run();
    /// From any thread, at any time; run() returns soon. Never blocks.
    void cancel();

private:
    struct Section {
        std::string idstr;
        std::uint32_t instance_id = 0;
        std::uint32_t version = 0;
    };

    Result<void> load();
    Result<void> load_configuration();
    Result<void> load_configuration_part(std::string const& name, std::uint32_t version);
    Result<void> load_capabilities();
    Result<void> load_sections();
    Result<void> load_full_section();
    Result<void> load_section_part(Mark mark);
    Result<void> load_section_data(Section const& section);
    Result<void> load_footer(std::uint32_t section_id, std::string const& idstr);
    Result<void> load_command();
    Result<void> check_complete();
    void skip_description();
    Result<void> answer(Answer answer, std::optional<std::uint32_t> value = {});

    VmView m_vm;
    io::Channel& m_channel;
    ReceiverHooks m_hooks;
    ReceiverOptions m_options;
    StreamReader m_reader;
    LoadLog m_log;
    std::unique_ptr<RamLoad> m_ram;
    /// By section id, as the stream introduced them.
    std::map<std::uint32_t, Section> m_sections;
    bool m_begun = false;
    bool m_ram_ended = false;
    bool m_return_path = false;
    std::atomic<bool> m_cancelled{false};
};

} // namespace minivisor::migration
