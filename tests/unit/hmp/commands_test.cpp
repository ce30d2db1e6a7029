// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/command.hpp"

#include "fake_house.hpp"
#include "qapi/schema/control.hpp"
#include "qapi/schema/machine.hpp"
#include "qapi/schema/misc.hpp"
#include "qapi/schema/qom.hpp"
#include "qapi/schema/run_state.hpp"
#include "util/text.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace minivisor;
using namespace minivisor::hmp;

TEST_CASE("every command and topic is declared whole, and its names are its own")
{
    std::set<std::string_view> seen;
    for (auto const* list : {&command_table().commands(), &command_table().topics()}) {
        seen.clear();
        CHECK(!list->empty());
        for (auto const& command : *list) {
            CHECK(command.run);
            CHECK(!command.help.empty());
            for (auto const word : command.words())
                CHECK(seen.insert(word).second);
            std::size_t positional = 0;
            for (auto const& arg : command.args)
                positional += arg.kind != ArgKind::flag && arg.kind != ArgKind::flag_value;
            CHECK(command.completions.size() <= positional);
        }
    }
}

TEST_CASE("help tells of all commands, of one, and of info's topics")
{
    Conversation talk;
    auto const all = talk.ask("help");
    CHECK(all.find("quit|q  -- ") != all.npos);
    CHECK(all.find("migrate [-d] [-b] [-i] [-r] uri -- ") != all.npos);
    CHECK(all.find("object_add [qom-type=]type,id=str[,prop=value][,...] -- ") != all.npos);
    CHECK(all.find("migrate_set_str_parameter") == all.npos);
    CHECK(talk.ask("?") == all);
    CHECK(talk.ask("help q").starts_with("quit|q  -- "));
    CHECK(talk.ask("help quit quit") == talk.ask("help q"));
    CHECK(talk.ask("help info") == talk.ask("info"));
    CHECK(talk.ask("info").find("info qom-tree [path] -- ") != all.npos);
    CHECK(talk.ask("help info status").starts_with("info status  -- "));
    CHECK(talk.ask("help nope") == "unknown command: 'nope'\r\n");
    CHECK(talk.ask("help info nope") == "unknown command: 'info nope'\r\n");
    CHECK(talk.ask("help a b") == "unknown command: 'a'\r\n");
}

TEST_CASE("info status puts states other than paused in brackets")
{
    Conversation talk;
    auto state = qapi::RunState::paused;
    talk.house.bound.bind<qapi::QueryStatus>([&state]() -> Result<qapi::StatusInfo> {
        return qapi::StatusInfo{false, false, state};
    });
    CHECK(talk.ask("info status") == "VM status: paused\r\n");
    state = qapi::RunState::inmigrate;
    CHECK(talk.ask("info status") == "VM status: paused (inmigrate)\r\n");
}

TEST_CASE("facts are printed as QEMU prints them")
{
    Conversation talk;
    std::optional<std::string> name;
    auto& bound = talk.house.bound;
    bound.bind<qapi::QueryName>([&]() -> Result<qapi::NameInfo> { return qapi::NameInfo{name}; });
    bound.bind<qapi::QueryKvm>([]() -> Result<qapi::KvmInfo> { return qapi::KvmInfo{false, true}; });
    bound.bind<qapi::QueryVersion>([]() -> Result<qapi::VersionInfo> { return qapi::VersionInfo{{7, 2, 0}, " (x)"}; });
    bound.bind<qapi::QueryMemorySizeSummary>([]() -> Result<qapi::MemoryInfo> {
        return qapi::MemoryInfo{{67108864}, qapi::Size{0}};
    });
    bound.bind<qapi::QueryMemdev>([]() -> Result<std::vector<qapi::Memdev>> {
        qapi::Memdev memdev;
        memdev.id = "ram";
        memdev.size = {4096};
        memdev.merge = true;
        memdev.reserve = true;
        return std::vector<qapi::Memdev>{memdev};
    });
    CHECK(talk.ask("info name") == "");
    name = "vm7";
    CHECK(talk.ask("info name") == "vm7\r\n");
    CHECK(talk.ask("info kvm") == "kvm support: disabled\r\n");
    CHECK(talk.ask("info version") == "7.2.0 (x)\r\n");
    CHECK(talk.ask("info memory_size_summary") == "base memory: 67108864\r\nplugged memory: 0\r\n");
    CHECK(talk.ask("info memdev")
        == "memory backend: ram\r\n  size:  4096\r\n  merge: true\r\n  dump: false\r\n  prealloc: false\r\n"
           "  share: false\r\n  reserve: true\r\n  policy: default\r\n  host nodes: \r\n\r\n");
    CHECK(talk.ask("info history") == "");
}

