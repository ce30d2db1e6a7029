// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/machine.hpp"

#include "machine/memory_backend.hpp"
#include "qom/user_object.hpp"
#include "util/text.hpp"

namespace minivisor::machine {

namespace {

// The PC's hole below 4 GiB, where ROMs and devices are.
constexpr std::uint64_t hole_begin = 0xc0000000;
constexpr std::uint64_t hole_end = 0x100000000;
/// Without -m, as QEMU's PCs have it.
constexpr std::uint64_t mini_ram_size = 128 << 20;

/// /machine, which leads to the machine.
class MachineObject final : public qom::Object {
public:
    MachineObject(qom::Type const& type, Machine& machine)
        : Object(type)
        , m_machine(machine)
    {
    }
    Machine& machine() const { return m_machine; }

private:
    Machine& m_machine;
};

} // namespace

Machine* find_machine(qom::Tree& tree)
{
    auto* const object = dynamic_cast<MachineObject*>(tree.root().find_child("machine"));
    return object ? &object->machine() : nullptr;
}

Result<Uuid> parse_uuid(std::string_view text)
{
    Uuid uuid{};
    bool const dashes = text.size() == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-';
    std::string digits;
    for (std::size_t i = 0; dashes && i < text.size(); ++i)
        if (i != 8 && i != 13 && i != 18 && i != 23)
            digits += text[i];
    auto const bytes = util::from_hex(digits);
    if (!dashes || !bytes || bytes->size() != uuid.size())
        return Error::generic("failed to parse UUID string: wrong format");
    std::copy(bytes->begin(), bytes->end(), uuid.begin());
    return uuid;
}

std::string to_text(Uuid const& uuid)
{
    auto const hex = util::to_hex(uuid);
    return cat(
        hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-", hex.substr(16, 4), "-", hex.substr(20));
}

std::span<std::string_view const> machine_kinds()
{
    static constexpr std::string_view kinds[] = {"mini", "none"};
    return kinds;
}

Machine::Machine(MachineOptions options, qapi::EventBus& events)
    : m_options(std::move(options))
    , m_run(events, m_options.incoming ? qapi::RunState::inmigrate : qapi::RunState::prelaunch, m_options.autostart)
{
}

Result<std::unique_ptr<Machine>> Machine::create(MachineOptions options, qom::Tree& tree, qapi::EventBus& events)
{
    auto const* type = tree.types().find(cat(options.kind, "-machine"));
    if (!type)
        return Error::generic("unsupported machine type").with_hint("Use -machine help to list supported machines");
    std::unique_ptr<Machine> machine(new Machine(std::move(options), events));
    TRY(machine->add_ram(tree));
    auto* object = TRY(tree.root().add_child("machine", std::make_unique<MachineObject>(*type, *machine)));
    for (auto const* name : {"peripheral", "peripheral-anon", "unattached"})
        TRY(object->add_child(name, std::make_unique<qom::Object>(*tree.types().find("container"))));
    return machine;
}

Result<void> Machine::add_ram(qom::Tree& tree)
{
    std::string id(default_ram_id);
    if (m_options.kind == "mini" && !m_options.memory_backend && !m_options.ram_size)
        m_options.ram_size = mini_ram_size;
    if (m_options.memory_backend) {
        id = *m_options.memory_backend;
    } else if (m_options.ram_size.value_or(0) > 0) {
        qapi::Object arguments{{"qom-type", "memory-backend-ram"}, {"id", id}, {"size", *m_options.ram_size}};
        if (m_options.dump_guest_core)
            arguments["dump"] = *m_options.dump_guest_core;
        if (m_options.mem_merge)
            arguments["merge"] = *m_options.mem_merge;
        TRY(qom::add_user_object(tree, std::move(arguments), qapi::Spelling::json));
    } else {
        return {};
    }
    auto* backend = dynamic_cast<MemoryBackend*>(tree.find_user_object(id));
    if (!backend)
        return Error::generic(cat("Memory backend '", id, "' not found"));
    if (m_options.ram_size && *m_options.ram_size != backend->memory()->size())
        return Error::generic("Machine memory size does not match the size of the memory backend");
    auto const& made_with = backend->backend_options();
    if (m_options.dump_guest_core.value_or(true) != made_with.dump.value_or(true) && m_options.dump_guest_core)
        return Error::generic(cat("dump-guest-core is not what the member 'dump' of memory backend '", id, "' says"));
    if (m_options.mem_merge.value_or(true) != made_with.merge.value_or(true) && m_options.mem_merge)
        return Error::generic(cat("mem-merge is not what the member 'merge' of memory backend '", id, "' says"));
    if (!backend->claim())
        return Error::generic(cat("memory backend ", id, " can't be used multiple times."));
    auto const block_id = *backend->backend_options().x_use_canonical_path_for_ramblock_id ? cat("/objects/", id) : id;
    auto* const block = TRY(m_memory.add(TRY(RamBlock::create(block_id, backend->memory()))));
    auto const below = m_options.kind == "mini" ? std::min(block->size(), hole_begin) : block->size();
    TRY(m_memory.map({0, below, block}));
    if (block->size() > below)
        TRY(m_memory.map({hole_end, block->size() - below, block, below}));
    return {};
}

void Machine::start()
{
    if (m_run.state() == qapi::RunState::prelaunch && m_run.autostart())
        m_run.resume();
}

void register_machines(qom::TypeRegistry& types)
{
    qom::Type base;
    base.name = "machine";
    base.abstract = true;
    types.add(std::move(base));
    for (auto const kind : machine_kinds()) {
        qom::Type type;
        type.name = cat(kind, "-machine");
        types.add(std::move(type), "machine");
    }
}

} // namespace minivisor::machine
