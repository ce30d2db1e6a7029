// SPDX-License-Identifier: GPL-3.0-or-later
#include "authz/pam.hpp"

#include "util/text.hpp"
#include "util/worker.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <security/pam_appl.h>

#include <deque>
#include <map>
#include <mutex>

namespace minivisor::authz {

namespace {

namespace asio = boost::asio;

constexpr std::int64_t default_timeout = 5'000;
constexpr std::int64_t longest_timeout = 60'000;
constexpr std::size_t most_questions = 256;

int say_nothing(int, pam_message const**, pam_response**, void*) { return PAM_CONV_ERR; }

/// Answers that come from the modules' policy; the others mean that PAM did not work.
bool is_policy(int result)
{
    switch (result) {
    case PAM_PERM_DENIED:
    case PAM_AUTH_ERR:
    case PAM_ACCT_EXPIRED:
    case PAM_NEW_AUTHTOK_REQD:
    case PAM_USER_UNKNOWN: return true;
    default: return false;
    }
}

std::string unable(std::string_view identity, std::string_view reason)
{
    return cat("Unable to authorize user '", identity, "': ", reason);
}

struct PamRequest {
    std::string service;
    std::string directory; ///< empty: the system's
    std::string identity;
};

/// Asks PAM; may never return.
Decision consult(PamRequest const& request)
{
    pam_conv const conversation{say_nothing, nullptr};
    pam_handle_t* handle = nullptr;
    auto const* const service = request.service.c_str();
    auto const* const user = request.identity.c_str();
    auto const started = request.directory.empty()
        ? pam_start(service, user, &conversation, &handle)
        : pam_start_confdir(service, user, &conversation, request.directory.c_str(), &handle);
    if (started != PAM_SUCCESS)
        return {false, cat("Unable to start PAM transaction: ", pam_strerror(handle, started))};
    auto const result = pam_acct_mgmt(handle, PAM_SILENT);
    std::string const reason = pam_strerror(handle, result);
    pam_end(handle, result);
    if (result == PAM_SUCCESS)
        return {true, {}, cat("PAM service '", request.service, "' allows it")};
    if (!is_policy(result))
        return {false, unable(request.identity, reason)};
    return {
        false, {}, cat("PAM service '", request.service, "' denies it: ", reason), unable(request.identity, reason)};
}

} // namespace

/// The questions that are open. Used on the main thread; the modules' threads, which may outlive the object, only
/// report here.
class AuthZPAM::Desk : public std::enable_shared_from_this<Desk> {
public:
    void ask(PamRequest request, std::chrono::milliseconds timeout, asio::any_io_executor const& main, Answer answer)
    {
        if (!m_open || m_questions.size() >= most_questions)
            return answer({false,
                unable(request.identity, m_open ? "too many questions wait for PAM" : "the program is about to end")});
        auto const number = ++m_last;
        auto const [place, is_new] = m_questions.try_emplace(
            number, Question{std::move(request), std::move(answer), asio::steady_timer(main, timeout)});
        place->second.timer.async_wait([self = weak_from_this(), number, timeout](boost::system::error_code error) {
            auto const desk = self.lock();
            if (!error && desk)
                desk->answer(number, cat("PAM did not answer within ", timeout.count(), " ms"));
        });
        m_waiting.push_back(number);
        start_next();
    }

    void close()
    {
        {
            std::lock_guard const lock(m_mutex);
            m_open = false;
        }
        while (!m_questions.empty())
            answer(m_questions.begin()->first, "the authorization object has gone");
    }

private:
    struct Question {
        PamRequest request;
        Answer answer;
        asio::steady_timer timer;
    };

    void start_next()
    {
        while (m_running < most_threads && !m_waiting.empty()) {
            auto const number = m_waiting.front();
            m_waiting.pop_front();
            auto const question = m_questions.find(number);
            if (question == m_questions.end())
                continue; // its time was over
            auto run
                = [desk = shared_from_this(), number, request = question->second.request,
                      main = question->second.timer.get_executor()] { desk->report(number, consult(request), main); };
            if (auto const started = util::run_unattended("pam", std::move(run)); !started)
                answer(number, started.error().desc());
            else
                ++m_running;
        }
    }

    /// On a module's thread.
    void report(std::uint64_t number, Decision decision, asio::any_io_executor const& main)
    {
        std::lock_guard const lock(m_mutex);
        if (!m_open)
            return; // and `main` may be gone
        asio::post(main, [self = shared_from_this(), number, decision = std::move(decision)] {
            --self->m_running;
            self->answer(number, decision);
            self->start_next();
        });
    }

    void answer(std::uint64_t number, std::string_view reason)
    {
        if (auto const question = m_questions.find(number); question != m_questions.end())
            answer(number, Decision{false, unable(question->second.request.identity, reason)});
    }
    void answer(std::uint64_t number, Decision decision)
    {
        std::erase(m_waiting, number);
        auto question = m_questions.extract(number);
        if (!question.empty()) // else its time was over
            question.mapped().answer(std::move(decision));
    }

    std::uint64_t m_last = 0;
    std::map<std::uint64_t, Question> m_questions;
    std::deque<std::uint64_t> m_waiting; ///< for a thread
    unsigned m_running = 0;
    std::mutex m_mutex; ///< guards m_open, which keeps the threads from a context that is gone
    bool m_open = true;
};

AuthZPAM::AuthZPAM(qom::Type const& type, AuthZPAMOptions options)
    : OptionsObject(type, std::move(options))
    , m_desk(std::make_shared<Desk>())
{
}

AuthZPAM::~AuthZPAM() { m_desk->close(); }

void AuthZPAM::close() { m_desk->close(); }

Result<std::unique_ptr<AuthZPAM>> AuthZPAM::create(qom::Type const& type, AuthZPAMOptions options, qom::Tree&)
{
    options.timeout = options.timeout.value_or(default_timeout);
    if (*options.timeout < 1 || *options.timeout > longest_timeout)
        return Error::generic(cat("Parameter '__org.minivisor_timeout' expects a number from 1 to ", longest_timeout));
    if (options.directory && !options.directory->starts_with('/'))
        return Error::generic("Parameter '__org.minivisor_directory' expects an absolute path");
    return std::make_unique<AuthZPAM>(type, std::move(options));
}

Result<void> AuthZPAM::apply(AuthZPAMOptions changed)
{
    renew();
    return OptionsObject::apply(std::move(changed));
}

void AuthZPAM::ask(std::string_view identity, asio::any_io_executor const& main, Answer answer)
{
    // PAM would see another name than the one that was asked about, or a list of names two in one.
    if (identity.find_first_of(std::string_view("\0\r\n", 3)) != std::string_view::npos)
        return answer({false, unable(identity, "it contains a NUL, CR or LF character")});
    PamRequest request{m_options.service, m_options.directory.value_or(""), std::string(identity)};
    auto stamped = [generation = generation(), answer = std::move(answer)](Decision decision) {
        decision.generation = generation;
        answer(std::move(decision));
    };
    m_desk->ask(std::move(request), std::chrono::milliseconds(*m_options.timeout), main, std::move(stamped));
}

void register_pam(qom::TypeRegistry& types)
{
    qom::UserType<AuthZPAM>("authz-pam", "The account modules of a PAM service decide.")
        .settable("service")
        .add_to(types, "authz");
}

} // namespace minivisor::authz
