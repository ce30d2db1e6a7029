// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/commands.hpp"

#include "hw/disassembler.hpp"
#include "qapi/schema/cpu.hpp"
#include "util/fd.hpp"
#include "util/text.hpp"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace minivisor::hw {

namespace {

using machine::page_size;

Result<accel::KvmCpu*> find_cpu(Mini* mini, std::int64_t index)
{
    auto* const kvm = mini ? mini->kvm() : nullptr;
    if (!kvm || index < 0 || static_cast<std::size_t>(index) >= kvm->cpus().size())
        return Error::generic("Parameter 'cpu-index' expects a CPU number");
    return kvm->cpus()[static_cast<std::size_t>(index)].get();
}

std::vector<qapi::CpuInfoFast> list_cpus(Mini* mini)
{
    std::vector<qapi::CpuInfoFast> list;
    auto* const kvm = mini ? mini->kvm() : nullptr;
    if (!kvm)
        return list;
    for (auto const& cpu : kvm->cpus()) {
        qapi::CpuInstanceProperties props;
        props.socket_id = 0;
        props.core_id = cpu->index();
        props.thread_id = 0;
        list.push_back({cpu->index(), cat("/machine/unattached/device[", cpu->index(), "]"), cpu->thread_id(), props,
            qapi::SysEmuTarget::x86_64});
    }
    return list;
}

using Translate = std::function<std::optional<std::uint64_t>(std::uint64_t address)>;

/// Copies memory page by page; stops where nothing is. The bytes that were read.
std::size_t read_pages(
    Translate const& translate, machine::Memory const& memory, std::uint64_t address, std::span<std::byte> into)
{
    std::size_t done = 0;
    while (done < into.size()) {
        auto const physical = translate(address + done);
        auto const in_page = page_size - (address + done) % page_size;
        auto const piece = into.subspan(done, std::min<std::size_t>(in_page, into.size() - done));
        if (!physical || !memory.read(*physical, piece))
            break;
        done += piece.size();
    }
    return done;
}

/// The same as the CPU sees it.
std::size_t read_virtual(
    accel::KvmCpu& cpu, machine::Memory const& memory, std::uint64_t address, std::span<std::byte> into)
{
    return read_pages([&cpu](std::uint64_t at) { return cpu.translate(at); }, memory, address, into);
}

Result<qapi::PhysicalMemory> read_memory(Mini* mini, machine::Memory const& memory, qapi::ReadMemoryArguments arguments)
{
    constexpr std::uint32_t limit = 1 << 20;
    if (arguments.size > limit)
        return Error::generic(cat("Parameter 'size' expects at most ", limit));
    auto* const cpu = TRY(find_cpu(mini, arguments.cpu_index));
    std::vector<std::uint8_t> bytes(arguments.size);
    mini->while_resting(
        [&] { bytes.resize(read_virtual(*cpu, memory, arguments.address, std::as_writable_bytes(std::span(bytes)))); });
    return qapi::PhysicalMemory{util::to_hex(bytes)};
}

CodeSize code_size(accel::CpuState const& state)
{
    constexpr std::uint64_t long_mode_active = 1 << 10;
    auto const flags = state.segment_flags[static_cast<std::size_t>(accel::Segment::cs)];
    if ((state.efer & long_mode_active) != 0 && (flags & accel::SegmentFlags::long_mode) != 0)
        return CodeSize::bits64;
    return (flags & accel::SegmentFlags::big) != 0 ? CodeSize::bits32 : CodeSize::bits16;
}

Result<qapi::HumanReadableText> disassemble_memory(
    Mini* mini, machine::Memory const& memory, qapi::DisassembleArguments const& arguments)
{
    constexpr std::uint32_t limit = 4096;
    if (arguments.count > limit)
        return Error::generic(cat("Parameter 'count' expects at most ", limit));
    auto* const cpu = TRY(find_cpu(mini, arguments.cpu_index));
    std::vector<std::byte> code(arguments.count * longest_instruction);
    accel::CpuState state;
    Result<void> looked;
    mini->while_resting([&] {
        looked = cpu->read_state(state);
        code.resize(arguments.physical.value_or(false)
                ? read_pages([](std::uint64_t at) { return std::optional(at); }, memory, arguments.address, code)
                : read_virtual(*cpu, memory, arguments.address, code));
    });
    TRY(std::move(looked));
    return qapi::HumanReadableText{TRY(disassemble(arguments.address, code, arguments.count, code_size(state)))};
}

/// The guest is held up while it is copied: what is written is of one moment.
Result<void> save_memory(Mini* mini, machine::Memory const& memory, qapi::MemsaveArguments const& arguments)
{
    auto* const cpu = TRY(find_cpu(mini, arguments.cpu_index.value_or(0)));
    if (arguments.size < 0)
        return Error::generic("Parameter 'size' expects a non-negative value");
    util::UniqueFd fd(open(arguments.filename.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!fd)
        return Error::system(cat("Could not open '", arguments.filename, "'"), errno);
    Result<void> saved;
    mini->while_resting([&] {
        std::vector<std::byte> buffer(1 << 20);
        auto address = static_cast<std::uint64_t>(arguments.val);
        auto left = static_cast<std::uint64_t>(arguments.size);
        while (saved && left > 0) {
            auto const piece = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), left));
            auto const got = read_virtual(*cpu, memory, address, piece);
            saved = util::write_all(fd.get(), {reinterpret_cast<char const*>(piece.data()), got});
            if (saved && got < piece.size()) {
                std::array<char, 96> text{};
                std::snprintf(text.data(), text.size(), "Invalid addr 0x%016llx/size %lld specified",
                    static_cast<unsigned long long>(address + got), static_cast<long long>(arguments.size));
                saved = Error::generic(text.data());
            }
            address += piece.size();
            left -= piece.size();
        }
    });
    return saved;
}

