// SPDX-License-Identifier: GPL-3.0-or-later
// A page of the reference manual: headings, paragraphs, lists of terms and examples, written as Markdown or
// as roff for man(1). It knows no command; qapi/manual, and main/manual above it, fill it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace minivisor::qapi {

/// A run of text in one face.
struct Span {
    enum class Face {
        plain,
        code, ///< something that is typed or read as it stands
        link, ///< the name of a heading of the same page
    };
    Face face = Face::plain;
    std::string text;
};

/// Text in several faces.
class Text {
public:
    Text() = default;
    /// Words in which `backticks` surround what is typed as it stands.
    Text(std::string_view words); // NOLINT(google-explicit-constructor)
    Text(std::string const& words) // NOLINT(google-explicit-constructor)
        : Text(std::string_view(words))
    {
    }
    Text(char const* words) // NOLINT(google-explicit-constructor)
        : Text(std::string_view(words))
    {
    }

    Text& add(Text const& more);
    Text& code(std::string_view text);
    Text& link(std::string_view heading);
    std::vector<Span> const& spans() const { return m_spans; }

private:
    std::vector<Span> m_spans;
};

class Page {
public:
    /// Level 1 is the page's title, 2 a section, 3 something in a section; `code` headings are wire names.
    void heading(unsigned level, std::string_view text, bool code = false);
    void paragraph(Text text);
    /// One entry of a list; entries that follow one another make one list.
    void item(Text term, Text text);
    /// Lines that stand as they are.
    void example(std::string_view lines);
    /// Everything of another page, after this.
    void append(Page const& other);

    std::string markdown() const;
    /// A man page; `name` and `section` as in minivisor(1). Its title heading is left out, NAME takes its place.
    std::string roff(std::string_view name, unsigned section, std::string_view summary) const;

private:
    struct Block {
        enum class Kind { heading, paragraph, item, example };
        Kind kind;
        unsigned level = 0; ///< headings
        Text term; ///< items
        Text text;
        std::string lines; ///< examples
    };
    std::vector<Block> m_blocks;
};

} // namespace minivisor::qapi
