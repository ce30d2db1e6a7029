// SPDX-License-Identifier: GPL-3.0-or-later
#include "qom/user_object.hpp"

#include "util/identifier.hpp"
#include "util/log.hpp"
#include "util/text.hpp"

#include <algorithm>

namespace minivisor::qom {

namespace {

/// The value of a required string member, which leaves `arguments`.
Result<std::string> take_string(qapi::Object& arguments, std::string_view name)
{
    auto const found = arguments.find(name);
    if (found == arguments.end())
        return Error::generic(cat("Parameter '", name, "' is missing"));
    if (!found->value().is_string())
        return Error::generic(cat("Invalid parameter type for '", name, "', expected: string"));
    auto text = qapi::str(found->value().get_string());
    arguments.erase(found);
    return text;
}

/// Moves the members of a nested "props" up, next to the others.
Result<void> flatten(qapi::Object& arguments, std::string_view nested, qapi::TypeInfo const& options)
{
    auto const found = arguments.find(nested);
    if (found == arguments.end() || options.find_member(nested))
        return {};
    if (!found->value().is_object())
        return Error::generic(cat("Invalid parameter type for '", nested, "', expected: object"));
    if (nested == "parameters")
        util::log::warn("object-add: 'parameters' was never a member of QEMU's; give its members beside 'id'");
    auto const inner = std::move(found->value().get_object());
    arguments.erase(found);
    for (auto const& [key, value] : inner) {
        if (arguments.contains(key))
            return Error::generic(
                cat("Parameter '", std::string_view(key), "' is given beside '", nested, "' and in it"));
        arguments.emplace(key, value);
    }
    return {};
}

} // namespace

Result<PreparedObject> prepare_user_object(TypeRegistry const& types, qapi::Object arguments, qapi::Spelling spelling)
{
    auto const type_name = TRY(take_string(arguments, "qom-type"));
    auto const* type = types.find_creatable(type_name);
    if (!type)
        return Error::generic(cat("Parameter 'qom-type' does not accept value '", type_name, "'"));
    auto id = TRY(take_string(arguments, "id"));
    TRY(flatten(arguments, "props", *type->options));
    TRY(flatten(arguments, "parameters", *type->options));

    auto options = type->options->make();
    TRY(qapi::decode_into(*type->options, options.get(), arguments, {}, spelling));
    TRY(util::check_id(id));
    return PreparedObject{type, std::move(id), std::move(options)};
}

Result<void> create_user_object(Tree& tree, PreparedObject prepared)
{
    auto& objects = tree.objects();
    TRY(objects.check_name(prepared.id));
    auto object = TRY(prepared.type->create(prepared.options.get(), tree));
    tree.announce(*TRY(objects.add_child(std::move(prepared.id), std::move(object))));
    return {};
}

Result<void> add_user_object(Tree& tree, qapi::Object arguments, qapi::Spelling spelling)
{
    return create_user_object(tree, TRY(prepare_user_object(tree.types(), std::move(arguments), spelling)));
}

Result<void> delete_user_object(Tree& tree, std::string const& id)
{
    auto const* object = tree.find_user_object(id);
    if (!object)
        return Error::generic(cat("object '", id, "' not found"));
    if (object->is_in_use())
        return Error::generic(cat("object '", id, "' is in use, can not be deleted"));
    tree.objects().remove_child(id);
    return {};
}

std::vector<std::string> creatable_types_help(TypeRegistry const& types)
{
    std::vector<std::string> lines{"List of user creatable objects:"};
    for (auto const& [name, type] : types.all())
        if (type.create)
            lines.push_back(cat("  ", name));
    return lines;
}

Result<std::vector<std::string>> type_help(TypeRegistry const& types, std::string_view name)
{
    auto const* type = types.find_creatable(name);
    if (!type)
        return Error::generic(cat("Parameter 'qom-type' does not accept value '", name, "'"));
    std::vector<std::string> options;
    for (auto const& member : type->options->members)
        options.push_back(cat("  ", member.name, "=<", property_type_name(*member.type), ">"));
    std::sort(options.begin(), options.end());
    std::vector<std::string> lines{cat(type->name, " options:")};
    lines.insert(lines.end(), options.begin(), options.end());
    return lines;
}

} // namespace minivisor::qom
