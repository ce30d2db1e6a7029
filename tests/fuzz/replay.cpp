// SPDX-License-Identifier: GPL-3.0-or-later
// Runs a fuzz target over the files of a corpus, so that it is an ordinary test with any compiler.
#include "util/fd.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

int main(int argc, char** argv)
{
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 2;
    }
    std::vector<std::string> paths;
    for (auto const& entry : std::filesystem::recursive_directory_iterator(argv[1])) {
        if (entry.is_regular_file())
            paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    for (auto const& path : paths) {
        constexpr std::size_t most = 1 << 20;
        auto const text = minivisor::util::read_file(path, most);
        if (!text) {
            std::fprintf(stderr, "%s\n", text.error().desc().c_str());
            return 1;
        }
        std::fprintf(stderr, "%s\n", path.c_str()); // the last one named is the one that failed
        LLVMFuzzerTestOneInput(reinterpret_cast<std::uint8_t const*>(text->data()), text->size());
    }
    // An empty corpus would be a test that cannot fail.
    return paths.empty() ? 1 : 0;
}
