// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/console_history.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace minivisor::hmp;
namespace fs = std::filesystem;

namespace {

struct Folder {
    std::string path;
    Folder()
    {
        char name[] = "/tmp/minivisor-history-XXXXXX";
        path = mkdtemp(name);
    }
    ~Folder() { fs::remove_all(path); }
    std::string file() const { return path + "/state/minivisor/history"; }
};

std::string content(std::string const& path)
{
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

unsigned mode_of(std::string const& path)
{
    struct stat status { };
    return stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
}

} // namespace

TEST_CASE("lines are kept across sessions, of equal ones the last")
{
    Folder folder;
    HistoryFile(folder.file()).append("info status");
    HistoryFile(folder.file()).append("stop");
    HistoryFile(folder.file()).append("info status");
    CHECK(mode_of(folder.file()) == 0600);
    CHECK(mode_of(folder.path + "/state/minivisor") == 0700);
    CHECK(HistoryFile(folder.file()).load() == std::vector<std::string>{"stop", "info status"});
}

TEST_CASE("a line that carries a secret is neither kept nor given back")
{
    Folder folder;
    HistoryFile history(folder.file());
    history.append("cont");
    history.append("object_add secret,id=s0,data=x");
    history.append("object_add {\"qom-type\": \"secret\", \"id\": \"s\", \"data\": \"x\"}");
    history.append("qom-set s0 data x");
    CHECK(content(folder.file()) == "cont\n");
    std::ofstream(folder.file(), std::ios::app) << "object_add secret,id=s0,data=x\nbad\x1b[2J\n";
    CHECK(history.load() == std::vector<std::string>{"cont"});
    CHECK(!HistoryFile::is_secret("object_add authz-simple,id=a,identity=x"));
}

TEST_CASE("a history that others may read is made its owner's alone")
{
    Folder folder;
    fs::create_directories(folder.path + "/state/minivisor");
    std::ofstream(folder.file()) << "info name\n";
    fs::permissions(folder.file(), fs::perms(0644));
    CHECK(HistoryFile(folder.file()).load().size() == 1);
    CHECK(mode_of(folder.file()) == 0600);
}

TEST_CASE("a long history is shortened, and stays private")
{
    Folder folder;
    HistoryFile history(folder.file());
    history.append("first");
    {
        std::ofstream out(folder.file(), std::ios::app);
        for (std::size_t i = 0; i < 3 * HistoryFile::max_lines; ++i)
            out << "xp " << i << "\n";
    }
    auto const lines = history.load();
    CHECK(lines.size() == HistoryFile::max_lines);
    CHECK(lines.back() == "xp " + std::to_string(3 * HistoryFile::max_lines - 1));
    CHECK(history.load() == lines);
    CHECK(content(folder.file()).size() < 20 * HistoryFile::max_lines);
    CHECK(mode_of(folder.file()) == 0600);
}

TEST_CASE("what is no ordinary file of the user is left alone")
{
    Folder folder;
    fs::create_directories(folder.path + "/state/minivisor");
    std::ofstream(folder.path + "/other") << "mine\n";
    fs::create_symlink(folder.path + "/other", folder.file());
    HistoryFile history(folder.file());
    history.append("stop");
    CHECK(history.load().empty());
    CHECK(content(folder.path + "/other") == "mine\n");

    REQUIRE(unlink(folder.file().c_str()) == 0);
    REQUIRE(mkfifo(folder.file().c_str(), 0600) == 0);
    history.append("stop"); // does not wait for a reader
    CHECK(history.load().empty());

    HistoryFile nowhere(folder.path + "/other/history");
    nowhere.append("stop");
    CHECK(nowhere.load().empty());
    HistoryFile none("");
    none.append("stop");
    CHECK(none.load().empty());
}

TEST_CASE("the history is where the XDG directories say")
{
    setenv("XDG_STATE_HOME", "/x/state", 1);
    CHECK(HistoryFile::default_path() == "/x/state/minivisor/history");
    setenv("XDG_STATE_HOME", "relative", 1);
    setenv("HOME", "/h", 1);
    CHECK(HistoryFile::default_path() == "/h/.local/state/minivisor/history");
    unsetenv("XDG_STATE_HOME");
    unsetenv("HOME");
    CHECK(HistoryFile::default_path().empty());
}
