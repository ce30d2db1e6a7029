// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/app.hpp"

#include "authz/authz.hpp"
#include "authz/commands.hpp"
#include "crypto/commands.hpp"
#include "hmp/hmp.hpp"
#include "hw/commands.hpp"
#include "hw/dump_commands.hpp"
#include "hw/mtree.hpp"
#include "io/commands.hpp"
#include "io/doorman.hpp"
#include "machine/commands.hpp"
#include "main/answers.hpp"
#include "main/diagnostics.hpp"
#include "main/fronts.hpp"
#include "main/object_option.hpp"
#include "main/option_list.hpp"
#include "main/privileges.hpp"
#include "main/process.hpp"
#include "main/service.hpp"
#include "main/types.hpp"
#include "migration/commands.hpp"
#include "monitor/commands.hpp"
#include "monitor/dispatch.hpp"
#include "monitor/tracing.hpp"
#include "qapi/schema/cpu.hpp"
#include "qmp/qmp.hpp"
#include "qom/commands.hpp"
#include "qom/user_object.hpp"
#include "util/log.hpp"
#include "util/quietly.hpp"
#include "util/text.hpp"

#include <csignal>
#include <fcntl.h>
#include <list>
#include <map>
#include <sys/prctl.h>
#include <unistd.h>

namespace minivisor::main {

namespace {

namespace asio = boost::asio;
namespace log = util::log;

class App {
public:
    explicit App(Options options)
        : m_options(std::move(options))
    {
        register_types(m_types);
    }

    Result<int> run()
    {
        if (m_options.object_help)
            return print_object_help(m_types, *m_options.object_help);
        if (m_options.identity_file)
            return print_identity(*m_options.identity_file);
        if (m_options.manual_page) {
            TRY(build());
            return print_manual({m_registry, m_types}, *m_options.manual_page);
        }
        if (m_options.check_audit)
            return print_audit_check(*m_options.check_audit);
        if (m_options.check_authz) {
            TRY(create_objects(Objects::before_the_machine));
            return print_authz_answer(m_io, m_tree, *m_options.check_authz);
        }
        auto opened = open();
        if (!opened)
            m_tasks.spawn([this] { return wind_down(); }); // what is open already is closed in order
        m_io.run();
        close();
        if (!opened)
            return std::move(opened).error();
        return m_status;
    }

private:
    Result<void> build();
    Result<void> open();
    Result<void> take_descriptors();
    enum class Objects { before_the_machine, after_it };
    Result<void> create_objects(Objects which);
    Result<void> bind();
    asio::awaitable<void> watch_signals();
    asio::awaitable<void> wind_down();
    void request_exit(int status);
    void close();

