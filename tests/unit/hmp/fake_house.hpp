// SPDX-License-Identifier: GPL-3.0-or-later
// One console session in line mode between the fakes: text in, text out.
#pragma once

#include "hmp/hmp.hpp"
#include "tests/support/fake_house.hpp"

#include <string>

namespace minivisor::hmp {

using test::FakeHouse;
using test::FakeWire;

/// A session in line mode over both.
struct Conversation {
    FakeHouse house;
    FakeWire wire;
    std::unique_ptr<monitor::Session> session;

    Conversation()
        : session(session_factory()(house, wire))
    {
        session->start();
        wire.take_sent();
    }
    ~Conversation() { wire.end_tasks(); }

    /// What is sent in answer to these bytes, as far as it comes at once.
    std::string feed(std::string_view bytes)
    {
        session->feed(bytes);
        wire.settle();
        return wire.take_sent();
    }
    /// The answer to a line: without the echo and the prompt, which must be there.
    std::string ask(std::string const& line)
    {
        auto answer = feed(line + "\n");
        auto const echo = line + "\r\n";
        std::string const last = "(qemu) ";
        if (!answer.starts_with(echo) || !answer.ends_with(last))
            return "no echo or no prompt: " + answer;
        return answer.substr(echo.size(), answer.size() - echo.size() - last.size());
    }
};

} // namespace minivisor::hmp