TEST_CASE("an error is printed with its hint below it")
{
    Conversation talk;
    talk.house.bound.bind<qapi::ObjectAddText>([](qapi::ObjectAddTextArguments arguments) -> Result<std::string> {
        if (arguments.text == "help")
            return std::string("List:\n  a\n");
        return Error::generic("Parameter 'id' expects an identifier").with_hint("Hint one\nHint two");
    });
    CHECK(talk.ask("object_add authz-simple,id=1")
        == "Error: Parameter 'id' expects an identifier\r\nHint one\r\nHint two\r\n");
    CHECK(talk.ask("object_add help") == "List:\r\n  a\r\n");
}

TEST_CASE("print shows an expression in the format that was last, as QEMU does")
{
    Conversation talk;
    CHECK(talk.ask("print 1+2") == "0x3\r\n");
    CHECK(talk.ask("p /d 5") == "5\r\n");
    CHECK(talk.ask("p 6") == "6\r\n");
    CHECK(talk.ask("p /x -1") == "0xffffffffffffffff\r\n");
    CHECK(talk.ask("p /u -1") == "18446744073709551615\r\n");
    CHECK(talk.ask("p /o 9") == "011\r\n");
    CHECK(talk.ask("p/x 0") == "0\r\n");
    CHECK(talk.ask("p /c 65") == "'A'\r\n");
    CHECK(talk.ask("p /c 39") == "'\\''\r\n");
    CHECK(talk.ask("p /c 10") == "'\\n'\r\n");
    CHECK(talk.ask("p /c 256") == "'\\x100'\r\n");
    CHECK(talk.ask("p") == "unexpected end of expression\r\nTry \"help p\" for more information\r\n");
}

TEST_CASE("xp lays memory out as QEMU does, and says where there is none")
{
    Conversation talk;
    std::vector<std::uint8_t> memory(40);
    for (std::size_t i = 0; i < memory.size(); ++i)
        memory[i] = static_cast<std::uint8_t>(i);
    memory[33] = 0xff;
    talk.house.bound.bind<qapi::ReadPhysicalMemory>(
        [&](qapi::ReadPhysicalMemoryArguments wanted) -> Result<qapi::PhysicalMemory> {
            auto const from = std::min<std::size_t>(memory.size(), wanted.address);
            auto const size = std::min<std::size_t>(memory.size() - from, wanted.size);
            return qapi::PhysicalMemory{util::to_hex(std::span(memory).subspan(from, size))};
        });
    CHECK(talk.ask("xp /4xb 0") == "0000000000000000: 0x00 0x01 0x02 0x03\r\n");
    CHECK(
        talk.ask("xp /10ub 0") == "0000000000000000:   0   1   2   3   4   5   6   7\r\n0000000000000008:   8   9\r\n");
    CHECK(talk.ask("xp /2xw 4") == "0000000000000004: 0x07060504 0x0b0a0908\r\n");
    CHECK(talk.ask("xp /1xg 8") == "0000000000000008: 0x0f0e0d0c0b0a0908\r\n");
    CHECK(talk.ask("xp /1dw 0") == "0000000000000000:   50462976\r\n");
    CHECK(talk.ask("xp /1oh 1") == "0000000000000001:  01001\r\n");
    CHECK(talk.ask("xp /3cw 0").starts_with("0000000000000000: '\\x00' '\\x01'"));
    CHECK(talk.ask("xp /1db 33") == "0000000000000021: 255\r\n");
    CHECK(talk.ask("xp /12xb 32")
        == "0000000000000020: 0x20 0xff 0x22 0x23 0x24 0x25 0x26 0x27\r\n0000000000000028: Cannot access memory\r\n");
    CHECK(talk.ask("xp /1xw 38") == "0000000000000026: Cannot access memory\r\n");
    CHECK(talk.ask("xp /0x 0") == "");
    CHECK(talk.ask("xp /2000000xb 0") == "Error: At most 1048576 bytes can be shown at once\r\n");
    CHECK(talk.ask("xp /i 0") == "Can not dump without CPU\r\n");
    CHECK(talk.ask("xp /s 0") == "invalid char in format: 's'\r\nTry \"help xp\" for more information\r\n");
}

