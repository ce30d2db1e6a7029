// SPDX-License-Identifier: GPL-3.0-or-later
#include "hmp/cmd_chardev.hpp"

#include "qapi/schema/char.hpp"
#include "util/text.hpp"

namespace minivisor::hmp {

namespace {

using boost::asio::awaitable;

awaitable<void> chardev_add(CommandContext& context, qapi::Object args)
{
    qapi::ChardevAddTextArguments arguments{text_of(args, "args")};
    auto const told = co_await context.call<qapi::ChardevAddText>(std::move(arguments));
    if (!told)
        context.error(told.error());
    else
        context.print(*told);
}

awaitable<void> chardev_remove(CommandContext& context, qapi::Object args)
{
    return run_with<qapi::ChardevRemove>(context, {text_of(args, "id")});
}

awaitable<void> chardev_change(CommandContext& context, qapi::Object args)
{
    qapi::ChardevChangeTextArguments arguments{text_of(args, "id"), text_of(args, "args")};
    auto const told = co_await context.call<qapi::ChardevChangeText>(std::move(arguments));
    if (!told)
        context.error(told.error());
    else
        context.print(*told);
}

awaitable<void> chardev_send_break(CommandContext& context, qapi::Object args)
{
    return run_with<qapi::ChardevSendBreak>(context, {text_of(args, "id")});
}

awaitable<void> ringbuf_write(CommandContext& context, qapi::Object args)
{
    return run_with<qapi::RingbufWrite>(context, {text_of(args, "device"), text_of(args, "data"), {}});
}

/// What a terminal could take amiss is written as \uNNNN, as QEMU does.
std::string shown(std::string_view data)
{
    std::string text;
    for (char const c : data) {
        auto const code = static_cast<unsigned char>(c);
        if (c == '\\') {
            text += "\\\\";
        } else if ((code < 0x20 && c != '\n') || code == 0x7f) {
            auto const digits = util::hex(code);
            text += cat("\\u", std::string(4 - digits.size(), '0'), digits);
        } else {
            text += c;
        }
    }
    return text;
}

awaitable<void> ringbuf_read(CommandContext& context, qapi::Object args)
{
    qapi::RingbufReadArguments arguments{text_of(args, "device"), args.at("size").to_number<std::int64_t>(), {}};
    auto const data = co_await context.call<qapi::RingbufRead>(std::move(arguments));
    if (!data)
        context.error(data.error());
    else
        context.print(cat(shown(*data), "\n"));
}

awaitable<void> info_chardev(CommandContext& context, qapi::Object)
{
    auto const list = co_await context.call<qapi::QueryChardev>();
    if (!list) {
        context.error(list.error());
        co_return;
    }
    for (auto const& device : *list)
        context.print(cat(device.label, ": filename=", device.filename, "\n"));
}

} // namespace

void add_chardev_commands(CommandTable& table)
{
    table.add({"chardev-add", {{"args"}}, "args", "add a character device: BACKEND,id=ID[,...]; 'help' lists the kinds",
        chardev_add, {Completion::chardev_backend}});
    table.add({"chardev-change", {{"id"}, {"args"}}, "id args", "put another character device in the place of one",
        chardev_change, {Completion::chardev_id, Completion::chardev_backend}});
    table.add({"chardev-send-break", {{"id"}}, "id", "send a break to the guest whose serial port uses the device",
        chardev_send_break, {Completion::chardev_id}});
    table.add({"chardev-remove", {{"id"}}, "id", "remove a character device that nothing uses", chardev_remove,
        {Completion::chardev_id}});
    table.add({"ringbuf_write", {{"device"}, {"data"}}, "device data", "write to a character device of type ringbuf",
        ringbuf_write, {Completion::chardev_id}});
    table.add({"ringbuf_read", {{"device"}, {"size", ArgKind::integer32}}, "device size",
        "take bytes out of a character device of type ringbuf", ringbuf_read, {Completion::chardev_id}});
    table.add_topic({"chardev", {}, "", "the character devices", info_chardev});
}

} // namespace minivisor::hmp
