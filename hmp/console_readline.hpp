// SPDX-License-Identifier: GPL-3.0-or-later
// readline, tamed: its keys come from us one by one, its output goes through us, it touches neither
// terminal settings nor signals, and never reads by itself. There is one in a process.
#pragma once

#include "hmp/completion.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace minivisor::hmp::line_editor {

/// So many lines can be recalled.
inline constexpr int max_history = 1000;

/// What the line editor calls. Must not call into it, unless it says so.
class Client {
public:
    virtual ~Client() = default;
    virtual std::optional<char> next_key() = 0;
    /// Whether there is one that readline may look at before its turn.
    virtual bool has_key() const = 0;
    virtual void write_output(std::string_view bytes) = 0;
    /// The prompt is gone; show_prompt() brings it back, but not from in here.
    virtual void line_is_done(std::string line) = 0;
    virtual Candidates complete(std::string_view before, std::string_view word) = 0;
};

/// False where it is in use already, or has no memory. `terminal` is asked for its size.
bool start(Client& client, int terminal);
void stop();

void show_prompt(std::string_view prompt);
void remove_prompt();
/// Takes one key, or a few that belong together, while there is a prompt and a key.
void take_keys();
/// Whether the next key stands for itself, not for the end of a sequence or a search.
bool wants_plain_key();
bool line_is_empty();
/// Leaves what was typed on the screen and begins anew below it.
void discard(std::string_view prompt);
/// Takes prompt and line off the screen for a while.
void hide();
void show_again();
/// The terminal has another size.
void resize();

/// Makes a line the last that can be recalled; it is there once.
void remember(std::string const& line);
/// The same for lines of which there are no two equal, oldest first.
void remember_all(std::vector<std::string> const& lines);
std::vector<std::string> history();

} // namespace minivisor::hmp::line_editor
