// SPDX-License-Identifier: GPL-3.0-or-later
// Type authz-list-file: the rules of authz-list, kept in a JSON file. With `refresh` the file is watched, and rules
// that change count as soon as they are read. A file that cannot be used denies everybody until it can; a file that
// is gone leaves its last rules in force (qmp-surface section 11).
#pragma once

#include "authz/authz.hpp"
#include "authz/rules.hpp"
#include "qom/user_type.hpp"
#include "util/file_watch.hpp"

#include <mutex>

namespace minivisor::authz {

struct AuthZListFileOptions {
    std::string filename;
    std::optional<bool> refresh;
};
BOOST_DESCRIBE_STRUCT(AuthZListFileOptions, (), (filename, refresh))
constexpr auto docs(AuthZListFileOptions const*)
{
    return qapi::members({{"filename", "the file with the rules, a JSON object as authz-list takes it"},
        {"refresh", "load the file anew whenever it changes (default on)"}});
}

class AuthZListFile final : public qom::OptionsObject<AuthZListFileOptions>, public PromptAuthz {
public:
    using OptionsObject::OptionsObject;
    static Result<std::unique_ptr<AuthZListFile>> create(
        qom::Type const& type, AuthZListFileOptions options, qom::Tree&);

    Decision decide(std::string_view identity) const override;
    std::vector<std::string> near_misses(std::string_view identity) const override;

private:
    std::shared_ptr<Rules const> rules() const;
    Result<void> load();
    void reload();

    std::mutex m_loading; ///< held by a load from its begin to its end
    /// What the watch's thread replaces.
    mutable std::mutex m_mutex;
    std::shared_ptr<Rules const> m_rules;
    std::string m_complaint; ///< why there are no rules

    std::unique_ptr<util::FileWatch> m_watch; ///< last: its thread ends first
};

void register_list_file(qom::TypeRegistry& types);

} // namespace minivisor::authz
