// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/console_readline.hpp"

#include <array>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>

namespace minivisor::hmp::line_editor {

namespace {

// readline is one to a process, and so is what it calls.
Client* client = nullptr;
Candidates candidates;
std::size_t next_candidate = 0;

constexpr int bell = 7;

int take_key(FILE*)
{
    auto const key = client ? client->next_key() : std::nullopt;
    // Only a key that readline wants at once where it should have waited; it takes this as "never mind".
    return key ? static_cast<unsigned char>(*key) : bell;
}

int has_key() { return client && client->has_key() ? 1 : 0; }

ssize_t take_output(void*, char const* bytes, size_t size)
{
    if (client)
        client->write_output({bytes, size});
    return static_cast<ssize_t>(size);
}

void take_line(char* line)
{
    std::string text(line ? line : "");
    std::free(line);
    rl_callback_handler_remove();
    if (client)
        client->line_is_done(std::move(text));
}

char* generate_candidate(char const*, int)
{
    return next_candidate < candidates.words.size() ? strdup(candidates.words[next_candidate++].c_str()) : nullptr;
}

char** complete_word(char const* word, int start, int)
{
    rl_attempted_completion_over = 1; // no file names where they make no sense
    if (!client)
        return nullptr;
    candidates = client->complete({rl_line_buffer, static_cast<std::size_t>(start)}, word);
    next_candidate = 0;
    rl_completion_append_character = candidates.ends_word ? ' ' : '\0';
    if (candidates.files) {
        rl_filename_quoting_desired = candidates.ends_word; // an option string knows no quotes
        if (auto** const files = rl_completion_matches(word, rl_filename_completion_function))
            return files;
    }
    return candidates.words.empty() ? nullptr : rl_completion_matches(word, generate_candidate);
}

char* breaks_of_this_line()
{
    static std::array<char, 16> breaks;
    auto const wanted = word_breaks(rl_line_buffer ? rl_line_buffer : "");
    breaks.fill('\0');
    wanted.copy(breaks.data(), breaks.size() - 1);
    return breaks.data();
}

void bind_variables()
{
    // Completion that asks, or shows page after page, reads keys by itself and would hold up everything.
    rl_variable_bind("page-completions", "off");
    rl_completion_query_items = 0;
    // UTF-8 in and out.
    rl_variable_bind("input-meta", "on");
    rl_variable_bind("output-meta", "on");
    rl_variable_bind("convert-meta", "off");
    rl_variable_bind("enable-bracketed-paste", "off");
}

} // namespace

bool start(Client& new_client, int terminal)
{
    if (client)
        return false;
    client = &new_client;
    std::setlocale(LC_CTYPE, ""); // what a character is
    // The streams outlive the console: readline keeps them for good.
    static cookie_io_functions_t const functions{nullptr, take_output, nullptr, nullptr};
    static FILE* const output = fopencookie(nullptr, "w", functions);
    std::setvbuf(output, nullptr, _IOFBF, 4096);
    int const copy = dup(terminal);
    FILE* const input = copy < 0 ? nullptr : fdopen(copy, "r");
    if (!output || !input) {
        client = nullptr;
        return false;
    }
    rl_instream = input;
    rl_outstream = output;
    rl_readline_name = "minivisor";
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_change_environment = 0;
    rl_prep_term_function = [](int) {};
    rl_deprep_term_function = [] {};
    rl_tty_set_echoing(1); // what rl_prep_terminal would have found out
    rl_getc_function = take_key;
    rl_input_available_hook = has_key;
    rl_attempted_completion_function = complete_word;
    rl_completion_word_break_hook = breaks_of_this_line;
    rl_completer_quote_characters = "\"";
    rl_filename_quote_characters = " \t\"";
    rl_initialize();
    bind_variables();
    using_history();
    return true;
}

void stop()
{
    rl_callback_handler_remove();
    if (rl_instream)
        std::fclose(rl_instream);
    rl_instream = nullptr;
    clear_history();
    client = nullptr;
}

void show_prompt(std::string_view prompt)
{
    rl_callback_handler_install(std::string(prompt).c_str(), take_line);
    std::fflush(rl_outstream);
}

void remove_prompt() { rl_callback_handler_remove(); }

void take_keys()
{
    rl_callback_read_char();
    std::fflush(rl_outstream);
}

bool wants_plain_key()
{
    return !RL_ISSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH | RL_STATE_MULTIKEY | RL_STATE_METANEXT | RL_STATE_NUMERICARG
        | RL_STATE_CHARSEARCH);
}

bool line_is_empty() { return rl_end == 0; }

void discard(std::string_view prompt)
{
    // What readline's own handler of SIGINT does. Starting anew below also leaves the place in the history.
    rl_free_line_state();
    rl_callback_sigcleanup();
    rl_point = rl_end;
    rl_redisplay();
    rl_crlf();
    rl_callback_handler_remove();
    show_prompt(prompt);
}

void hide()
{
    rl_clear_visible_line();
    std::fflush(rl_outstream);
}

void show_again()
{
    rl_on_new_line();
    rl_forced_update_display();
    std::fflush(rl_outstream);
}

void resize()
{
    rl_resize_terminal();
    std::fflush(rl_outstream);
}

void remember(std::string const& line)
{
    for (int i = history_length - 1; i >= 0; --i)
        if (auto const* entry = history_get(history_base + i); entry && line == entry->line)
            free_history_entry(remove_history(i));
    if (history_length >= max_history)
        free_history_entry(remove_history(0));
    add_history(line.c_str());
    using_history();
}

void remember_all(std::vector<std::string> const& lines)
{
    for (auto const& line : lines)
        add_history(line.c_str());
    using_history();
}

std::vector<std::string> history()
{
    std::vector<std::string> lines;
    for (int i = 0; i < history_length; ++i)
        if (auto const* entry = history_get(history_base + i))
            lines.emplace_back(entry->line);
    return lines;
}

} // namespace minivisor::hmp::line_editor
