// SPDX-License-Identifier: GPL-3.0-or-later
#include "qapi/page.hpp"

#include "util/text.hpp"

#include <cctype>

namespace minivisor::qapi {

namespace {

using Face = Span::Face;

/// The anchor that Markdown readers make of a heading.
std::string anchor(std::string_view heading)
{
    std::string text;
    for (char const c : heading) {
        auto const byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '-' || c == '_')
            text += static_cast<char>(std::tolower(byte));
        else if (c == ' ')
            text += '-';
    }
    return text;
}

std::string markdown_of(Span const& span)
{
    if (span.face == Face::code)
        return cat("`", span.text, "`");
    if (span.face == Face::link)
        return cat("[", span.text, "](#", anchor(span.text), ")");
    std::string text;
    for (char const c : span.text) {
        if (std::string_view("\\*_<>[]|").find(c) != std::string_view::npos)
            text += '\\';
        text += c;
    }
    return text;
}

std::string markdown_of(Text const& text)
{
    std::string all;
    for (auto const& span : text.spans())
        all += markdown_of(span);
    return all;
}

/// A word that would begin a list or a heading if a line began with it.
bool opens_a_block(std::string_view word)
{
    auto const digits = word.find_first_not_of("0123456789");
    return word == "-" || word == "+" || word.starts_with('#') || word.starts_with('>')
        || (digits != word.npos && digits > 0 && (word[digits] == '.' || word[digits] == ')'));
}

/// `text` in lines of at most 118 columns, those after the first indented.
std::string wrap(std::string_view text, std::size_t indent)
{
    constexpr std::size_t width = 118;
    std::string all;
    std::size_t column = indent;
    for (auto const word : util::split(text, ' ')) {
        if (column > indent && column + 1 + word.size() > width && !opens_a_block(word)) {
            all += cat("\n", std::string(indent, ' '));
            column = indent;
        } else if (column > indent) {
            all += ' ';
            ++column;
        }
        all += word;
        column += word.size();
    }
    return all;
}

std::string roff_plain(std::string_view text)
{
    std::string all;
    for (char const c : text) {
        if (c == '\\')
            all += "\\e";
        else if (c == '-')
            all += "\\-";
        else if (c == '\'')
            all += "\\(aq";
        else if (c == '`')
            all += "\\(ga";
        else if (c == '^')
            all += "\\(ha";
        else if (c == '~')
            all += "\\(ti";
        else
            all += c;
    }
    return all;
}

std::string roff_of(Text const& text)
{
    std::string all;
    for (auto const& span : text.spans()) {
        auto const words = roff_plain(span.text);
        all += span.face == Face::code ? cat("\\fB", words, "\\fP")
            : span.face == Face::link  ? cat("\\fI", words, "\\fP")
                                       : words;
    }
    return all;
}

/// A text line, which must not look like a request.
std::string roff_line(std::string_view line)
{
    return cat(line.starts_with('.') || line.starts_with('\'') ? "\\&" : "", line, "\n");
}

std::string roff_quoted(std::string_view text)
{
    std::string all;
    for (char const c : text)
        all += c == '"' ? std::string("\\(dq") : std::string(1, c);
    return cat("\"", all, "\"");
}

} // namespace

Text::Text(std::string_view words)
{
    bool code = false;
    for (auto const part : util::split(words, '`')) {
        if (!part.empty())
            m_spans.push_back({code ? Face::code : Face::plain, std::string(part)});
        code = !code;
    }
}

Text& Text::add(Text const& more)
{
    m_spans.insert(m_spans.end(), more.m_spans.begin(), more.m_spans.end());
    return *this;
}

Text& Text::code(std::string_view text)
{
    m_spans.push_back({Face::code, std::string(text)});
    return *this;
}

Text& Text::link(std::string_view heading)
{
    m_spans.push_back({Face::link, std::string(heading)});
    return *this;
}

void Page::heading(unsigned level, std::string_view text, bool code)
{
    m_blocks.push_back({Block::Kind::heading, level, {}, code ? Text().code(text) : Text(text), {}});
}

void Page::paragraph(Text text) { m_blocks.push_back({Block::Kind::paragraph, 0, {}, std::move(text), {}}); }

void Page::item(Text term, Text text)
{
    m_blocks.push_back({Block::Kind::item, 0, std::move(term), std::move(text), {}});
}

void Page::example(std::string_view lines)
{
    m_blocks.push_back({Block::Kind::example, 0, {}, {}, std::string(lines)});
}

void Page::append(Page const& other) { m_blocks.insert(m_blocks.end(), other.m_blocks.begin(), other.m_blocks.end()); }

std::string Page::markdown() const
{
    std::string all;
    Block const* before = nullptr;
    for (auto const& block : m_blocks) {
        bool const same_list = before && before->kind == Block::Kind::item && block.kind == Block::Kind::item;
        if (before && !same_list)
            all += '\n';
        before = &block;
        switch (block.kind) {
        case Block::Kind::heading: all += cat(std::string(block.level, '#'), " ", markdown_of(block.text), "\n"); break;
        case Block::Kind::paragraph: all += cat(wrap(markdown_of(block.text), 0), "\n"); break;
        case Block::Kind::item:
            all += cat("- ", wrap(cat(markdown_of(block.term), ": ", markdown_of(block.text)), 2), "\n");
            break;
        case Block::Kind::example:
            for (auto const line : util::split(block.lines, '\n'))
                all += line.empty() ? "\n" : cat("    ", line, "\n");
            break;
        }
    }
    return all;
}

std::string Page::roff(std::string_view name, unsigned section, std::string_view summary) const
{
    std::string title;
    for (char const c : name)
        title += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    auto all = cat(".\\\" Written by minivisor --manual from its declarations.\n.TH ", roff_quoted(roff_plain(title)),
        " ", section, " \"\" \"minivisor ", MINIVISOR_VERSION, "\" \"minivisor\"\n.nh\n.ad l\n.SH NAME\n",
        roff_plain(name), " \\- ", roff_plain(summary), "\n");
    bool described = false;
    for (auto const& block : m_blocks) {
        bool const is_title = block.kind == Block::Kind::heading && block.level == 1;
        if (!described && !is_title && block.kind != Block::Kind::heading)
            all += ".SH DESCRIPTION\n"; // what stands before the first section
        described = described || !is_title;
        switch (block.kind) {
        case Block::Kind::heading:
            if (!is_title)
                all += cat(block.level == 2 ? ".SH " : ".SS ", roff_quoted(roff_of(block.text)), "\n");
            break;
        case Block::Kind::paragraph: all += cat(".PP\n", roff_line(roff_of(block.text))); break;
        case Block::Kind::item:
            all += cat(".TP\n", roff_line(roff_of(block.term)), roff_line(roff_of(block.text)));
            break;
        case Block::Kind::example:
            all += ".PP\n.RS 4\n.nf\n";
            for (auto const line : util::split(block.lines, '\n'))
                all += roff_line(roff_plain(line));
            all += ".fi\n.RE\n";
            break;
        }
    }
    return all;
}

} // namespace minivisor::qapi
