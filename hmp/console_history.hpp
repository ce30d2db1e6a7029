// SPDX-License-Identifier: GPL-3.0-or-later
// The lines typed at the console, kept across sessions in a file that is its owner's alone. Lines that
// carry a secret are not kept. Without a place for the file everything works but the keeping.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace minivisor::hmp {

class HistoryFile {
public:
    /// So many lines are given back; the file is shortened when it has twice as many.
    static constexpr std::size_t max_lines = 1000;
    static constexpr std::size_t max_bytes = 4 << 20;

    /// $XDG_STATE_HOME/minivisor/history, else under ~/.local/state; empty where there is no home.
    static std::string default_path();
    /// Whether a line may carry the data of a secret.
    static bool is_secret(std::string_view line);

    /// An empty path keeps nothing.
    explicit HistoryFile(std::string path)
        : m_path(std::move(path))
    {
    }

    /// What is kept, oldest first, of equal lines the last.
    std::vector<std::string> load();
    /// Keeps a line, unless it is secret. One write to the end of the file: several consoles may share it.
    void append(std::string_view line);

private:
    void make_folders() const;
    void replace(std::vector<std::string> const& lines) const;

    std::string m_path;
};

} // namespace minivisor::hmp
