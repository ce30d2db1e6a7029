// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/manual.hpp"
#include "qom/user_type.hpp"

#include <catch2/catch.hpp>

namespace minivisor::main {
namespace {

struct MuteOptions {
    std::optional<std::string> word;
};
BOOST_DESCRIBE_STRUCT(MuteOptions, (), (word))
constexpr auto docs(MuteOptions const*) { return qapi::members({{"word", ""}}); }

class Mute final : public qom::OptionsObject<MuteOptions> {
public:
    using OptionsObject::OptionsObject;
    static Result<std::unique_ptr<Mute>> create(qom::Type const& type, MuteOptions options, qom::Tree&)
    {
        return std::make_unique<Mute>(type, std::move(options));
    }
};

Result<void> nothing(Options&, OptionUse const&) { return {}; }

boost::asio::awaitable<void> do_nothing(hmp::CommandContext&, qapi::Object) { co_return; }

} // namespace

TEST_CASE("manual: the options and console commands have words, and the pages tell them")
{
    qapi::Registry registry;
    qom::TypeRegistry types;
    CHECK(undocumented({registry, types}) == std::vector<std::string>());
    auto const options = manual_page({registry, types}, "options").value();
    CHECK(options.find("### `-mon [chardev=]ID") != options.npos);
    CHECK(options.find("- `pretty=on|off`: ") != options.npos);
    auto const console = manual_page({registry, types}, "hmp").value();
    CHECK(console.find("### `migrate_incoming [-k] uri`") != console.npos);
    CHECK(manual_page({registry, types}, "nope").error().desc().starts_with("there is no page 'nope': qmp,"));
}

TEST_CASE("manual: an object type, its members and properties without words are named, and there is no page then")
{
    qapi::Registry registry;
    qom::TypeRegistry types;
    qom::UserType<Mute>("mute", "")
        .read_only("depth", "int", "", [](Mute const&) { return qapi::Value(1); })
        .add_to(types);
    std::vector<std::string> const faults{"object type 'mute' has no summary",
        "object type 'mute': member 'word' of MuteOptions has no words",
        "object type 'mute': property 'depth' has no words"};
    CHECK(undocumented({registry, types}) == faults);
    CHECK(manual_page({registry, types}, "objects").error().desc()
        == "the manual lacks words: object type 'mute' has no summary; object type 'mute': member 'word' of "
           "MuteOptions has no words; object type 'mute': property 'depth' has no words");
}

TEST_CASE("manual: an option and its key without words are named")
{
    std::vector<std::string> faults;
    find_undocumented({{"Things", {{"x", "", "", nothing}, {"y", "[a=]A", "why", nothing, {{"a", "A", ""}}}}}}, faults);
    CHECK(faults == std::vector<std::string>{"option '-x' has no help", "option '-y': key 'a' has no words"});
}

TEST_CASE("manual: a console command and its flag without words are named")
{
    hmp::CommandTable table;
    table.add({"hush|h", {}, "", "", do_nothing});
    table.add({"say", {{"loud", hmp::ArgKind::flag, true, 'l'}}, "[-l]", "say it\n\t\t\t-q: quietly", do_nothing});
    std::vector<std::string> faults;
    find_undocumented(table, faults);
    CHECK(faults
        == std::vector<std::string>{
            "console command 'hush|h' has no help", "console command 'say': flag -l has no words"});
}

} // namespace minivisor::main
