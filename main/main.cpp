// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/app.hpp"
#include "main/process.hpp"
#include "util/log.hpp"

#include <csignal>
#include <cstdio>

int main(int argc, char** argv)
{
    using namespace minivisor;
    main::fill_standard_descriptors();
    util::log::set_program(argc > 0 ? argv[0] : "minivisor");
    std::signal(SIGPIPE, SIG_IGN); // a peer that has gone is an error of the write, not the end
    auto options = main::parse_options(argc, argv);
    if (options && options->print_and_exit) {
        std::fputs(options->print_and_exit->c_str(), stdout);
        return std::fflush(stdout) == 0 ? 0 : 1;
    }
    auto const status = options ? main::run(*std::move(options)) : std::move(options).error();
    if (!status) {
        util::log::error(status.error());
        return 1;
    }
    return *status;
}
