// SPDX-License-Identifier: GPL-3.0-or-later
#include "authz/authz.hpp"

#include "util/quietly.hpp"
#include "util/text.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

namespace minivisor::authz {

namespace asio = boost::asio;

void ask(qom::Tree& tree, std::string const& authz_id, std::string_view identity, asio::any_io_executor const& main,
    Authz::Answer answer)
{
    auto* object = tree.find_user_object(authz_id);
    if (!object)
        return answer({false, cat("Cannot find QAuthZ object ID ", authz_id)});
    auto* authz = dynamic_cast<Authz*>(object);
    if (!authz)
        return answer({false, cat("Object '", authz_id, "' is not a QAuthZ subclass")});
    authz->ask(identity, main, std::move(answer));
}

asio::awaitable<Decision> decide(qom::Tree& tree, std::string authz_id, std::string identity)
{
    struct Asked {
        asio::steady_timer answered; // never expires
        std::optional<Decision> decision;
    };
    auto const main = co_await asio::this_coro::executor;
    auto const asked
        = std::make_shared<Asked>(Asked{asio::steady_timer(main, asio::steady_timer::time_point::max()), std::nullopt});
    ask(tree, authz_id, identity, main, [asked](Decision decision) {
        asked->decision = std::move(decision);
        asked->answered.cancel();
    });
    if (!asked->decision)
        co_await asked->answered.async_wait(quietly);
    if (!asked->decision)
        co_return Decision{false, "cancelled"};
    co_return *std::move(asked->decision);
}

void close_all(qom::Tree& tree)
{
    for (auto const& object : tree.objects().children())
        if (auto* authz = dynamic_cast<Authz*>(object.get()))
            authz->close();
}

void register_base(qom::TypeRegistry& types)
{
    qom::Type base;
    base.name = "authz";
    base.abstract = true;
    types.add(std::move(base));
}

} // namespace minivisor::authz
