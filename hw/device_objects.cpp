// SPDX-License-Identifier: GPL-3.0-or-later
// How the devices of "mini" are seen in the tree of objects: below /machine/unattached, where QEMU has those that no
// option has made.
#include "hw/mini.hpp"

#include "util/text.hpp"

namespace minivisor::hw {

namespace {

using Get = std::function<Result<qapi::Value>()>;

/// An object whose properties are read from the device each time.
class DeviceObject final : public qom::Object {
public:
    DeviceObject(qom::Type const& type, std::vector<Get> values)
        : Object(type)
        , m_values(std::move(values))
    {
    }

    /// In the order of the type's properties.
    Result<qapi::Value> value(std::size_t i) const { return m_values.at(i)(); }

private:
    std::vector<Get> m_values;
};

struct PropertyText {
    char const *name, *type, *doc;
};

void add_type(qom::TypeRegistry& types, std::string name, std::string summary, std::vector<PropertyText> properties,
    std::string_view parent = "device")
{
    qom::Type type;
    type.name = std::move(name);
    type.summary = std::move(summary);
    for (std::size_t i = 0; i < properties.size(); ++i)
        type.properties.push_back({properties[i].name, properties[i].type, properties[i].doc,
            [i](qom::Object const& object) { return static_cast<DeviceObject const&>(object).value(i); }, {}});
    types.add(std::move(type), parent);
}

template <typename T>
Get constant(T value)
{
    return [value]() -> Result<qapi::Value> { return qapi::Value(value); };
}

/// A byte of the interrupt controller `chip` as it is now; `at` counts in struct kvm_pic_state.
Get pic_register(accel::ChipIo& io, std::uint32_t chip, std::size_t at)
{
    return [&io, chip, at]() -> Result<qapi::Value> {
        accel::PicState now;
        now.chip = chip;
        TRY(io.read_pic(now));
        return qapi::Value(std::uint64_t{now.registers.at(at)});
    };
}

/// Of the timer's channel 0.
template <auto Field>
Get pit_field(accel::ChipIo& io)
{
    return [&io]() -> Result<qapi::Value> {
        accel::PitState now;
        TRY(io.read_pit(now));
        return qapi::Value(std::uint64_t{(now.*Field)[0]});
    };
}

constexpr unsigned pic_ports[] = {0x20, 0xa0};
constexpr unsigned pit_port = 0x40;

void add_chip_types(qom::TypeRegistry& types, std::string const& who, std::string const& player)
{
    add_type(types, who + "-i8259", "an interrupt controller, played by " + player,
        {{"realized", "bool", "it is there"}, {"master", "bool", "it is the first of the pair"},
            {"iobase", "uint32", "its first I/O port"}, {"irr", "uint8", "requests that wait, a bit a line"},
            {"imr", "uint8", "lines that are masked"}, {"isr", "uint8", "requests in service"}});
    add_type(types, who + "-pit", "the timer, played by " + player,
        {{"realized", "bool", "it is there"}, {"iobase", "uint32", "its first I/O port"},
            {"count", "uint32", "what channel 0 counts down from"}, {"mode", "uint8", "the mode of channel 0"}});
}

} // namespace

void register_mini(qom::TypeRegistry& types)
{
    qom::Type cpu;
    cpu.name = "cpu";
    cpu.abstract = true;
    types.add(std::move(cpu), "device");
    add_type(types, "host-x86_64-cpu", "a CPU with all that the host's offers and KVM can pass on",
        {{"realized", "bool", "it is there"}, {"apic-id", "uint32", "its number among the CPUs"},
            {"thread-id", "int", "the kernel's number of its thread"}},
        "cpu");
    add_type(types, "isa-serial", "a 16550A serial port",
        {{"realized", "bool", "it is there"}, {"iobase", "uint32", "its first I/O port"},
            {"irq", "uint32", "its interrupt"}, {"index", "uint32", "which one it is"}});
    add_chip_types(types, "isa", "this program");
    add_chip_types(types, "kvm", "KVM");
    add_type(types, "kvm-ioapic", "the interrupt controller for lines beyond 15, played by KVM",
        {{"realized", "bool", "it is there"}});
    add_type(types, "mini-power", "the power button and the register that turns the machine off",
        {{"realized", "bool", "it is there"}, {"iobase", "uint32", "its first I/O port"},
            {"irq", "uint32", "the button's interrupt"}, {"status", "uint16", "PM1 status"},
            {"enable", "uint16", "PM1 enable"}});
    add_type(types, "mc146818rtc", "the clock and its memory",
        {{"realized", "bool", "it is there"}, {"iobase", "uint32", "its first I/O port"},
            {"offset", "int", "seconds by which the guest has set it forward"}});
    add_type(types, "isa-debug-exit", "a port by which a guest ends the program",
        {{"realized", "bool", "it is there"}, {"iobase", "uint32", "its first I/O port"},
            {"iosize", "uint32", "how many ports it has"}});
}

Result<void> Mini::add_to_tree(qom::Tree& tree)
{
    auto* const machine = tree.root().find_child("machine");
    auto* const unattached = machine ? machine->find_child("unattached") : nullptr;
    auto* const peripheral = machine ? machine->find_child("peripheral-anon") : nullptr;
    if (!unattached || !peripheral)
        return Error::generic("there is no place for devices in the tree");
    auto const add = [&tree](qom::Object& parent, std::string const& type, std::vector<Get> values) -> Result<void> {
        auto object = std::make_unique<DeviceObject>(*tree.types().find(type), std::move(values));
        TRY(parent.add_child(cat("device[", parent.children().size(), "]"), std::move(object)));
        return {};
    };
    auto const yes = constant(true);
    if (m_kvm) {
        for (auto const& cpu : m_kvm->cpus())
            TRY(add(*unattached, "host-x86_64-cpu", {yes, constant(cpu->index()), constant(cpu->thread_id())}));
    }
    TRY(add(*unattached, "isa-serial", {yes, constant(com1), constant(com1_irq), constant(0)}));
    TRY(add(*unattached, "mini-power",
        {yes, constant(PowerPorts::first), constant(PowerPorts::irq_line),
            [this]() -> Result<qapi::Value> {
                auto const held = m_bus.lock();
                return qapi::Value(m_power.status());
            },
            [this]() -> Result<qapi::Value> {
                auto const held = m_bus.lock();
                return qapi::Value(m_power.enable());
            }}));
    TRY(add(*unattached, "mc146818rtc", {yes, constant(RealTimeClock::first), [this]() -> Result<qapi::Value> {
                                             auto const held = m_bus.lock();
                                             return qapi::Value(m_clock.offset_seconds);
                                         }}));
    if (auto* const io = chips()) {
        std::string const who = m_chips ? "isa" : "kvm";
        for (std::uint32_t chip = 0; chip < 2; ++chip)
            TRY(add(*unattached, who + "-i8259",
                {yes, constant(chip == 0), constant(pic_ports[chip]), pic_register(*io, chip, 1),
                    pic_register(*io, chip, 2), pic_register(*io, chip, 3)}));
        TRY(add(*unattached, who + "-pit",
            {yes, constant(pit_port), pit_field<&accel::PitState::count>(*io),
                pit_field<&accel::PitState::mode>(*io)}));
        if (!m_chips)
            TRY(add(*unattached, "kvm-ioapic", {yes}));
    }
    if (auto const& debug_exit = m_options.debug_exit)
        TRY(add(*peripheral, "isa-debug-exit", {yes, constant(debug_exit->iobase), constant(debug_exit->iosize)}));
    return {};
}

} // namespace minivisor::hw
