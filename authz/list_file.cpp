// SPDX-License-Identifier: GPL-3.0-or-later
#include "authz/list_file.hpp"

#include "authz/list.hpp"
#include "qapi/codec.hpp"
#include "qapi/json.hpp"
#include "util/log.hpp"
#include "util/text.hpp"
#include "util/trace.hpp"

namespace minivisor::authz {

namespace {

/// A million rules are some 83 MB. What QMP allows a client does not bind the operator's own file. A comma behind the
/// last rule is taken: QEMU's own example has one.
constexpr std::size_t max_file_size = std::size_t{256} << 20;
constexpr qapi::JsonLimits file_limits{
    .token_bytes = max_file_size, .tokens = max_file_size, .nesting = 32, .trailing_comma = true};

Result<QAuthZListRule> decode_rule(qapi::Value const& value, std::size_t number)
{
    auto rule = qapi::decode<QAuthZListRule>(value);
    if (rule)
        return rule;
    // Once more, to be told where it stands.
    QAuthZListRule named;
    TRY(qapi::decode_into(qapi::type_of<QAuthZListRule>(), &named, value, cat("rules[", number, ']')));
    return named;
}

Result<std::shared_ptr<Rules const>> read_rules(std::string const& path)
{
    auto text = util::read_file(path, max_file_size);
    if (!text)
        return std::move(text).error().context(cat("Unable to read '", path, '\''));
    // A rule at a time: all of them as one value would take many times the room of their text.
    auto rules = std::make_shared<Rules>(text->size());
    std::optional<Error> fault;
    std::size_t number = 0;
    qapi::JsonElements const elements{"rules", [&](qapi::Value element) {
                                          auto rule = decode_rule(element, number++);
                                          if (rule)
                                              rules->add(*rule);
                                          else if (!fault)
                                              fault = std::move(rule).error();
                                      }};
    auto const value = TRY(qapi::parse_json(*text, file_limits, &elements));
    *text = {};
    auto const* object = value.if_object();
    if (object == nullptr)
        return Error::generic(cat("File '", path, "' must contain a JSON object"));
    auto const& type = qapi::type_of<AuthZListOptions>();
    for (auto const& member : *object)
        if (type.find_member(qapi::view(member.key())) == nullptr)
            return Error::generic(cat("Property 'authz-list.", util::printable(member.key()), "' not found"));
    auto const options = TRY(qapi::decode<AuthZListOptions>(value)); // its rules are empty
    if (fault)
        return *std::move(fault);
    rules->close(options.policy.value_or(QAuthZListPolicy::deny));
    return std::shared_ptr<Rules const>(std::move(rules));
}

} // namespace

Result<std::unique_ptr<AuthZListFile>> AuthZListFile::create(
    qom::Type const& type, AuthZListFileOptions options, qom::Tree&)
{
    auto const refresh = options.refresh.value_or(true);
    options.refresh = refresh;
    auto object = std::make_unique<AuthZListFile>(type, std::move(options));
    auto const& path = object->options().filename;
    bool const watched = refresh && path.starts_with('/');
    // Watched before it is read: a change in between is seen.
    if (watched)
        object->m_watch = TRY(util::FileWatch::start({path}, [self = object.get()] { self->reload(); }));
    TRY(object->load());
    if (refresh && !watched)
        return Error::generic("Filename must be an absolute path");
    return object;
}

Result<void> AuthZListFile::load()
{
    // From reading to use: of two loads, the one that read last has to count.
    std::lock_guard const one_at_a_time(m_loading);
    trace::pass(trace::Point::qauthz_list_file_load, "AuthZ file load filename=", m_options.filename);
    auto rules = read_rules(m_options.filename);
    std::lock_guard const guard(m_mutex);
    if (m_rules || !m_complaint.empty())
        renew(); // else it is the first one
    m_rules = rules ? *std::move(rules) : nullptr;
    m_complaint = rules ? std::string() : rules.error().desc();
    if (!rules)
        return std::move(rules).error();
    return {};
}

void AuthZListFile::reload()
{
    auto const loaded = load();
    if (!loaded) {
        log::error(loaded.error());
        log::error(cat("Nobody is let in by the rules in '", m_options.filename, "' until they can be read"));
    }
    trace::pass(trace::Point::qauthz_list_file_refresh, "AuthZ file load filename=", m_options.filename,
        " success=", loaded ? 1 : 0);
}

std::shared_ptr<Rules const> AuthZListFile::rules() const
{
    std::lock_guard const guard(m_mutex);
    return m_rules;
}

Decision AuthZListFile::decide(std::string_view identity) const
{
    std::unique_lock lock(m_mutex);
    auto const rules = m_rules;
    Decision decision{false, {}, rules ? std::string() : cat("its file cannot be used: ", m_complaint)};
    auto const asked = generation();
    lock.unlock(); // a long list is asked without it
    if (rules)
        decision = decide_by(*rules, identity);
    decision.generation = asked;
    return decision;
}

std::vector<std::string> AuthZListFile::near_misses(std::string_view identity) const
{
    auto const rules = this->rules();
    return rules ? rules->near_misses(identity, most_near_misses) : std::vector<std::string>();
}

void register_list_file(qom::TypeRegistry& types)
{
    qom::UserType<AuthZListFile>(
        "authz-list-file", "Rules as in `authz-list`, from a file that is followed while it changes.")
        .add_to(types, "authz");
    types.add_alias("authz-listfile", "authz-list-file");
}

} // namespace minivisor::authz
