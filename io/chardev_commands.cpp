// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/secret.hpp"
#include "io/chardev_options.hpp"
#include "io/chardevs.hpp"
#include "io/local_chardev.hpp"
#include "util/text.hpp"

namespace minivisor::io {

namespace {

using boost::asio::awaitable;

std::vector<qapi::ChardevInfo> query(Chardevs const& chardevs)
{
    std::vector<qapi::ChardevInfo> list;
    for (auto const& device : chardevs.all())
        list.push_back({device->label(), device->filename(), device->used()});
    return list;
}

std::vector<qapi::ChardevBackendInfo> query_backends()
{
    std::vector<qapi::ChardevBackendInfo> list;
    for (auto const& name : qapi::type_of<qapi::ChardevBackendKind>().values)
        list.push_back({name});
    return list;
}

awaitable<Result<qapi::ChardevReturn>> add(
    Chardevs& chardevs, qapi::ChardevAddArguments arguments, util::FdTable* descriptors)
{
    bool const exists = chardevs.find(arguments.id) != nullptr;
    auto const failed = cat("Failed to add chardev '", arguments.id, "'");
    auto adding = chardevs.add(std::move(arguments), descriptors);
    auto added = co_await std::move(adding);
    if (!added && !exists)
        co_return std::move(added).error().context(failed);
    co_return added;
}

awaitable<Result<std::string>> add_text(Chardevs& chardevs, std::string text, util::FdTable* descriptors)
{
    if (text == "help" || text == "?")
        co_return chardev_help();
    CO_TRY(auto devices, parse_chardev(text));
    if (chardevs.find(devices.back().id))
        co_return Error::generic(cat("Chardev with id '", devices.back().id, "' already exists"));
    std::string told;
    for (auto& device : devices) {
        auto const id = device.id;
        auto adding = chardevs.add(std::move(device), descriptors);
        CO_TRY(auto const added, co_await std::move(adding));
        if (added.pty)
            told += cat("char device redirected to ", *added.pty, " (label ", id, ")\n");
    }
    co_return told;
}

awaitable<Result<qapi::ChardevReturn>> change(
    Chardevs& chardevs, qapi::ChardevAddArguments arguments, util::FdTable* descriptors)
{
    // What nobody uses is made anew by QEMU, which then speaks of adding it.
    auto const* const device = chardevs.find(arguments.id);
    bool const like_new = device && !device->used() && device->check_change();
    auto const failed = cat("Failed to add chardev '", arguments.id, "'");
    auto changing = chardevs.change(std::move(arguments), descriptors);
    auto changed = co_await std::move(changing);
    if (!changed && like_new)
        co_return std::move(changed).error().context(failed);
    co_return changed;
}

awaitable<Result<std::string>> change_text(
    Chardevs& chardevs, qapi::ChardevChangeTextArguments arguments, util::FdTable* descriptors)
{
    if (!chardevs.find(arguments.id)) // said first, as in QEMU where the text is right
        co_return Error::generic(cat("Chardev '", arguments.id, "' does not exist"));
    CO_TRY(auto backend, parse_chardev_backend(arguments.text, arguments.id));
    qapi::ChardevAddArguments wanted{arguments.id, std::move(backend)};
    auto changing = change(chardevs, std::move(wanted), descriptors);
    CO_TRY(auto const changed, co_await std::move(changing));
    std::string told;
    if (changed.pty)
        told = cat("char device redirected to ", *changed.pty, " (label ", arguments.id, ")\n");
    co_return told;
}

Result<void> send_break(Chardevs& chardevs, std::string const& label)
{
    auto* const device = chardevs.find(label);
    if (!device)
        return Error::generic(cat("Chardev '", label, "' not found"));
    device->give_break();
    return {};
}

Result<RingbufChardev*> find_ringbuf(Chardevs& chardevs, std::string const& label)
{
    auto* device = chardevs.find(label);
    if (!device)
        return Error::generic(cat("Device '", label, "' not found"));
    auto* ringbuf = dynamic_cast<RingbufChardev*>(device);
    if (!ringbuf)
        return Error::generic(cat(label, " is not a ringbuf device"));
    return ringbuf;
}

Result<void> write_ringbuf(Chardevs& chardevs, qapi::RingbufWriteArguments const& arguments)
{
    auto* ringbuf = TRY(find_ringbuf(chardevs, arguments.device));
    if (arguments.format != qapi::DataFormat::base64) {
        ringbuf->write(arguments.data);
        return {};
    }
    auto const bytes = TRY(crypto::decode_base64(arguments.data));
    ringbuf->write({reinterpret_cast<char const*>(bytes.data()), bytes.size()});
    return {};
}

std::string encode_base64(std::string_view bytes)
{
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0'); // with the terminating zero that is written
    auto const size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
        reinterpret_cast<unsigned char const*>(bytes.data()), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

Result<std::string> read_ringbuf(Chardevs& chardevs, qapi::RingbufReadArguments const& arguments)
{
    auto* ringbuf = TRY(find_ringbuf(chardevs, arguments.device));
    if (arguments.size <= 0)
        return Error::generic("size must be greater than zero");
    // One JSON text must not be longer than what a monitor sends.
    constexpr std::int64_t most = 8 << 20;
    auto bytes = ringbuf->read(static_cast<std::uint64_t>(std::min(arguments.size, most)));
    if (arguments.format == qapi::DataFormat::base64)
        return encode_base64(bytes);
    return bytes;
}

} // namespace

void bind_chardev_commands(qapi::Registry& registry, Chardevs& chardevs)
{
    registry.declare_event<qapi::ChardevRefusedEvent>();
    registry.bind<qapi::QueryChardev>(
        [&chardevs]() -> Result<std::vector<qapi::ChardevInfo>> { return query(chardevs); });
    registry.bind<qapi::QueryChardevBackends>(
        []() -> Result<std::vector<qapi::ChardevBackendInfo>> { return query_backends(); });
    registry.bind<qapi::ChardevAdd>([&chardevs](qapi::ChardevAddArguments arguments, qapi::CallContext& context) {
        return add(chardevs, std::move(arguments), context.descriptors);
    });
    registry.bind<qapi::ChardevAddText>(
        [&chardevs](qapi::ChardevAddTextArguments arguments, qapi::CallContext& context) {
            return add_text(chardevs, std::move(arguments.text), context.descriptors);
        });
    registry.bind<qapi::ChardevRemove>(
        [&chardevs](qapi::ChardevRemoveArguments const& arguments) { return chardevs.remove(arguments.id); });
    registry.bind<qapi::ChardevChange>([&chardevs](qapi::ChardevChangeArguments arguments, qapi::CallContext& context) {
        qapi::ChardevAddArguments wanted{std::move(arguments.id), std::move(arguments.backend)};
        return change(chardevs, std::move(wanted), context.descriptors);
    });
    registry.bind<qapi::ChardevChangeText>(
        [&chardevs](qapi::ChardevChangeTextArguments arguments, qapi::CallContext& context) {
            return change_text(chardevs, std::move(arguments), context.descriptors);
        });
    registry.bind<qapi::ChardevSendBreak>(
        [&chardevs](qapi::ChardevSendBreakArguments const& arguments) { return send_break(chardevs, arguments.id); });
    registry.bind<qapi::RingbufWrite>(
        [&chardevs](qapi::RingbufWriteArguments const& arguments) { return write_ringbuf(chardevs, arguments); });
    registry.bind<qapi::RingbufRead>(
        [&chardevs](qapi::RingbufReadArguments const& arguments) { return read_ringbuf(chardevs, arguments); });
}

} // namespace minivisor::io
