// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/commands.hpp"
#include "machine/memory_backend.hpp"
#include "qapi/json.hpp"
#include "qom/user_object.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

using namespace minivisor;
using namespace minivisor::machine;

namespace {

constexpr auto uuid_text = "550e8400-e29b-41d4-a716-446655440000";

struct House {
    House()
    {
        register_machines(types);
        register_memory_backends(types);
    }
    /// "" when the object was made.
    std::string add(std::string_view text)
    {
        auto const done = qom::add_user_object(tree, qapi::parse_json(text).value().as_object(), qapi::Spelling::json);
        return done ? "" : done.error().desc();
    }
    std::string build(MachineOptions options)
    {
        auto made = Machine::create(std::move(options), tree, bus);
        if (!made)
            return made.error().desc();
        machine = *std::move(made);
        dirty_rate.emplace(io.get_executor(), machine->memory(), worker);
        bind_commands(registry, *machine, tree, worker, *dirty_rate);
        return "";
    }
    std::string call(std::string_view name, std::string_view arguments = "{}")
    {
        auto const* entry = registry.find(name);
        REQUIRE(entry);
        qapi::CallContext context;
        auto const done = std::get<qapi::SyncHandler>(entry->handler)(qapi::parse_json(arguments).value(), context);
        if (!done)
            return "! " + done.error().desc();
        CHECK(qapi::conforms(*entry->returns, *done));
        return qapi::to_json(*done);
    }

    qom::TypeRegistry types;
    qom::Tree tree{types};
    qapi::Registry registry;
    qapi::EventBus bus{registry};
    boost::asio::io_context io;
    util::Worker worker;
    std::unique_ptr<Machine> machine;
    std::optional<DirtyRate> dirty_rate;
};

} // namespace

TEST_CASE("uuid: read in either case and written in lower case")
{
    CHECK(to_text(parse_uuid(uuid_text).value()) == uuid_text);
    CHECK(
        to_text(parse_uuid("550E8400-E29B-41d4-A716-44665544000F").value()) == "550e8400-e29b-41d4-a716-44665544000f");
    for (auto const* wrong : {"", "550e8400e29b41d4a716446655440000", "550e8400-e29b-41d4-a716-44665544000",
             "550e8400-e29b-41d4-a716-4466554400000", "550e8400-e29b-41d4-a716-44665544000g",
             "550e8400-e29b-41d4-a716_446655440000", "{50e8400-e29b-41d4-a716-446655440000}"}) {
        auto const uuid = parse_uuid(wrong);
        REQUIRE_FALSE(uuid);
        CHECK(uuid.error().desc() == "failed to parse UUID string: wrong format");
    }
}

TEST_CASE("memory backends: what cannot be meant is refused, naming it")
{
    House house;
    auto const with = [&house](std::string const& members) {
        return house.add(R"({"qom-type": "memory-backend-memfd", "id": "m", "size": 4096)" + members + "}");
    };
    CHECK(with(R"(, "policy": "bind")") == "host-nodes must be set for policy bind");
    CHECK(with(R"(, "host-nodes": [0])")
        == "host-nodes must be empty for policy default, or you should explicitly specify a policy other than default");
    CHECK(with(R"(, "policy": "bind", "host-nodes": [128])") == "Invalid host-nodes value: 128");
    CHECK(with(R"(, "prealloc": true, "reserve": false)") == "'prealloc=on' and 'reserve=off' are incompatible");
    CHECK(with(R"(, "prealloc-threads": 0)")
        == "property 'prealloc-threads' of memory-backend-memfd doesn't take value '0'");
    CHECK(with(R"(, "mem-path": "/x")") == "Parameter 'mem-path' is unexpected");
    CHECK(house.add(R"({"qom-type": "memory-backend-ram", "id": "m", "size": 0})")
        == "property 'size' of memory-backend-ram doesn't take value '0'");
    CHECK(house.add(R"({"qom-type": "memory-backend-ram", "id": "m", "size": 4097})") != "");
    CHECK(house.add(R"({"qom-type": "memory-backend-ram", "id": "m"})") == "Parameter 'size' is missing");
    CHECK(house.add(R"({"qom-type": "memory-backend-file", "id": "m", "size": 4096})")
        == "Parameter 'mem-path' is missing");
    CHECK(house.add(R"({"qom-type": "memory-backend-file", "id": "m", "size": 4096, "mem-path": "/nowhere/x"})") != "");
    CHECK(house.add(R"({"qom-type": "memory-backend", "id": "m", "size": 4096})")
        == "Parameter 'qom-type' does not accept value 'memory-backend'");
    CHECK(house.tree.objects().children().empty());
    CHECK(
        with(
            R"(, "policy": "default", "host-nodes": [], "reserve": false, "prealloc-threads": 2, "hugetlb": false, "seal": false)")
        == "");
}

TEST_CASE("memory backends: query-memdev lists them with what was meant by default")
{
    House house;
    REQUIRE(house.build({}) == "");
    CHECK(house.call("query-memdev") == "[]");
    REQUIRE(house.add(R"({"qom-type": "memory-backend-ram", "id": "a", "size": 8192, "merge": false})") == "");
    REQUIRE(house.add(R"({"qom-type": "memory-backend-memfd", "id": "b", "size": 4096, "policy": "interleave",
        "host-nodes": [0]})")
        == "");
    auto const list = list_memory_backends(house.tree);
    REQUIRE(list.size() == 2);
    CHECK(list[0].id == "a");
    CHECK(list[0].size.bytes == 8192);
    CHECK_FALSE(list[0].merge);
    CHECK_FALSE(list[0].share);
    CHECK(list[1].merge);
    CHECK(list[1].share);
    CHECK(list[0].policy == qapi::HostMemPolicy::default_);
    CHECK(list[1].policy == qapi::HostMemPolicy::interleave);
    CHECK(list[1].host_nodes == std::vector<std::uint16_t>{0});
}

