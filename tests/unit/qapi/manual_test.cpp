// SPDX-License-Identifier: GPL-3.0-or-later
#include "qapi/manual.hpp"
#include "tests/unit/qapi/samples.hpp"
#include "util/text.hpp"

#include <catch2/catch.hpp>

namespace minivisor::qapi {
namespace {

enum class Weather { fine, bad };
BOOST_DESCRIBE_ENUM(Weather, fine, bad)
constexpr auto docs(Weather const*) { return members({{"fine", "the sun shines"}, {"bad", "it rains"}}); }

struct Silent {
    std::string word;
};
BOOST_DESCRIBE_STRUCT(Silent, (), (word))
constexpr auto docs(Silent const*) { return members({{"word", ""}}); }

struct Report {
    Weather weather = Weather::fine;
    std::optional<std::vector<std::uint8_t>> gusts;
};
BOOST_DESCRIBE_STRUCT(Report, (), (weather, gusts))
constexpr auto docs(Report const*) { return members({{"weather", "how it is"}, {"gusts", "in m/s"}}); }

struct QueryWeather : Command<"query-weather", Wanted, Report> {
    static constexpr CommandInfo info{.summary = "Look out.",
        .allow_oob = true,
        .details = "From the window.\n\nOnly `by day`.",
        .errors = "no window."};
};
struct Wordless : Command<"wordless", Silent> {
    static constexpr CommandInfo info{.summary = ""};
};
struct StormEvent : Event<"STORM", Silent> {
    static constexpr std::string_view summary = "";
};

std::string after(std::string const& text, std::string const& begin)
{
    auto const at = text.find(begin);
    REQUIRE(at != text.npos);
    return text.substr(at);
}

} // namespace

TEST_CASE("manual: a command is told with arguments, result, errors and out-of-band execution, its types below")
{
    Registry registry;
    registry.bind<QueryWeather>([](Wanted) { return Result<Report>(Report()); });
    auto const page = qmp_reference(registry).markdown();
    CHECK(after(page, "### query-weather")
              .starts_with("### query-weather\n\nLook out.\n\nFrom the window.\n\n"
                           "Only `by day`.\n\nArguments:\n\n- `uri` (string): where to\n\n"
                           "Returns: [Report](#report).\n\nErrors: no window.\n\n"
                           "May be executed out of band.\n\n"));
    CHECK(after(page, "## Types")
        == "## Types\n\n### Report\n\n- `weather` ([Weather](#weather)): how it is\n"
           "- `gusts` (list of integer from 0 to 255, optional): in m/s\n\n"
           "### Weather\n\n- `fine`: the sun shines\n- `bad`: it rains\n");
}

TEST_CASE("manual: what settings are at the start is told with the members of their type")
{
    Registry registry;
    registry.bind<QueryWeather>([](Wanted) { return Result<Report>(Report()); });
    auto const page = qmp_reference(registry, {{"Report", Object{{"weather", "bad"}}}}).markdown();
    CHECK(page.find("- `weather` ([Weather](#weather)): how it is; at the start `\"bad\"`\n") != page.npos);
    CHECK(page.find("optional): in m/s\n") != page.npos);
}

TEST_CASE("manual: what has no words is named: command, event, and member of either")
{
    Registry registry;
    registry.bind<QueryWeather>([](Wanted) { return Result<Report>(Report()); });
    CHECK(undocumented(registry).empty());
    registry.bind<Wordless>([](Silent) { return Result<void>(); });
    registry.declare_event<StormEvent>();
    CHECK(undocumented(registry)
        == std::vector<std::string>{"command 'wordless' has no summary",
            "command 'wordless': member 'word' of Silent has no words", "event 'STORM' has no summary",
            "event 'STORM': member 'word' of Silent has no words"});
}

TEST_CASE("manual: Markdown escapes what would be markup, and wraps without making lists")
{
    Page page;
    page.heading(3, "_x*");
    page.paragraph("a_b <c> [d] `e_f`");
    std::string const long_word(110, 'x');
    page.paragraph(cat(long_word, " yes yes 1. no"));
    page.item(Text().code("key"), "text");
    page.example("one\n\n  two");
    CHECK(page.markdown()
        == cat("### \\_x\\*\n\na\\_b \\<c\\> \\[d\\] `e_f`\n\n", long_word, " yes yes 1.\nno\n\n- `key`: text\n\n",
            "    one\n\n      two\n"));
}

TEST_CASE("manual: roff escapes what would be requests and escapes")
{
    Page page;
    page.heading(1, "Title");
    page.paragraph(".it's a \\ and a-b");
    page.heading(2, "One \"two\"");
    page.item(Text().code("-k"), "'tis");
    auto const roff = page.roff("x-y", 7, "what it is");
    CHECK(after(roff, ".SH NAME")
        == ".SH NAME\nx\\-y \\- what it is\n.SH DESCRIPTION\n.PP\n\\&.it\\(aqs a \\e and a\\-b\n"
           ".SH \"One \\(dqtwo\\(dq\"\n.TP\n\\fB\\-k\\fP\n\\(aqtis\n");
}

} // namespace minivisor::qapi
