// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/loader.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace minivisor;
using namespace minivisor::machine;

namespace {

class TempFile {
public:
    explicit TempFile(std::string const& content)
    {
        std::string name = (std::filesystem::temp_directory_path() / "minivisor-loader-XXXXXX").string();
        util::UniqueFd const fd(mkstemp(name.data()));
        REQUIRE(fd);
        path = name;
        REQUIRE(util::write_all(fd.get(), content));
    }
    ~TempFile() { std::filesystem::remove(path); }
    std::string path;
};

struct Ram {
    Ram() { memory.add_anonymous("ram", 0x1000, 2 * page_size).value(); }
    std::string load(LoaderOptions const& options)
    {
        auto const done = machine::load(options, memory);
        return done ? "" : done.error().desc() + (done.error().hint().empty() ? "" : " | " + done.error().hint());
    }
    std::string at(std::uint64_t address, std::size_t size)
    {
        std::string text(size, '\0');
        REQUIRE(memory.read(address, std::as_writable_bytes(std::span(text))));
        return text;
    }
    Memory memory;
};

LoaderOptions image(std::string const& path, std::uint64_t address)
{
    LoaderOptions options;
    options.file = path;
    options.addr = address;
    return options;
}

LoaderOptions number(std::uint64_t data, std::uint8_t size, std::uint64_t address)
{
    LoaderOptions options;
    options.data = data;
    options.data_len = size;
    options.addr = address;
    return options;
}

} // namespace

TEST_CASE("loader: a file goes to its address, up to the last byte of RAM")
{
    Ram ram;
    TempFile const file("image");
    CHECK(ram.load(image(file.path, 0x1000)) == "");
    CHECK(ram.at(0x1000, 6) == std::string("image\0", 6));
    CHECK(ram.load(image(file.path, 0x3000 - 5)) == "");
    CHECK(ram.at(0x3000 - 5, 5) == "image");
    TempFile const empty("");
    CHECK(ram.load(image(empty.path, 0x2fff)) == "");
}

TEST_CASE("loader: a file that does not fit, or is none, changes nothing")
{
    Ram ram;
    TempFile const file("image");
    auto const refused = [&](std::string const& path, std::uint64_t address) {
        return ram.load(image(path, address)).starts_with("Cannot load specified image " + path + " | " + path + ": ");
    };
    CHECK(refused(file.path, 0x3000 - 4));
    CHECK(refused(file.path, 0x3000));
    CHECK(refused(file.path, 0xfff));
    CHECK(refused(file.path, UINT64_MAX));
    CHECK(refused("/nowhere/at/all", 0x1000));
    CHECK(refused("/dev/zero", 0x1000));
    CHECK(refused(std::filesystem::temp_directory_path().string(), 0x1000));
    CHECK(ram.at(0x1000, 2 * page_size) == std::string(2 * page_size, '\0'));
}

TEST_CASE("loader: an ELF image is refused unless it is to be taken as it is")
{
    Ram ram;
    TempFile const file("\177ELF and more");
    auto options = image(file.path, 0x1000);
    CHECK(ram.load(options).find("ELF images are not supported") != std::string::npos);
    CHECK(ram.at(0x1000, 4) == std::string(4, '\0'));
    options.force_raw = true;
    CHECK(ram.load(options) == "");
    CHECK(ram.at(0x1000, 4) == "\177ELF");
}

TEST_CASE("loader: a number is stored in its size and order")
{
    Ram ram;
    CHECK(ram.load(number(0x0102030405060708, 4, 0x1000)) == "");
    CHECK(ram.at(0x1000, 5) == std::string("\x08\x07\x06\x05\0", 5));
    auto big = number(0x0102, 2, 0x1010);
    big.data_be = true;
    CHECK(ram.load(big) == "");
    CHECK(ram.at(0x1010, 2) == "\x01\x02");
    CHECK(ram.load(number(~0ull, 8, 0x3000 - 8)) == "");
    CHECK(ram.load(number(1, 8, 0x3000 - 7)) != "");
    CHECK(ram.at(0x3000 - 7, 7) == std::string(7, '\xff'));
}

TEST_CASE("loader: what is missing or does not go together is said")
{
    Ram ram;
    CHECK(ram.load({}) == "please include valid arguments");
    LoaderOptions options;
    options.data = 1;
    CHECK(ram.load(options) == "Both data and data-len must be specified");
    CHECK(ram.load(number(1, 0, 0x1000)) == "data-len cannot be greater then 8 bytes");
    CHECK(ram.load(number(1, 9, 0x1000)) == "data-len cannot be greater then 8 bytes");
    options.file = "/x";
    CHECK(ram.load(options) == "Specifying a file is not supported when loading memory values");
}
