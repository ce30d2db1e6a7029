// SPDX-License-Identifier: GPL-3.0-or-later
// Twin of QEMU's qapi/char.json: character devices. A backend, or a member of one, that is missing here is refused.
#pragma once

#include "qapi/schema/authz.hpp"
#include "qapi/schema/sockets.hpp"

namespace minivisor::qapi {

struct ChardevInfo {
    std::string label;
    std::string filename;
    bool frontend_open = false;
};
BOOST_DESCRIBE_STRUCT(ChardevInfo, (), (label, filename, frontend_open))
constexpr auto docs(ChardevInfo const*)
{
    return members({{"label", "the device's id"}, {"filename", "what it is, and who is at the other end"},
        {"frontend-open", "something here uses it"}});
}
struct QueryChardev : Command<"query-chardev", Empty, std::vector<ChardevInfo>> {
    static constexpr CommandInfo info{.summary = "The character devices."};
};

struct ChardevBackendInfo {
    std::string name;
};
BOOST_DESCRIBE_STRUCT(ChardevBackendInfo, (), (name))
constexpr auto docs(ChardevBackendInfo const*) { return members({{"name", "a type that chardev-add takes"}}); }
struct QueryChardevBackends : Command<"query-chardev-backends", Empty, std::vector<ChardevBackendInfo>> {
    static constexpr CommandInfo info{.summary = "The kinds of character devices."};
};

struct ChardevFile {
    std::optional<std::string> in;
    std::string out;
    std::optional<bool> append;
};
BOOST_DESCRIBE_STRUCT(ChardevFile, (), (in, out, append))
constexpr auto docs(ChardevFile const*)
{
    return members({{"in", "file to read from"}, {"out", "file to write to"},
        {"append", "keep what is in it (default: it is emptied)"}});
}

struct ChardevRingbuf {
    std::optional<std::int64_t> size;
};
BOOST_DESCRIBE_STRUCT(ChardevRingbuf, (), (size))
constexpr auto docs(ChardevRingbuf const*)
{
    return members({{"size", "bytes that it holds, a power of two (default 65536)"}});
}

struct ChardevStdio {
    std::optional<bool> signal;
};
BOOST_DESCRIBE_STRUCT(ChardevStdio, (), (signal))
constexpr auto docs(ChardevStdio const*)
{
    return members({{"signal", "on a terminal, keys such as Ctrl-C send signals (default true); else they are bytes"}});
}

struct ChardevMux {
    std::string chardev;
};
BOOST_DESCRIBE_STRUCT(ChardevMux, (), (chardev))
constexpr auto docs(ChardevMux const*) { return members({{"chardev", "the character device that is to be shared"}}); }

struct ChardevSocket {
    SocketAddressLegacy addr;
    std::optional<std::string> tls_creds;
    std::optional<std::string> tls_authz;
    std::optional<bool> server;
    std::optional<bool> wait;
    std::optional<bool> nodelay;
    std::optional<bool> telnet;
    std::optional<std::int64_t> reconnect;
};
BOOST_DESCRIBE_STRUCT(ChardevSocket, (), (addr, tls_creds, tls_authz, server, wait, nodelay, telnet, reconnect))
constexpr auto docs(ChardevSocket const*)
{
    return members({{"addr", "where to listen, or what to connect to"}, {"tls-creds", "id of TLS credentials"},
        {"tls-authz", "id of the object that says which clients may come in"}, {"server", "listen (default true)"},
        {"wait", "server: wait for the first client (default false)"}, {"nodelay", "TCP_NODELAY, which cannot be off"},
        {"telnet", "must be off"}, {"reconnect", "client: try again so many seconds after a failure or loss"}});
}

enum class ChardevBackendKind { file, null, pty, socket, stdio, ringbuf, memory, mux };
BOOST_DESCRIBE_ENUM(ChardevBackendKind, file, null, pty, socket, stdio, ringbuf, memory, mux)

struct ChardevBackend {
    ChardevBackendKind type = ChardevBackendKind::null;
    std::variant<ChardevFile, Empty, Empty, ChardevSocket, ChardevStdio, ChardevRingbuf, ChardevRingbuf, ChardevMux>
        data;
};
BOOST_DESCRIBE_STRUCT(ChardevBackend, (), (type, data))
constexpr auto docs(ChardevBackend const*)
{
    return members({{"type", "the kind of device; memory is an old name of ringbuf"}, {"data", "what belongs to it"}});
}

struct ChardevAddArguments {
    std::string id;
    ChardevBackend backend;
};
BOOST_DESCRIBE_STRUCT(ChardevAddArguments, (), (id, backend))
constexpr auto docs(ChardevAddArguments const*)
{
    return members({{"id", "the device's id, which must be new"}, {"backend", "what it is"}});
}
struct ChardevReturn {
    std::optional<std::string> pty;
};
BOOST_DESCRIBE_STRUCT(ChardevReturn, (), (pty))
constexpr auto docs(ChardevReturn const*) { return members({{"pty", "the other end of a pty"}}); }
struct ChardevAdd : Command<"chardev-add", ChardevAddArguments, ChardevReturn> {
    static constexpr CommandInfo info{.summary = "Add a character device."};
};

struct ChardevAddTextArguments {
    std::string text;
};
BOOST_DESCRIBE_STRUCT(ChardevAddTextArguments, (), (text))
constexpr auto docs(ChardevAddTextArguments const*)
{
    return members({{"text", "BACKEND,id=ID,KEY=VALUE,...; also 'help'"}});
}
/// Returns what there is to tell: help, or where the other end of a pty is.
struct ChardevAddText : Command<"__org.minivisor_chardev-add-text", ChardevAddTextArguments, std::string> {
    static constexpr CommandInfo info{.summary = "Add a character device as HMP's chardev-add spells it."};
};

struct ChardevChangeArguments {
    std::string id;
    ChardevBackend backend;
};
BOOST_DESCRIBE_STRUCT(ChardevChangeArguments, (), (id, backend))
constexpr auto docs(ChardevChangeArguments const*)
{
    return members({{"id", "the device, which keeps its id"}, {"backend", "what it is from now on"}});
}
struct ChardevChange : Command<"chardev-change", ChardevChangeArguments, ChardevReturn> {
    static constexpr CommandInfo info{.summary = "Put another character device in the place of one.",
        .details = "A serial port goes on with the new one, and whoever was at the other end of the old one is left. "
                   "If the new one cannot be made, the old one stays.",
        .errors = "a device that is a multiplexer or below one, or that a monitor uses."};
};

struct ChardevChangeTextArguments {
    std::string id;
    std::string text;
};
BOOST_DESCRIBE_STRUCT(ChardevChangeTextArguments, (), (id, text))
constexpr auto docs(ChardevChangeTextArguments const*)
{
    return members({{"id", "the device, which keeps its id"}, {"text", "BACKEND,KEY=VALUE,..."}});
}
/// Returns where the other end of a pty is, or nothing.
struct ChardevChangeText : Command<"__org.minivisor_chardev-change-text", ChardevChangeTextArguments, std::string> {
    static constexpr CommandInfo info{.summary = "chardev-change as HMP spells it."};
};

struct ChardevSendBreakArguments {
    std::string id;
};
BOOST_DESCRIBE_STRUCT(ChardevSendBreakArguments, (), (id))
constexpr auto docs(ChardevSendBreakArguments const*) { return members({{"id", "the device"}}); }
struct ChardevSendBreak : Command<"chardev-send-break", ChardevSendBreakArguments> {
    static constexpr CommandInfo info{.summary = "Send a break to who uses a character device.",
        .details = "A serial port gives it to the guest; whoever else uses a device takes no notice."};
};

struct ChardevRemoveArguments {
    std::string id;
};
BOOST_DESCRIBE_STRUCT(ChardevRemoveArguments, (), (id))
constexpr auto docs(ChardevRemoveArguments const*) { return members({{"id", "the device, which nothing may use"}}); }
struct ChardevRemove : Command<"chardev-remove", ChardevRemoveArguments> {
    static constexpr CommandInfo info{.summary = "Remove a character device."};
};

enum class DataFormat { utf8, base64 };
BOOST_DESCRIBE_ENUM(DataFormat, utf8, base64)

struct RingbufWriteArguments {
    std::string device;
    std::string data;
    std::optional<DataFormat> format;
};
BOOST_DESCRIBE_STRUCT(RingbufWriteArguments, (), (device, data, format))
constexpr auto docs(RingbufWriteArguments const*)
{
    return members({{"device", "a character device of type ringbuf"}, {"data", "what to write; the oldest makes room"},
        {"format", "how data is to be read (default utf8)"}});
}
struct RingbufWrite : Command<"ringbuf-write", RingbufWriteArguments> {
    static constexpr CommandInfo info{.summary = "Write to a ring buffer."};
};

struct RingbufReadArguments {
    std::string device;
    std::int64_t size = 0;
    std::optional<DataFormat> format;
};
BOOST_DESCRIBE_STRUCT(RingbufReadArguments, (), (device, size, format))
constexpr auto docs(RingbufReadArguments const*)
{
    return members({{"device", "a character device of type ringbuf"}, {"size", "how many bytes to take at most"},
        {"format", "how they are to be written (default utf8)"}});
}
struct RingbufRead : Command<"ringbuf-read", RingbufReadArguments, std::string> {
    static constexpr CommandInfo info{.summary = "Take bytes out of a ring buffer."};
};

struct ChardevRefusal : PeerRefusal {
    std::string label;
};
BOOST_DESCRIBE_STRUCT(ChardevRefusal, (PeerRefusal), (label))
constexpr auto docs(ChardevRefusal const*) { return members({{"label", "the character device"}}); }
struct ChardevRefusedEvent : Event<"__org.minivisor_CHARDEV_REFUSED", ChardevRefusal> {
    static constexpr std::string_view summary = "A client of a listening character device was not let in.";
    static constexpr EventRate rate{1000, "label,stage,identity"};
};

} // namespace minivisor::qapi