    Options m_options;
    std::optional<Daemon> m_daemon;
    HandedSockets m_handed;
    Notifier m_notifier;
    util::UniqueFd m_signals;
    asio::io_context m_io{1};
    util::Worker m_worker;
    qom::TypeRegistry m_types;
    qapi::Registry m_registry;
    qapi::EventBus m_events{m_registry};
    qom::Tree m_tree{m_types};
    util::FdSets m_fd_sets;
    util::FdTable m_inherited; ///< the sender's, of -incoming fd:N
    io::Yank m_yank;
    io::Doorman m_doorman{m_io, m_tree, m_events};
    crypto::TlsKeeper m_tls_keeper{m_io.get_executor(), m_tree, m_events};
    std::unique_ptr<machine::Machine> m_machine;
    std::unique_ptr<hw::Mini> m_mini; ///< where the machine is of that kind
    std::optional<machine::DirtyRate> m_dirty_rate;
    std::optional<hw::Dump> m_dump;
    std::unique_ptr<migration::Migration> m_migration;
    monitor::Dispatcher m_dispatcher{m_registry, m_events};
    Fronts m_fronts{m_io, m_tree, m_doorman, m_events, m_yank, m_dispatcher, [this] { request_exit(0); }};
    std::optional<PidFile> m_pidfile;
    util::TaskGroup m_tasks{m_io.get_executor()};
    std::optional<asio::posix::stream_descriptor> m_signal_ready;
    bool m_exiting = false;
    int m_status = 0;
};

/// Everything that can be spoken of; nothing of it is reached from outside yet.
Result<void> App::build()
{
    TRY(take_descriptors());
    TRY(bind());
    TRY(create_objects(Objects::before_the_machine));
    m_machine = TRY(machine::Machine::create(m_options.machine, m_tree, m_events));
    m_options.mini.incoming = m_options.incoming.has_value();
    for (auto const& option : m_options.loaders) {
        auto loaded = machine::load(option.loader, m_machine->memory());
        if (!loaded)
            return std::move(loaded).error().context(option.origin);
        if (auto const cpu = option.loader.cpu_num; cpu && (*cpu > 0 || m_machine->kind() != "mini"))
            return Error::generic(cat("Specified boot CPU#", *cpu, " is nonexistent")).context(option.origin);
        if (option.loader.cpu_num)
            m_options.mini.start_address = option.loader.addr.value_or(0);
    }
    if (m_machine->kind() == "mini")
        m_mini = TRY(hw::Mini::create(
            m_options.mini, *m_machine, m_tree, m_io.get_executor(), [this](int status) { request_exit(status); }));
    TRY(create_objects(Objects::after_it));
    m_dirty_rate.emplace(m_io.get_executor(), m_machine->memory(), m_worker);
    machine::bind_commands(m_registry, *m_machine, m_tree, m_worker, *m_dirty_rate);
    hw::bind_commands(m_registry, *m_machine, m_mini.get());
    m_dump.emplace(m_io.get_executor(), *m_machine, m_events, m_worker, m_fd_sets);
    hw::bind_dump_commands(m_registry, *m_dump);
    if (m_mini)
        m_dump->set_cpu_source([this] { return m_mini->cpu_registers(); });
    hw::bind_mtree(
        m_registry, m_machine->memory(), [this] { return m_mini ? m_mini->address_spaces() : hw::AddressSpaces(); });
    m_migration = std::make_unique<migration::Migration>(
        m_io, *m_machine, m_tree, m_events, m_doorman, m_fd_sets, m_yank, [this](int status) { request_exit(status); });
    if (m_options.authz_fail_open)
        m_migration->fail_open();
    migration::bind_commands(m_registry, *m_migration, m_worker);
    m_registry.bind<qapi::Gdbserver>([this](qapi::GdbserverArguments arguments) {
        return m_fronts.serve_gdb(arguments.device.value_or("tcp::1234"), m_mini.get(), *m_machine);
    });
    m_registry.close();
    return {};
}

Result<void> App::open()
{
    TRY(open_diagnostics(m_options));
    std::optional<User> user;
    if (m_options.user) {
        auto found = find_user(m_options.user->text);
        if (!found)
            return std::move(found).error().context(m_options.user->origin);
        user = *std::move(found);
    }
    m_handed = TRY(HandedSockets::take());
    m_notifier = TRY(Notifier::open());
    if (m_options.daemonize)
        m_daemon = TRY(Daemon::start());
    if (m_options.lock_memory)
        TRY(lock_memory());
    if (m_options.process_name)
        prctl(PR_SET_NAME, m_options.process_name->c_str());
    m_signals = TRY(open_signal_fd());
    for (auto const& audit : m_options.audits) {
        auto trail
            = audit.file.empty() ? io::AuditTrail::open_journal(audit.journal) : io::AuditTrail::open(audit.file);
        m_doorman.keep_audit(TRY(std::move(trail)),
            audit.required ? io::Doorman::Unwritten::refuses : io::Doorman::Unwritten::is_logged);
    }
    TRY(build());

    if (m_options.pidfile)
        m_pidfile.emplace(TRY(PidFile::create(*m_options.pidfile)));
    if (m_options.incoming) {
        auto awaited = m_migration->await_incoming(*m_options.incoming, !m_options.incoming_keep, &m_inherited);
        if (!awaited)
            return std::move(awaited).error().context(cat("-incoming ", *m_options.incoming));
    }
    TRY(m_fronts.open(m_options, m_handed, m_mini.get(), *m_machine));
    m_machine->start();
    m_signal_ready.emplace(m_io, dup(m_signals.get()));
    m_tasks.spawn([this] { return watch_signals(); });
    if (m_options.root)
        TRY(change_root(*m_options.root));
    if (user)
        TRY(become(*user));
    if (m_options.sandbox)
        TRY(enter_sandbox(*m_options.sandbox));
    if (m_daemon)
        TRY(m_daemon->ready());
    asio::post(m_io, [this] { m_notifier.ready(); }); // runs when everything that is open is being looked at
    return {};
}

Result<void> App::bind() // the commands that need no machine
{
    qom::bind_commands(m_registry, m_tree);
    qmp::bind_commands(m_registry);
    monitor::bind_commands(m_registry, m_fd_sets, [this] {
        m_machine->run().announce_shutdown(qapi::ShutdownCause::host_qmp_quit);
        request_exit(0);
    });
    monitor::bind_trace_commands(m_registry);
    hmp::bind_commands(m_registry, m_dispatcher);
    io::bind_chardev_commands(m_registry, m_fronts.chardevs());
    bind_option_list(m_registry);
    io::bind_commands(m_registry, m_tree, m_yank);
    authz::bind_commands(m_registry, m_tree);
    crypto::bind_commands(m_registry, m_tree, m_tls_keeper);
    return {};
}

/// What this program itself has opened does not outlive an exec.
bool is_inherited(int fd)
{
    auto const flags = fcntl(fd, F_GETFD);
    return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

/// Those of -add-fd and of -incoming fd:N.
Result<void> App::take_descriptors()
{
    if (m_options.incoming && m_options.incoming->starts_with("fd:")) {
        auto const name = m_options.incoming->substr(3);
        auto const number = util::parse_uint64(name);
        auto const origin = cat("-incoming ", *m_options.incoming);
        if (!number || *number > std::numeric_limits<int>::max())
            return Error::generic(cat("Invalid file descriptor number '", name, "'")).context(origin);
        auto const fd = static_cast<int>(*number);
        if (!is_inherited(fd))
            return Error::generic("fd is not valid or already in use").context(origin);
        util::UniqueFd inherited(fd);
        m_inherited.add(name, TRY(inherited.duplicate()));
        if (fd <= STDERR_FILENO) // of the whole process: nothing else shall get that number
            static_cast<void>(inherited.release());
    }
    std::map<int, util::UniqueFd> inherited; // each may go into several sets; closed in the end
    for (auto& option : m_options.fds) {
        if (!is_inherited(option.fd))
            return Error::generic("fd is not valid or already in use").context(option.origin);
        auto duplicate = TRY(inherited.try_emplace(option.fd, option.fd).first->second.duplicate());
        TRY(m_fd_sets.add(std::move(duplicate), option.set, std::move(option.opaque)));
    }
    return {};
}

Result<void> App::create_objects(Objects which)
{
    for (auto const& option : m_options.objects) {
        auto prepared = prepare_object(m_types, option.text);
        if (!prepared)
            return std::move(prepared).error().context(cat("-object ", option.text));
        if (prepared->type->needs_machine != (which == Objects::after_it))
            continue;
        if (!option.text.starts_with('{') && m_tree.find_user_object(prepared->id))
            return Error::generic(cat("-object ", option.text, ": Duplicate ID '", prepared->id, "' for object"));
        TRY(qom::create_user_object(m_tree, *std::move(prepared)));
    }
    return {};
}

asio::awaitable<void> App::watch_signals()
{
    Signal signal;
    do {
        if (signal.number == SIGHUP)
            m_doorman.reopen_audit();
        auto const [error] = co_await m_signal_ready->async_wait(asio::posix::descriptor_base::wait_read, quietly);
        if (error)
            co_return;
        signal = read_signal(m_signals.get());
    } while (signal.number == SIGHUP && !m_options.audits.empty()); // a rotation
    if (!signal.text.empty())
        log::error(signal.text);
    m_machine->run().announce_shutdown(qapi::ShutdownCause::host_signal);
    request_exit(0);
}

void App::request_exit(int status)
{
    if (m_exiting)
        return;
    m_exiting = true;
    m_status = status;
    // After the handler that asked for it has sent its reply.
    asio::post(m_io, [this] { m_tasks.spawn([this] { return wind_down(); }); });
}

asio::awaitable<void> App::wind_down()
{
    m_notifier.stopping();
    m_tls_keeper.shut_down();
    // After a start that failed half-way some of these are not there.
    if (m_migration)
        co_await m_migration->shut_down();
    if (m_mini && m_machine->run().running())
        m_mini->end(); // it says nothing more
    if (m_dirty_rate)
        co_await m_dirty_rate->shut_down();
    co_await m_fronts.shut_down_guest_lines();
    if (m_dump)
        co_await m_dump->shut_down();
    co_await m_fronts.shut_down();
    authz::close_all(m_tree);
    if (m_signal_ready)
        m_signal_ready->close();
}

void App::close()
{
    m_migration.reset();
    m_dirty_rate.reset();
    m_fronts.close();
    m_mini.reset();
    m_machine.reset();
}

} // namespace

Result<int> run(Options options)
{
    App app(std::move(options));
    return app.run();
}

} // namespace minivisor::main
