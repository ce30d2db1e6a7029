// SPDX-License-Identifier: GPL-3.0-or-later
// The process itself, and the options that ask something and end it.
#include "main/option_row.hpp"
#include "util/text.hpp"

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

Result<void> set_audit(Options& options, OptionUse const& use)
{
    AuditOption audit;
    for (auto const& [key, value, short_form] : TRY(read_items(use))) {
        if (key == "file")
            audit.file = value;
        else
            audit.required = TRY(parse_switch(key, value));
    }
    if (audit.file.empty())
        return Error::generic("Parameter 'file' is missing");
    options.audit = std::move(audit);
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
            {"audit", "[file=]FILE[,required=on|off]", "write each authorization decision to FILE before it counts",
                set_audit,
                {{"file", "FILE", "made with mode 0600 where there is none; no link, no device"},
                    {"required", "on|off", "on (the default): while it cannot be written, nobody gets in"}},
                "Each decision is a line of JSON, chained to the one before it by SHA-256; `-check-audit` verifies it. "
                "After the file was moved away, SIGHUP makes the next one, in which the chain goes on."},
            {"daemonize", "", "go to the background once everything is ready", set_daemonize, {},
                "The process that was started ends with status 0 when the monitors answer, or with 1 and the reason."},
        }};
}

} // namespace minivisor::main
