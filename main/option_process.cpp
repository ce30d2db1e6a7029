// SPDX-License-Identifier: GPL-3.0-or-later
// The process itself, and the options that ask something and end it.
#include "io/journal.hpp"
#include "main/config_file.hpp"
#include "util/trace.hpp"

#include <climits>
#include <unistd.h>

namespace minivisor::main {

namespace {

Result<void> print_help(Options& options, OptionUse const&)
{
    options.print_and_exit = options_help();
    return {};
}

Result<void> print_version(Options& options, OptionUse const&)
{
    options.print_and_exit = version_text();
    return {};
}

Result<void> set_manual(Options& options, OptionUse const& use)
{
    options.manual_page = use.argument;
    return {};
}

Result<void> set_identity(Options& options, OptionUse const& use)
{
    options.identity_file = use.argument;
    return {};
}

Result<void> set_check_authz(Options& options, OptionUse const& use)
{
    options.check_authz = use.argument;
    return {};
}

Result<void> set_check_audit(Options& options, OptionUse const& use)
{
    options.check_audit = use.argument;
    return {};
}

Result<void> set_authz_fail_open(Options& options, OptionUse const&)
{
    options.authz_fail_open = true;
    return {};
}

Result<void> set_audit(Options& options, OptionUse const& use)
{
    AuditOption audit;
    for (auto const& [key, value, short_form] : TRY(read_items(use))) {
        if (key == "file")
            audit.file = value;
        else if (key == "journal")
            audit.journal = value.starts_with('/')    ? value
                : TRY(parse_switch("journal", value)) ? std::string(io::Journal::standard_socket)
                                                      : std::string();
        else
            audit.required = TRY(parse_switch(key, value));
    }
    if (audit.file.empty() && audit.journal.empty())
        return Error::generic("Parameter 'file' is missing");
    if (!audit.file.empty() && !audit.journal.empty())
        return Error::generic("Parameters 'file' and 'journal' are two trails: give -audit twice");
    options.audits.push_back(std::move(audit));
    return {};
}

Result<void> set_pidfile(Options& options, OptionUse const& use)
{
    options.pidfile = use.argument;
    return {};
}

Result<void> set_daemonize(Options& options, OptionUse const&)
{
    options.daemonize = true;
    return {};
}

/// A number below 2^31; -1 is none that could be meant.
Result<int> parse_number(std::string_view name, std::string_view value)
{
    auto const number = util::parse_int64(value);
    if (!number)
        return Error::generic(cat("Parameter '", name, "' expects a number"));
    return *number >= 0 && *number <= INT_MAX ? static_cast<int>(*number) : -1;
}

Result<void> add_fd(Options& options, OptionUse const& use)
{
    AddFdOption option;
    option.origin = use.origin;
    option.set = -1;
    for (auto const& [key, value, short_form] : TRY(read_items(use))) {
        if (key == "fd")
            option.fd = TRY(parse_number(key, value));
        else if (key == "set")
            option.set = TRY(parse_number(key, value));
        else
            option.opaque = value;
    }
    if (option.fd < 0)
        return Error::generic("fd option is required and must be non-negative");
    if (option.fd <= STDERR_FILENO)
        return Error::generic("fd cannot be a standard I/O stream");
    if (option.set < 0)
        return Error::generic("set option is required and must be non-negative");
    options.fds.push_back(std::move(option));
    return {};
}

Result<void> set_log_file(Options& options, OptionUse const& use)
{
    options.log_file = use.argument;
    return {};
}

constexpr std::string_view log_items = "Log items (comma separated):\n"
                                       "trace:PATTERN   enable trace events\n"
                                       "\n"
                                       "Use \"-d trace:help\" to get a list of trace events.\n";

std::string trace_points()
{
    std::string text;
    for (auto const& point : trace::points())
        text += cat(point.name, "\n");
    return text;
}

Result<void> set_log_items(Options& options, OptionUse const& use)
{
    for (auto const item : util::split(use.argument, ',')) {
        if (item == "trace:help")
            options.print_and_exit = trace_points();
        else if (item == "help")
            options.print_and_exit = log_items;
        else if (!item.starts_with("trace:"))
            return Error::generic(cat("invalid log item '", item, "'")).with_hint(std::string(log_items));
    }
    options.log_items = use.argument;
    return {};
}

Result<void> add_trace(Options& options, OptionUse const& use)
{
    if (use.argument == "help") {
        options.print_and_exit = trace_points();
        return {};
    }
    TraceOption trace;
    trace.origin = use.origin;
    for (auto const& [key, value, short_form] : TRY(read_items(use))) {
        if (key == "enable")
            trace.patterns.push_back(value);
        else if (key == "events")
            trace.events = value;
        else
            options.log_file = value;
    }
    options.traces.push_back(std::move(trace));
    return {};
}

Result<void> set_messages(Options& options, OptionUse const& use)
{
    if (qapi::parse_qemu_opts(use.argument).help) {
        options.print_and_exit = keys_help(use.row, "msg");
        return {};
    }
    for (auto const& [key, value, short_form] : TRY(read_items(use)))
        (key == "timestamp" ? options.message_times : options.message_guest_name) = TRY(parse_switch(key, value));
    return {};
}

Result<void> set_user(Options& options, OptionUse const& use)
{
    options.user = {std::string(use.argument), use.origin};
    return {};
}

Result<void> set_root(Options& options, OptionUse const& use)
{
    options.root = use.argument;
    return {};
}

Result<void> set_run_with(Options& options, OptionUse const& use)
{
    for (auto const& [key, value, short_form] : TRY(read_items(use))) {
        if (key == "user")
            options.user = {value, use.origin};
        else if (key == "chroot")
            options.root = value;
        else if (TRY(parse_switch(key, value)))
            return Error::generic("async-teardown=on is not supported");
    }
    return {};
}

/// "allow" or "deny", as whether it is allowed.
Result<bool> parse_permission(std::string_view key, std::string_view value)
{
    if (value != "allow" && value != "deny")
        return Error::generic(cat("invalid argument for ", key));
    return value == "allow";
}

Result<void> set_sandbox(Options& options, OptionUse const& use)
{
    SandboxOptions sandbox;
    bool enable = false;
    for (auto const& [key, value, short_form] : TRY(read_items(use))) {
        if (key == "enable")
            enable = TRY(parse_switch(key, value));
        else if (key == "obsolete")
            sandbox.obsolete = TRY(parse_permission(key, value));
        else if (key == "spawn")
            sandbox.spawn = TRY(parse_permission(key, value));
        else if (key == "resourcecontrol")
            sandbox.resource_control = TRY(parse_permission(key, value));
        else if (value == "children")
            sandbox.no_new_privileges = true;
        else
            sandbox.elevate_privileges = TRY(parse_permission(key, value));
    }
    options.sandbox = enable ? std::optional(sandbox) : std::nullopt;
    return {};
}

Result<void> set_incoming(Options& options, OptionUse const& use)
{
    options.incoming = use.argument;
    options.machine.incoming = true;
    return {};
}

Result<void> set_incoming_keep(Options& options, OptionUse const&)
{
    options.incoming_keep = true;
    return {};
}

} // namespace

OptionGroup help_options()
{
    return {"Help and questions",
        {
            {"h", "", "the same as -help", print_help},
            {"help", "", "print this text and exit", print_help},
            {"version", "", "print the version and exit", print_version},
            {"manual", "PAGE", "print a page of the reference manual and exit", set_manual, {},
                "The pages are `qmp`, `hmp`, `options` and `objects` in Markdown, and `minivisor.1` and "
                "`minivisor-qmp.7` for man(1)."},
            {"identity", "FILE",
                "print the identity in the certificate of a PEM file, as access rules spell it, and exit",
                set_identity},
            {"check-authz", "[id=]ID,identity=NAME|filename=FILE",
                "say whether the object ID lets NAME in, and why, and exit: 0 allowed, 2 denied, 1 an error",
                set_check_authz,
                {{"id", "ID", "the authorization object, which `-object` makes"},
                    {"identity", "NAME", "who is asked about"},
                    {"filename", "FILE", "instead: a PEM file with that one's certificate"}}},
            {"check-audit", "FILE",
                "say whether a file of an audit trail is as it was written, and exit: 0 it is, 2 it is not, 1 an error",
                set_check_audit, {},
                "It prints how many lines are whole and in their place, which hash the first one goes on from, and the "
                "last hash: note that one elsewhere, since whoever may write the file can also make it anew."},
        }};
}

OptionGroup migration_options()
{
    return {"Migration",
        {
            {"incoming", "URI|defer", "wait for a guest to come in", set_incoming, {},
                "The address is `tcp:HOST:PORT`, `unix:PATH`, `fd:N`, `exec:COMMAND` or `file:PATH`; `defer` leaves it "
                "to the command `migrate-incoming`, after the parameters were set."},
            {"incoming-keep", "", "a load that fails does not end the program", set_incoming_keep},
        }};
}

OptionGroup process_options()
{
    return {"Process",
        {
            {"add-fd", "fd=FD,set=ID[,opaque=TEXT]", "put a descriptor that was inherited into a set", add_fd,
                {{"fd", "NUMBER", "the descriptor's number, above 2; it is closed, the set has a duplicate"},
                    {"set", "NUMBER", "the set, which is opened as `/dev/fdset/ID`"},
                    {"opaque", "TEXT", "a text that `query-fdsets` tells with it"}}},
            {"pidfile", "FILE", "write the process id there", set_pidfile, {},
                "The file is locked while the process lives, and removed at its end."},
            {"audit", "[file=]FILE|journal=on|SOCKET[,required=on|off]",
                "write each authorization decision to FILE, or to systemd's journal, before it counts", set_audit,
                {{"file", "FILE", "made with mode 0600 where there is none; no link, no device"},
                    {"journal", "on|SOCKET",
                        "in place of a file: journald's socket, /run/systemd/journal/socket, or another one, such as "
                        "that of a namespace, /run/systemd/journal.NAME/socket"},
                    {"required", "on|off", "on (the default): while it cannot be written, nobody gets in"}},
                "Each decision is a line of JSON, chained to the one before it by SHA-256; `-check-audit` verifies it. "
                "After the file was moved away, SIGHUP makes the next one, in which the chain goes on. In the journal "
                "each process has a chain of its own: `journalctl -o cat "
                "MESSAGE_ID=8bb2c5a4c9dd490896f96565960124d1 _PID=N` prints it as such a file has it; its entries "
                "carry "
                "MINIVISOR_DECISION, MINIVISOR_IDENTITY, MINIVISOR_OBJECT and MINIVISOR_PEER. The option may be given "
                "several times, for several trails."},
            {"authz-fail-open", "", "let migrations in that QEMU 7.2 lets in unchecked", set_authz_fail_open, {},
                "Without it, `tls-authz` lets nobody in where the sender's identity cannot be known: without "
                "`tls-creds`, with `verify-peer=off`, with PSK or anonymous credentials, and after `tls-creds` was "
                "taken back. For tests of compatibility; a warning tells of it at the start and for each sender."},
            {"readconfig", "FILE", "read options from a file", read_config_file, {},
                "The file has a group for each option, `[name]` or `[object \"ID\"]`, and in it lines `key = "
                "\"value\"` "
                "with the keys of the option's argument; `#` begins a comment. The groups are called as the options "
                "are, "
                "but for `memory` (`-m`) and `smp-opts` (`-smp`).",
                {}, true},
            {"D", "FILE", "the log goes to a file, not to standard error", set_log_file, {},
                "The log is what trace points leave. With `-daemonize` errors go there too."},
            {"d", "ITEM[,...]", "say what goes into the log: trace:PATTERN; help lists it", set_log_items, {},
                "QEMU's other items have no subject here, and are refused."},
            {"trace", "[enable=]PATTERN[,events=FILE][,file=FILE]", "switch trace points on; help lists them",
                add_trace,
                {{"enable", "PATTERN", "a name, or a pattern with `*`; with `-` before it they are switched off"},
                    {"events", "FILE", "a file with a pattern in each line; `#` begins a comment"},
                    {"file", "FILE", "as `-D`"}}},
            {"msg", "[timestamp=on|off][,guest-name=on|off]", "what stands before messages on standard error",
                set_messages,
                {{"timestamp", "on|off", "the time; default off"},
                    {"guest-name", "on|off", "the guest's name, if `-name` gave one; default off"}}},
            {"run-with", "[user=NAME|UID:GID][,chroot=DIR][,async-teardown=off]",
                "whose process it is once all is open", set_run_with,
                {{"user", "NAME|UID:GID", "as `-runas`"}, {"chroot", "DIR", "as `-chroot`"},
                    {"async-teardown", "off", "the other value is refused"}}},
            {"runas", "NAME|UID:GID", "drop to a user once everything is open", set_user, {},
                "Group, further groups and user are changed in this order, and it is checked that there is no way "
                "back. "
                "What is opened later, such as certificates that are loaded anew, must be readable for that user. "
                "Socket "
                "files and the pid file are removed at the end only where that user may."},
            {"chroot", "DIR", "make a directory the root once everything is open", set_root, {},
                "It comes before `-runas`. File names that are given later are looked up below it."},
            {"sandbox", "[enable=]on|off[,GROUP=allow|deny...]", "a filter of system calls, once everything is open",
                set_sandbox,
                {{"enable", "on|off", "the filter; default off"},
                    {"obsolete", "allow|deny", "calls that have been replaced; default deny"},
                    {"elevateprivileges", "allow|deny|children",
                        "becoming another user or group; `children`: programs that are started gain no privileges; "
                        "default "
                        "allow"},
                    {"spawn", "allow|deny", "new processes, which `exec:` migrations are; default allow"},
                    {"resourcecontrol", "allow|deny", "priorities and affinity; default allow"}},
                "With `spawn=deny` and `resourcecontrol=deny` the call fails and the process goes on; the other calls "
                "end "
                "the process. x86-64 only."},
            {"daemonize", "", "go to the background once everything is ready", set_daemonize, {},
                "The process that was started ends with status 0 when the monitors answer, or with 1 and the reason."},
        }};
}

} // namespace minivisor::main
