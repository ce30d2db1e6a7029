// SPDX-License-Identifier: GPL-3.0-or-later
// What the command line says. Only text is looked at; nothing is opened or started. Errors carry QEMU's prefix
// "-OPTION ARGUMENT: ". The options themselves are declared in main/option_row and the files beside it.
#pragma once

#include "hw/mini.hpp"
#include "machine/loader.hpp"
#include "machine/machine.hpp"
#include "main/sandbox.hpp"
#include "qapi/schema/char.hpp"

#include <string>
#include <vector>

namespace minivisor::main {

struct ChardevOption {
    qapi::ChardevAddArguments device;
    std::string origin; ///< "-qmp unix:x", for error messages
};

struct MonitorOption {
    std::string chardev;
    bool control = false; ///< QMP; else HMP
    bool pretty = false;
    std::string origin;
};

/// Which character device a serial port, or gdb, is connected to.
struct SerialOption {
    std::string chardev;
    std::string origin;
};

struct ObjectOption {
    std::string text;
};

/// -add-fd: a descriptor that was inherited, for a set.
struct AddFdOption {
    int fd = -1;
    std::int64_t set = 0;
    std::optional<std::string> opaque;
    std::string origin;
};

struct LoaderOption {
    machine::LoaderOptions loader;
    std::string origin;
};

/// A name, or "UID:GID".
struct UserOption {
    std::string text;
    std::string origin;
};

/// One use of -audit: one of the two is set.
struct AuditOption {
    std::string file;
    std::string journal; ///< the socket
    bool required = true; ///< nobody gets in while it cannot be written
};

/// One use of -trace.
struct TraceOption {
    std::vector<std::string> patterns;
    std::optional<std::string> events; ///< a file of patterns
    std::string origin;
};

struct Options {
    machine::MachineOptions machine;
    hw::MiniOptions mini; ///< what only that machine looks at
    std::string smp_origin;
    std::string rtc_unsupported; ///< a key and its value, for machines that have a clock
    std::vector<SerialOption> serials;
    std::vector<ObjectOption> objects;
    std::vector<ChardevOption> chardevs;
    std::vector<MonitorOption> monitors;
    std::vector<AddFdOption> fds;
    std::vector<LoaderOption> loaders;
    std::optional<std::string> incoming; ///< a URI or "defer"
    bool incoming_keep = false; ///< a failed load does not end the program
    std::optional<std::string> process_name; ///< -name process=: how ps shows the main thread
    std::optional<std::string> pidfile;
    std::optional<std::string> log_file;
    std::string log_items; ///< -d
    std::vector<TraceOption> traces;
    bool message_times = false; ///< -msg
    bool message_guest_name = false;
    bool lock_memory = false; ///< -overcommit
    std::optional<UserOption> user; ///< who to be once everything is open
    std::optional<std::string> root; ///< the root directory from then on
    std::optional<SandboxOptions> sandbox;
    bool daemonize = false;
    bool nodefaults = false;
    bool has_monitor_option = false;
    std::optional<SerialOption> gdb; ///< the character device that gdb comes over
    bool nographic = false;
    std::optional<unsigned char> escape; ///< of multiplexers
    /// What to print on standard output before leaving with status 0 (-version, -help, -machine help).
    std::optional<std::string> print_and_exit;
    /// "help", or "TYPE,help", of -object: needs the types.
    std::optional<std::string> object_help;
    /// A PEM file whose identity is to be printed.
    std::optional<std::string> identity_file;
    std::vector<AuditOption> audits;
    bool authz_fail_open = false;
    /// A file of an audit trail that is to be verified.
    std::optional<std::string> check_audit;
    /// A question to an authorization object, to be answered before anything is opened.
    std::optional<std::string> check_authz;
    /// A page of the manual to print.
    std::optional<std::string> manual_page;
};

Result<Options> parse_options(int argc, char const* const* argv);

/// The text of -help, which the table makes.
std::string options_help();
/// The text of -version.
std::string version_text();

} // namespace minivisor::main
