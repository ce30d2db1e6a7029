// SPDX-License-Identifier: GPL-3.0-or-later
// Type authz-pam: the account stack of a PAM service decides, with the identity as the user's name. Nobody is
// authenticated, and a module that asks something gets nothing. The modules run on threads of their own, a few at a
// time, and nobody waits for one that hangs: the time-out is a no. Whatever PAM says but success is a no
// (qmp-surface section 11).
#pragma once

#include "authz/authz.hpp"
#include "qom/user_type.hpp"

namespace minivisor::authz {

struct AuthZPAMOptions {
    std::string service;
    std::optional<std::string> directory;
    std::optional<std::int64_t> timeout;
};
BOOST_DESCRIBE_STRUCT(AuthZPAMOptions, (), (service, directory, timeout))
constexpr auto docs(AuthZPAMOptions const*)
{
    return qapi::members({{"service", "the PAM service whose account modules decide"},
        {"__org.minivisor_directory", "where the service's file is (default: where the system has them)"},
        {"__org.minivisor_timeout", "milliseconds until a missing answer is a no (default 5000)"}});
}

class AuthZPAM final : public qom::OptionsObject<AuthZPAMOptions>, public Authz {
public:
    /// So many modules' stacks of one object run at a time, hanging ones counted; further questions wait.
    static constexpr unsigned most_threads = 4;

    AuthZPAM(qom::Type const& type, AuthZPAMOptions options);
    static Result<std::unique_ptr<AuthZPAM>> create(qom::Type const& type, AuthZPAMOptions options, qom::Tree&);
    /// Closes it.
    ~AuthZPAM() override;

    Result<void> apply(AuthZPAMOptions changed) override;
    /// The context of `main` outlives the object.
    void ask(std::string_view identity, boost::asio::any_io_executor const& main, Answer answer) override;
    void close() override;

private:
    class Desk;
    std::shared_ptr<Desk> m_desk;
};

void register_pam(qom::TypeRegistry& types);

} // namespace minivisor::authz