Result<qapi::HumanReadableText> registers_text(Mini* mini, std::optional<std::int64_t> only)
{
    if (only)
        TRY(find_cpu(mini, *only));
    std::string text;
    if (mini) {
        auto const states = TRY(mini->cpu_states());
        for (std::size_t i = 0; i < states.size(); ++i)
            if (!only || static_cast<std::size_t>(*only) == i)
                text += cat("\nCPU#", i, "\n", states[i].to_text());
    }
    return qapi::HumanReadableText{text};
}

Result<std::vector<qapi::RegisterValue>> register_values(Mini* mini, std::int64_t index)
{
    auto* const cpu = TRY(find_cpu(mini, index));
    accel::CpuState state;
    Result<void> looked;
    mini->while_resting([&] { looked = cpu->read_state(state); });
    TRY(std::move(looked));
    std::vector<qapi::RegisterValue> values;
    for (auto const& [name, value] : state.named())
        values.push_back({name, value});
    return values;
}

} // namespace

void bind_commands(qapi::Registry& registry, machine::Machine& machine, Mini* mini)
{
    auto& memory = machine.memory();
    registry.bind<qapi::QueryKvm>([mini]() -> Result<qapi::KvmInfo> {
        return qapi::KvmInfo{mini && mini->kvm(), access("/dev/kvm", F_OK) == 0};
    });
    registry.bind<qapi::QueryCpusFast>([mini]() -> Result<std::vector<qapi::CpuInfoFast>> { return list_cpus(mini); });
    registry.bind<qapi::QueryRegisters>(
        [mini](qapi::QueryRegistersArguments const& arguments) { return registers_text(mini, arguments.cpu_index); });
    registry.bind<qapi::QueryRegisterValues>([mini](qapi::QueryRegisterValuesArguments const& arguments) {
        return register_values(mini, arguments.cpu_index);
    });
    registry.bind<qapi::ReadMemory>(
        [mini, &memory](qapi::ReadMemoryArguments const& arguments) { return read_memory(mini, memory, arguments); });
    registry.bind<qapi::Disassemble>([mini, &memory](qapi::DisassembleArguments const& arguments) {
        return disassemble_memory(mini, memory, arguments);
    });
    registry.bind<qapi::Memsave>(
        [mini, &memory](qapi::MemsaveArguments const& arguments) { return save_memory(mini, memory, arguments); });
}

} // namespace minivisor::hw
