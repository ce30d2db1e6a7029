// SPDX-License-Identifier: GPL-3.0-or-later
#include "main/object_option.hpp"

#include "qapi/json.hpp"
#include "qapi/keyval.hpp"
#include "util/text.hpp"

namespace minivisor::main {

Result<qom::PreparedObject> prepare_object(qom::TypeRegistry const& types, std::string const& text)
{
    if (text.starts_with('{')) {
        auto value = TRY(qapi::parse_json(text));
        if (!value.is_object())
            return Error::generic("Invalid parameter type for 'object', expected: dict");
        return qom::prepare_user_object(types, std::move(value.get_object()), qapi::Spelling::json);
    }
    // The older option form, but with the dotted keys of the newer one.
    std::string keyval;
    for (auto const& item : qapi::parse_qemu_opts(text, "qom-type").items) {
        keyval += cat(keyval.empty() ? "" : ",", item.name, "=");
        for (char const c : item.value)
            keyval += c == ',' ? std::string(",,") : std::string(1, c);
    }
    auto arguments = TRY(qapi::parse_keyval(keyval));
    return qom::prepare_user_object(types, std::move(arguments.object), qapi::Spelling::qemu_opts);
}

} // namespace minivisor::main
