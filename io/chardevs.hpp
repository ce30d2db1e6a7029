// SPDX-License-Identifier: GPL-3.0-or-later
// The character devices that there are, and how each kind is made from its description.
#pragma once

#include "io/chardev.hpp"
#include "io/doorman.hpp"
#include "qapi/event_bus.hpp"
#include "qapi/registry.hpp"
#include "qapi/schema/char.hpp"
#include "qom/tree.hpp"
#include "util/task_group.hpp"

#include <list>

namespace minivisor::io {

class Chardevs {
public:
    /// `tree` is where TLS credentials and authorization objects are looked up.
    Chardevs(boost::asio::io_context& io, qom::Tree& tree, Doorman& doorman, qapi::EventBus& events, Yank& yank);
    ~Chardevs();

    /// A device of the command line, where descriptors have numbers; may wait long.
    Result<void> add_now(qapi::ChardevAddArguments const& arguments);
    /// Another one later; `descriptors` are those that the caller has named. "Chardev with id 'x' already exists".
    boost::asio::awaitable<Result<qapi::ChardevReturn>> add(
        qapi::ChardevAddArguments arguments, util::FdTable* descriptors);
    /// Puts another in the place of the one with this id, whose user goes on with it, if it can. If that is not to be,
    /// all stays as it is.
    boost::asio::awaitable<Result<qapi::ChardevReturn>> change(
        qapi::ChardevAddArguments arguments, util::FdTable* descriptors);
    /// Removes one that nobody uses.
    Result<void> remove(std::string const& label);
    /// The same for one whose only user has gone; nothing where there is none.
    void discard(std::string const& label);
    /// Null where there is none.
    Chardev* find(std::string_view label);
    std::list<std::unique_ptr<Chardev>> const& all() const { return m_devices; }

    /// "cannot use stdio with -daemonize" from now on.
    void forbid_stdio() { m_stdio_forbidden = true; }
    /// For the multiplexers that are made from now on: the key they listen to, and what to do when one says that it is
    /// time to end.
    void set_escape(unsigned char escape) { m_escape = escape; }
    void on_terminate(std::function<void()> end) { m_on_terminate = std::move(end); }

    /// Closes every device; join() returns when nothing of them runs.
    void close();
    boost::asio::awaitable<void> join() { return m_tasks.join(); }

private:
    struct Unfinished;

    Result<Chardev*> find_changeable(qapi::ChardevAddArguments const& arguments);

    Result<std::unique_ptr<Chardev>> make(
        std::string const& label, qapi::ChardevBackend const& backend, util::FdTable* descriptors);
    Result<std::unique_ptr<Chardev>> make_file(std::string const& label, qapi::ChardevFile const& file);
    Result<std::unique_ptr<Chardev>> make_stdio(std::string const& label, qapi::ChardevStdio const& stdio);
    Result<std::unique_ptr<Chardev>> make_mux(std::string const& label, qapi::ChardevMux const& mux);
    Result<std::unique_ptr<Chardev>> make_socket(
        std::string const& label, qapi::ChardevSocket const& socket, util::FdTable* descriptors);
    Result<std::unique_ptr<Chardev>> make_server(
        std::string const& label, qapi::ChardevSocket const& socket, util::FdTable* descriptors);
    Result<std::unique_ptr<Chardev>> make_client(
        std::string const& label, qapi::ChardevSocket const& socket, util::FdTable* descriptors);
    void insert(std::unique_ptr<Chardev> device);
    std::unique_ptr<Chardev> take(Chardev& device);
    void retire(std::unique_ptr<Chardev> device);

    boost::asio::io_context& m_io;
    qom::Tree& m_tree;
    Doorman& m_doorman;
    qapi::EventBus& m_events;
    Yank& m_yank;
    std::list<std::unique_ptr<Chardev>> m_devices;
    std::list<std::unique_ptr<Chardev>> m_leaving; ///< closed, and something of them still runs
    Chardev* m_stdio = nullptr;
    bool m_stdio_forbidden = false;
    unsigned char m_escape;
    std::function<void()> m_on_terminate;
    util::TaskGroup m_tasks;
};

/// Binds query-chardev, chardev-add and the others to `chardevs`, which outlive the registry.
void bind_chardev_commands(qapi::Registry& registry, Chardevs& chardevs);

} // namespace minivisor::io
