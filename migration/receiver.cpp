// SPDX-License-Identifier: GPL-3.0-or-later
#include "migration/receiver.hpp"

#include "migration/ram_load.hpp"
#include "migration/return_path.hpp"
#include "util/text.hpp"
#include "util/trace.hpp"

#include <cerrno>

namespace minivisor::migration {

namespace {

// A stream introduces each device once; QEMU's largest machines have some hundreds.
constexpr std::size_t most_sections = 4096;

} // namespace

Result<void> check_header(std::span<std::byte const> header)
{
    if (header.size() < header_size || load_be32(header.data()) != file_magic)
        return Error::generic("Not a migration stream");
    auto const version = load_be32(header.data() + 4);
    if (version == obsolete_file_version)
        return Error::generic("SaveVM v2 format is obsolete and don't work anymore");
    if (version != file_version)
        return Error::generic("Unsupported migration stream version");
    return {};
}

Receiver::Receiver(
    VmView vm, io::Channel& channel, ReceiverHooks hooks, std::span<std::byte const> first, ReceiverOptions options)
    : m_vm(std::move(vm))
    , m_channel(channel)
    , m_hooks(std::move(hooks))
    , m_options(options)
    , m_reader(channel, first)
    , m_ram(std::make_unique<RamLoad>(*m_vm.memory, m_reader, m_log))
{
}

Receiver::~Receiver() = default;

void Receiver::cancel()
{
    m_cancelled.store(true);
    m_channel.cancel();
}

LoadResult Receiver::run()
{
    using Outcome = LoadResult::Outcome;
    auto loaded = load();
    LoadResult result;
    result.run_state = m_vm.global_state->name();
    if (loaded && m_hooks.on_loaded) {
        loaded = m_hooks.on_loaded(result.run_state);
        if (!loaded)
            m_log.refuse(loaded.error().desc());
    }
    if (loaded) {
        result.outcome = Outcome::loaded;
        // The guest is here whatever becomes of this word; without it the source's operator decides.
        answer(Answer::shut, 0).ignore("the source may be gone");
    } else {
        result.outcome = m_cancelled ? Outcome::cancelled : m_begun ? Outcome::failed : Outcome::stranger;
        result.error = std::move(loaded).error();
        m_log.finish();
        if (!m_cancelled)
            answer(Answer::shut, 1).ignore("the source may be gone");
    }
    result.lines = m_log.lines();
    return result;
}

Result<void> Receiver::answer(Answer answer, std::optional<std::uint32_t> value)
{
    if (!m_return_path || !m_channel.two_way())
        return {};
    auto message = encode_answer(answer, value);
    iovec const piece{message.data(), message.size()};
    return m_channel.write({&piece, 1});
}

Result<void> Receiver::load()
{
    auto header = TRY(m_reader.peek(header_size));
    auto const checked = check_header(header);
    if (!checked)
        return m_log.refuse(
            checked.error().desc() == "Not a migration stream" ? EINVAL : EOPNOTSUPP, checked.error().desc());
    m_reader.consume(header_size);
    m_begun = true;
    if (m_hooks.on_begin)
        m_hooks.on_begin();
    TRY(load_configuration());
    TRY(load_sections());
    TRY(check_complete());
    skip_description();
    return {};
}

Result<void> Receiver::load_configuration()
{
    auto const mark = TRY(m_reader.peek(1));
    if (mark.empty() || mark[0] != static_cast<std::byte>(Mark::configuration))
        return m_log.refuse("Configuration section missing");
    m_reader.consume(1);
    auto const length = TRY(m_reader.be32());
    if (length > max_machine_name)
        return m_log.refuse(cat("The machine type received has a name of ", length, " bytes"));
    auto name = m_reader.text(length);
    if (!name) {
        m_log.add("Failed to load configuration:name");
        return std::move(name).error();
    }
    if (*name != m_vm.machine_name) {
        return m_log.refuse(
            cat("Machine type received is '", util::printable(*name), "' and local is '", m_vm.machine_name, "'"));
    }
    while (true) {
        auto const ahead = TRY(m_reader.peek(1));
        if (ahead.empty() || ahead[0] != static_cast<std::byte>(Mark::subsection))
            return {};
        m_reader.consume(1);
        auto const part = TRY(m_reader.str8());
        auto const version = TRY(m_reader.be32());
        TRY(load_configuration_part(part, version));
    }
}

Result<void> Receiver::load_configuration_part(std::string const& name, std::uint32_t version)
{
    if (name != capabilities_subsection && name != page_bits_subsection && name != uuid_subsection)
        return m_log.refuse(ENOENT, cat("Subsection '", util::printable(name), "' is not known here"));
    if (version != 1) {
        return m_log.refuse(cat(name, ": incoming version_id ", version, " is too ", version > 1 ? "new" : "old",
            " for local version_id 1"));
    }
    if (name == capabilities_subsection)
        return load_capabilities();
    if (name == page_bits_subsection) {
        auto const bits = TRY(m_reader.be32());
        if (bits != 12)
            return m_log.refuse(cat("Received TARGET_PAGE_BITS is ", bits, " but local is 12"));
        return {};
    }
    Uuid uuid{};
    TRY(m_reader.bytes(std::as_writable_bytes(std::span(uuid))));
    if (!m_vm.uuid)
        m_log.add(cat("warning: UUID is received ", uuid_text(uuid), ", but local uuid isn't set"));
    else if (*m_vm.uuid != uuid)
        return m_log.refuse(cat("UUID received is ", uuid_text(uuid), " and local is ", uuid_text(*m_vm.uuid)));
    return {};
}

Result<void> Receiver::load_capabilities()
{
    auto const count = TRY(m_reader.be32());
    if (count == 0)
        return {};
    // Announced are only capabilities that must be on at both sides; none of them ever is on here.
    auto const name = TRY(m_reader.str8());
    if (name == "x-ignore-shared" || name == "mapped-ram")
        return m_log.refuse(cat("Capability ", name, " is off, but received capability is on"));
    auto refusal = m_log.refuse(cat("Received unknown capability ", util::printable(name)));
    m_log.add(cat("Failed to load ", capabilities_subsection, ":capabilities"));
    return refusal;
}

Result<void> Receiver::load_sections()
{
    while (true) {
        auto const type = TRY(m_reader.u8());
        switch (static_cast<Mark>(type)) {
        case Mark::eof: return {};
        case Mark::start:
        case Mark::full: TRY(load_full_section()); break;
        case Mark::part:
        case Mark::end: TRY(load_section_part(static_cast<Mark>(type))); break;
        case Mark::command: TRY(load_command()); break;
        default: return m_log.refuse(cat("Unknown savevm section type ", type));
        }
    }
}

Result<void> Receiver::load_full_section()
{
    auto const section_id = TRY(m_reader.be32());
    Section section;
    auto idstr = m_reader.str8();
    if (!idstr || idstr->empty()) {
        auto refusal = m_log.refuse(cat("Unable to read ID string for section ", section_id));
        return m_reader.ended() ? refusal : idstr ? refusal : std::move(idstr).error();
    }
    section.idstr = *std::move(idstr);
    section.instance_id = TRY(m_reader.be32());
    section.version = TRY(m_reader.be32());
    trace::pass(trace::Point::qemu_loadvm_state_section_startfull, section_id, "(", section.idstr, ") ",
        section.instance_id, " ", section.version);
    auto const is_ram = section.idstr == ram_idstr && section.instance_id == 0;
    auto const* device = m_vm.devices->find(section.idstr, section.instance_id);
    if (!is_ram && device == nullptr) {
        return m_log.refuse(cat("Unknown savevm section or instance '", util::printable(section.idstr), "' ",
            section.instance_id,
            ". Make sure that your current VM setup matches your saved VM setup, including any hotplugged devices"));
    }
    auto const newest = is_ram ? ram_version : device->state->version;
    if (section.version > newest) {
        return m_log.refuse(
            cat("savevm: unsupported version ", section.version, " for '", section.idstr, "' v", newest));
    }
    if (m_sections.size() == most_sections)
        return m_log.refuse("The migration stream has too many sections");
    auto const loaded = load_section_data(section);
    if (!loaded) {
        if (is_ram)
            m_log.add("error while loading state for instance 0x0 of device 'ram'");
        return loaded;
    }
    TRY(load_footer(section_id, section.idstr));
    m_sections.insert_or_assign(section_id, std::move(section));
    return {};
}

Result<void> Receiver::load_section_part(Mark mark)
{
    auto const section_id = TRY(m_reader.be32());
    trace::pass(trace::Point::qemu_loadvm_state_section_partend, section_id);
    auto const found = m_sections.find(section_id);
    if (found == m_sections.end())
        return m_log.refuse(cat("Unknown savevm section ", section_id));
    auto const& section = found->second;
    auto const is_ram = section.idstr == ram_idstr;
    auto const loaded = load_section_data(section);
    if (!loaded) {
        if (is_ram)
            m_log.add(cat("error while loading state section id ", section_id, "(", section.idstr, ")"));
        return loaded;
    }
    m_ram_ended = m_ram_ended || (is_ram && mark == Mark::end);
    return load_footer(section_id, section.idstr);
}

Result<void> Receiver::load_section_data(Section const& section)
{
    if (section.idstr == ram_idstr && section.instance_id == 0)
        return m_ram->load_section(section.version);
    return load_device(m_reader, *m_vm.devices->find(section.idstr, section.instance_id), section.version, m_log);
}

Result<void> Receiver::load_footer(std::uint32_t section_id, std::string const& idstr)
{
    auto const mark = TRY(m_reader.u8());
    if (mark != static_cast<std::uint8_t>(Mark::footer))
        return m_log.refuse(cat("Missing section footer for ", idstr));
    auto const read = TRY(m_reader.be32());
    if (read != section_id) {
        return m_log.refuse(cat(
            "Mismatched section id in footer for ", idstr, " - read 0x", hex(read), " expected 0x", hex(section_id)));
    }
    return {};
}

Result<void> Receiver::check_complete()
{
    if (!m_vm.memory->blocks().empty() && !m_ram->has_block_list())
        return m_log.refuse("The migration stream holds no RAM, this machine has some");
    if (m_ram->has_block_list() && !m_ram_ended)
        return m_log.refuse("The migration stream has no end of its RAM");
    return {};
}

void Receiver::skip_description()
{
    // The guest is complete without it: faults here are told, as QEMU does, and nothing more.
    auto const mark = m_reader.u8();
    if (!mark || *mark != static_cast<std::uint8_t>(Mark::description)) {
        m_log.add(cat("Expected vmdescription section, but got ", mark ? *mark : 0));
        return;
    }
    auto const length = m_reader.be32();
    if (!length || *length > max_description || !m_reader.skip(*length))
        m_log.add("The description of the devices at the end of the stream is damaged");
}

} // namespace minivisor::migration