TEST_CASE("info qom-tree goes down the tree, children by name")
{
    Conversation talk;
    std::map<std::string, std::vector<qapi::ObjectPropertyInfo>> tree;
    auto const entry = [](std::string name, std::string type) {
        qapi::ObjectPropertyInfo info;
        info.name = std::move(name);
        info.type = std::move(type);
        return info;
    };
    tree["/"]
        = {entry("type", "string"), entry("objects", "child<container>"), entry("machine", "child<none-machine>")};
    tree["/objects"] = {entry("a", "child<authz-simple>")};
    tree["/objects/a"] = {entry("identity", "string")};
    tree["/machine"] = {};
    auto& bound = talk.house.bound;
    bound.bind<qapi::QomList>([&](qapi::QomListArguments where) -> Result<std::vector<qapi::ObjectPropertyInfo>> {
        if (!tree.contains(where.path))
            return Error::device_not_found("Device '" + where.path + "' not found");
        return tree[where.path];
    });
    bound.bind<qapi::QomGet>([&](qapi::QomGetArguments what) -> Result<qapi::Value> {
        if (!tree.contains(what.path))
            return Error::device_not_found("Device '" + what.path + "' not found");
        return qapi::Value(what.path == "/machine" ? "none-machine" : "container");
    });
    CHECK(talk.ask("info qom-tree") == "/machine (none-machine)\r\n");
    CHECK(talk.ask("info qom-tree /")
        == "/ (container)\r\n  /machine (none-machine)\r\n  /objects (container)\r\n    /a (authz-simple)\r\n");
    CHECK(talk.ask("info qom-tree /objects") == "/objects (container)\r\n  /a (authz-simple)\r\n");
    CHECK(talk.ask("info qom-tree /nope") == "Path '/nope' could not be resolved.\r\n");
    CHECK(talk.ask("qom-list") == "/\r\n");
    CHECK(talk.ask("qom-list /objects") == "a (child<authz-simple>)\r\n");
    CHECK(talk.ask("qom-list /nope") == "Error: Device '/nope' not found\r\n");
}

TEST_CASE("qom-set reads its value by the property's type, with -j as JSON")
{
    Conversation talk;
    qapi::Value set;
    auto& bound = talk.house.bound;
    bound.bind<qapi::QomList>([](qapi::QomListArguments) -> Result<std::vector<qapi::ObjectPropertyInfo>> {
        std::vector<qapi::ObjectPropertyInfo> list(3);
        list[0].name = "flag", list[0].type = "bool";
        list[1].name = "number", list[1].type = "int";
        list[2].name = "text", list[2].type = "string";
        return list;
    });
    bound.bind<qapi::QomSet>([&set](qapi::QomSetArguments arguments) -> Result<void> {
        set = arguments.value;
        return {};
    });
    CHECK(talk.ask("qom-set a flag yes") == "");
    CHECK(set == qapi::Value(true));
    CHECK(talk.ask("qom-set a flag maybe") == "Error: Parameter 'flag' expects 'on' or 'off'\r\n");
    CHECK(talk.ask("qom-set a number 0x10") == "");
    CHECK(set == qapi::Value(16));
    CHECK(talk.ask("qom-set a number 1k") == "Error: Parameter 'number' expects int64\r\n");
    CHECK(talk.ask("qom-set a text \"x  y\"") == "");
    CHECK(set == qapi::Value("\"x  y\""));
    CHECK(talk.ask("qom-set -j a text \"x\"") == "");
    CHECK(set == qapi::Value("x"));
    CHECK(talk.ask("qom-set -j a text {") == "Error: JSON parse error, premature EOI\r\n");
}

TEST_CASE("a command that is not bound says so")
{
    Conversation talk;
    CHECK(talk.ask("info uuid") == "Error: The command query-uuid has not been found\r\n");
}