TEST_CASE("machine: -m makes the RAM, which is an object in use at address 0")
{
    House house;
    MachineOptions options;
    options.ram_size = 1 << 20;
    REQUIRE(house.build(options) == "");
    CHECK(house.machine->memory().total_size() == 1 << 20);
    REQUIRE(house.machine->memory().find("ram") != nullptr);
    CHECK(house.machine->memory().find_region(0)->block->id() == "ram");
    CHECK(qom::delete_user_object(house.tree, "ram").error().desc() == "object 'ram' is in use, can not be deleted");
    CHECK(house.call("query-memory-size-summary") == R"({"base-memory": 1048576, "plugged-memory": 0})");
    CHECK(house.tree.resolve("/machine/peripheral"));
    CHECK((*house.tree.resolve("/machine"))->type().name == "none-machine");
}

TEST_CASE("machine: without -m or a backend it has no RAM")
{
    House house;
    REQUIRE(house.build({}) == "");
    CHECK(house.machine->memory().blocks().empty());
    CHECK(house.tree.find_user_object("ram") == nullptr);
}

TEST_CASE("machine: a memory backend must be there, be one, have the size and be free")
{
    House house;
    MachineOptions options;
    options.memory_backend = "mem";
    CHECK(house.build(options) == "Memory backend 'mem' not found");
    REQUIRE(house.add(R"({"qom-type": "memory-backend-ram", "id": "mem", "size": 8192})") == "");
    options.ram_size = 4096;
    CHECK(house.build(options) == "Machine memory size does not match the size of the memory backend");
    options.ram_size = 8192;
    CHECK(house.build(options) == "");
    CHECK(house.machine->memory().find("mem")->size() == 8192);
    CHECK(house.build(options) == "memory backend mem can't be used multiple times.");
    options.kind = "pc";
    CHECK(house.build(options) == "unsupported machine type");
}

TEST_CASE("machine: a backend's RAM block may be named by its path")
{
    House house;
    REQUIRE(
        house.add(
            R"({"qom-type": "memory-backend-ram", "id": "mem", "size": 8192, "x-use-canonical-path-for-ramblock-id": true})")
        == "");
    MachineOptions options;
    options.memory_backend = "mem";
    REQUIRE(house.build(options) == "");
    CHECK(house.machine->memory().find("/objects/mem") != nullptr);
}

TEST_CASE("machine: it starts by itself unless it is held back or awaited")
{
    for (bool const held : {false, true}) {
        House house;
        MachineOptions options;
        options.autostart = !held;
        REQUIRE(house.build(options) == "");
        house.machine->start();
        CHECK(house.machine->run().running() == !held);
    }
    House house;
    MachineOptions options;
    options.incoming = true;
    REQUIRE(house.build(options) == "");
    house.machine->start();
    CHECK(house.call("query-status") == R"({"running": false, "singlestep": false, "status": "inmigrate"})");
}

TEST_CASE("machine: names are told, the UUID as zeros when there is none")
{
    House house;
    REQUIRE(house.build({}) == "");
    CHECK(house.call("query-name") == "{}");
    CHECK(house.call("query-uuid") == R"({"UUID": "00000000-0000-0000-0000-000000000000"})");
    House named;
    MachineOptions options;
    options.name = "vm";
    options.uuid = parse_uuid(uuid_text).value();
    REQUIRE(named.build(options) == "");
    CHECK(named.call("query-name") == R"({"name": "vm"})");
    CHECK(named.call("query-uuid") == R"({"UUID": ")" + std::string(uuid_text) + R"("})");
}

TEST_CASE("machine: run control by command")
{
    House house;
    REQUIRE(house.build({}) == "");
    CHECK(house.call("query-status") == R"({"running": false, "singlestep": false, "status": "prelaunch"})");
    CHECK(house.call("cont") == "{}");
    CHECK(house.call("stop") == "{}");
    CHECK(house.call("query-status") == R"({"running": false, "singlestep": false, "status": "paused"})");
    CHECK(house.call("stop", R"({"x": 1})") == "! Parameter 'x' is unexpected");
}

TEST_CASE("read-physical-memory: gives what is RAM, in bounds")
{
    House house;
    MachineOptions options;
    options.ram_size = 4096;
    REQUIRE(house.build(options) == "");
    house.machine->memory().blocks()[0]->data()[4095] = std::byte{0xab};
    auto const read = [&house](std::string const& address, std::string const& size) {
        return house.call(
            "__org.minivisor_read-physical-memory", R"({"address": )" + address + R"(, "size": )" + size + "}");
    };
    CHECK(read("4094", "2").find("00ab") != std::string::npos);
    CHECK(read("4095", "16").find("\"ab\"") != std::string::npos);
    CHECK(read("4096", "1").find("\"\"") != std::string::npos);
    CHECK(read("18446744073709551615", "2").find("\"\"") != std::string::npos);
    CHECK(read("0", "1048577") == "! Parameter 'size' expects at most 1048576");
}
