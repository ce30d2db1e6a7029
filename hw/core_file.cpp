// SPDX-License-Identifier: GPL-3.0-or-later
#include "hw/core_file.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <elf.h>
#include <poll.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <unistd.h>

namespace minivisor::hw {

namespace {

template <typename T>
std::string_view as_text(T const& object)
{
    return {reinterpret_cast<char const*>(&object), sizeof(object)};
}

void append_note(std::string& notes, std::string_view name, std::uint32_t type, std::string_view content)
{
    auto const pad = [&notes] { notes.resize((notes.size() + 3) / 4 * 4); };
    Elf64_Nhdr header{};
    header.n_namesz = static_cast<Elf64_Word>(name.size() + 1);
    header.n_descsz = static_cast<Elf64_Word>(content.size());
    header.n_type = type;
    notes += as_text(header);
    notes.append(name).push_back('\0');
    pad();
    notes += content;
    pad();
}

/// As the kernel notes the threads of a process: they are numbered from 1.
elf_prstatus prstatus_of(CpuRegisters const& cpu, std::size_t index)
{
    elf_prstatus status{};
    status.pr_pid = static_cast<int>(index + 1);
    std::uint64_t const values[] = {cpu.r15, cpu.r14, cpu.r13, cpu.r12, cpu.rbp, cpu.rbx, cpu.r11, cpu.r10, cpu.r9,
        cpu.r8, cpu.rax, cpu.rcx, cpu.rdx, cpu.rsi, cpu.rdi, cpu.rax, cpu.rip, cpu.cs.selector, cpu.rflags, cpu.rsp,
        cpu.ss.selector, cpu.fs.base, cpu.gs.base, cpu.ds.selector, cpu.es.selector, cpu.fs.selector, cpu.gs.selector};
    static_assert(sizeof(values) == sizeof(status.pr_reg));
    std::memcpy(&status.pr_reg, values, sizeof(values));
    return status;
}

/// What QEMU adds to each CPU, for tools that look for it: version 1 of its "QEMU" note.
struct SystemRegisters {
    struct Segment {
        std::uint32_t selector, limit, flags, unused;
        std::uint64_t base;
    };
    std::uint32_t version, size;
    std::uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags;
    Segment cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt;
    std::uint64_t cr[5];
    std::uint64_t kernel_gs_base;
};
static_assert(sizeof(SystemRegisters) == 440);

SystemRegisters system_registers_of(CpuRegisters const& cpu)
{
    auto const segment = [](CpuSegment const& from) {
        return SystemRegisters::Segment{from.selector, from.limit, from.flags, 0, from.base};
    };
    return {1, sizeof(SystemRegisters), cpu.rax, cpu.rbx, cpu.rcx, cpu.rdx, cpu.rsi, cpu.rdi, cpu.rsp, cpu.rbp, cpu.r8,
        cpu.r9, cpu.r10, cpu.r11, cpu.r12, cpu.r13, cpu.r14, cpu.r15, cpu.rip, cpu.rflags, segment(cpu.cs),
        segment(cpu.ds), segment(cpu.es), segment(cpu.fs), segment(cpu.gs), segment(cpu.ss), segment(cpu.ldt),
        segment(cpu.tr), segment(cpu.gdt), segment(cpu.idt), {cpu.cr[0], cpu.cr[1], cpu.cr[2], cpu.cr[3], cpu.cr[4]},
        cpu.kernel_gs_base};
}

Error failed(std::string_view what, int errno_value) { return Error::system(what, errno_value).context("dump"); }

/// Writes all of it. A descriptor that never takes more is looked at again and again for `stop`.
Result<void> write_all(int fd, std::span<char const> bytes, std::string_view what, std::atomic<bool> const& stop)
{
    struct stat status { };
    bool const never_full = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    std::size_t const most = never_full ? 1 << 20 : PIPE_BUF; // that much does not block once poll() has said so
    while (!bytes.empty()) {
        if (stop)
            return failed(what, ECANCELED);
        constexpr int moment = 100; // milliseconds
        pollfd ready{fd, POLLOUT, 0};
        if (poll(&ready, 1, moment) == 0)
            continue;
        auto const count = ::write(fd, bytes.data(), std::min(bytes.size(), most));
        if (count < 0 && errno != EINTR && errno != EAGAIN)
            return failed(what, errno);
        bytes = bytes.subspan(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    }
    return {};
}

} // namespace

CoreFile::CoreFile(
    machine::Memory const& memory, std::optional<CoreFilter> filter, std::vector<CpuRegisters> const& cpus)
{
    for (auto const& region : memory.regions()) {
        auto bytes = std::span<std::byte const>(region.bytes());
        auto address = region.guest_address;
        if (filter) {
            auto const end = filter->begin + std::min(filter->length, ~filter->begin);
            auto const from = std::max(address, filter->begin);
            auto const to = std::min(region.end(), end);
            if (from >= to)
                continue;
            bytes = bytes.subspan(static_cast<std::size_t>(from - address), static_cast<std::size_t>(to - from));
            address = from;
        }
        m_loads.push_back({address, bytes});
        m_memory_size += bytes.size();
    }
    std::sort(m_loads.begin(), m_loads.end(), [](auto const& a, auto const& b) { return a.address < b.address; });
    for (std::size_t i = 0; i < cpus.size(); ++i)
        append_note(m_notes, "CORE", NT_PRSTATUS, as_text(prstatus_of(cpus[i], i)));
    for (auto const& cpu : cpus)
        append_note(m_notes, "QEMU", 0, as_text(system_registers_of(cpu)));
}

std::string CoreFile::headers() const
{
    Elf64_Ehdr file{};
    std::memcpy(file.e_ident, ELFMAG, SELFMAG);
    file.e_ident[EI_CLASS] = ELFCLASS64;
    file.e_ident[EI_DATA] = ELFDATA2LSB;
    file.e_ident[EI_VERSION] = EV_CURRENT;
    file.e_type = ET_CORE;
    file.e_machine = EM_X86_64;
    file.e_version = EV_CURRENT;
    file.e_phoff = sizeof(file);
    file.e_ehsize = sizeof(file);
    file.e_phentsize = sizeof(Elf64_Phdr);
    file.e_phnum = static_cast<Elf64_Half>(m_loads.size() + 1);
    std::string text(as_text(file));
    auto offset = sizeof(file) + (m_loads.size() + 1) * sizeof(Elf64_Phdr);
    Elf64_Phdr note{};
    note.p_type = PT_NOTE;
    note.p_offset = offset;
    note.p_filesz = note.p_memsz = m_notes.size();
    text += as_text(note);
    offset += m_notes.size();
    for (auto const& load : m_loads) {
        Elf64_Phdr header{};
        header.p_type = PT_LOAD;
        header.p_offset = offset;
        header.p_vaddr = header.p_paddr = load.address;
        header.p_filesz = header.p_memsz = load.bytes.size();
        header.p_flags = PF_R | PF_W | PF_X;
        text += as_text(header);
        offset += load.bytes.size();
    }
    return text + m_notes;
}

Result<void> CoreFile::write(int fd, std::atomic<std::uint64_t>& done, std::atomic<bool> const& stop) const
{
    auto const text = headers();
    TRY(write_all(fd, text, "failed to write elf header", stop));
    constexpr std::size_t piece = 1 << 20;
    for (auto const& load : m_loads) {
        for (std::size_t at = 0; at < load.bytes.size(); at += piece) {
            auto const bytes = load.bytes.subspan(at, std::min(piece, load.bytes.size() - at));
            TRY(write_all(
                fd, {reinterpret_cast<char const*>(bytes.data()), bytes.size()}, "failed to save memory", stop));
            done += bytes.size();
        }
    }
    return {};
}

} // namespace minivisor::hw
