// SPDX-License-Identifier: GPL-3.0-or-later
// Who may come in: the question that every authorization object answers (QEMU's QAuthZ). Fails
// closed: an object that is missing, or is none, is a no. Objects are looked up at the time of each
// question, so that deleting and adding one anew changes the answer (qmp-surface section 11).
#pragma once

#include "authz/ledger.hpp"
#include "qom/tree.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <functional>
#include <optional>

namespace minivisor::authz {

/// An answer. All texts are for the operator, never for the peer.
struct Decision {
    bool allowed = false;
    std::string error; ///< the question could not be answered, and why: takes the place of "is denied"
    std::string detail; ///< what the answer rests on
    std::string denial; ///< the driver's own sentence for "is denied", where it has one
    std::optional<std::size_t> rule; ///< the number of the rule that decided, from 0
    std::uint64_t generation = 0; ///< of what was asked, see Authz::generation()
};

/// Base of the authorization types.
class Authz {
public:
    using Answer = std::function<void(Decision)>;

    virtual ~Authz() = default;
    /// May the owner of `identity` come in? An identity is text to be compared byte for byte. `answer` is called
    /// once: before this returns where the driver can say at once, else later through `main`, the executor of the
    /// thread that asks; also when the object is deleted meanwhile.
    virtual void ask(std::string_view identity, boost::asio::any_io_executor const& main, Answer answer) = 0;
    /// At the end of the program: who waits for an answer gets a no, and so does who asks later.
    virtual void close() { }
    /// Rules that do not match by little, and by what (see near_miss()); at most `most_near_misses`.
    virtual std::vector<std::string> near_misses(std::string_view) const { return {}; }
    static constexpr std::size_t most_near_misses = 10;

    /// How often what it decides by was loaded or set, from 1.
    std::uint64_t generation() const { return m_generation; }
    /// What it has answered to those who came. Kept by whoever asks on their behalf, so that questions beforehand do
    /// not count.
    Ledger& ledger() { return m_ledger; }
    Ledger const& ledger() const { return m_ledger; }

protected:
    void renew() { ++m_generation; }

private:
    std::atomic<std::uint64_t> m_generation{1};
    Ledger m_ledger;
};

/// Base of those that can say at once.
class PromptAuthz : public Authz {
public:
    virtual Decision decide(std::string_view identity) const = 0;
    void ask(std::string_view identity, boost::asio::any_io_executor const&, Answer answer) final
    {
        auto const asked = generation();
        auto decision = decide(identity);
        if (decision.generation == 0)
            decision.generation = asked;
        answer(std::move(decision));
    }
};

/// Asks the object of that id.
void ask(qom::Tree& tree, std::string const& authz_id, std::string_view identity,
    boost::asio::any_io_executor const& main, Authz::Answer answer);
/// The same as a coroutine of the main thread. One that is cancelled gets an error.
boost::asio::awaitable<Decision> decide(qom::Tree& tree, std::string authz_id, std::string identity);

/// Closes every authorization object, so that nothing of them waits any more.
void close_all(qom::Tree& tree);

/// Registers the abstract type "authz".
void register_base(qom::TypeRegistry& types);

} // namespace minivisor::authz
