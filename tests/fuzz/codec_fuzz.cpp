// SPDX-License-Identifier: GPL-3.0-or-later
// Any value into any described type: what was decoded must be what its type promises, and come back the same. The
// first byte chooses the type and how scalars are spelled; the rest is JSON, or option text for the other two
// spellings.
#include "qapi/codec.hpp"
#include "qapi/json.hpp"
#include "qapi/keyval.hpp"
#include "qapi/schema/migration.hpp"
#include "qapi/schema/migration_settings.hpp"
#include "qapi/schema/sockets.hpp"
#include "tests/fuzz/check.hpp"
#include "tests/unit/qapi/samples.hpp"

#include <array>

namespace {

using namespace minivisor;
using namespace minivisor::qapi;
using fuzz::require;

void check(TypeInfo const& type, Value const& value, Spelling spelling)
{
    auto const target = type.make();
    if (auto const done = decode_into(type, target.get(), value, {}, spelling); !done) {
        require(!done.error().desc().empty(), "an error says something");
        return;
    }
    auto const encoded = encode_from(type, target.get());
    auto const text = to_json(encoded);
    auto const promised = conforms(type, encoded);
    require(promised.has_value(), "what was decoded is what the type promises", text);
    auto const again = type.make();
    require(decode_into(type, again.get(), encoded).has_value(), "own output can be decoded", text);
    require(to_json(encode_from(type, again.get())) == text, "decoding own output changes nothing", text);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    if (size == 0)
        return 0;
    static std::array<TypeInfo const*, 6> const types{&type_of<Sample>(), &type_of<Wanted>(),
        &type_of<MigrationParameters>(), &type_of<MigrationInfo>(), &type_of<MigrateSetCapabilitiesArguments>(),
        &type_of<MigrateIncomingArguments>()};
    auto const& type = *types[(data[0] & 0x1f) % types.size()];
    auto const text = fuzz::as_text(data + 1, size - 1);
    switch (data[0] >> 5) {
    case 1:
        if (auto const parsed = parse_keyval(text))
            check(type, parsed->object, Spelling::keyval);
        break;
    case 2:
        if (auto const parsed = parse_keyval(text))
            check(type, parsed->object, Spelling::qemu_opts);
        break;
    default:
        if (auto const parsed = parse_json(text))
            check(type, *parsed, Spelling::json);
        break;
    }
    return 0;
}
