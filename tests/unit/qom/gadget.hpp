// SPDX-License-Identifier: GPL-3.0-or-later
// A type that users may create, for the tests of qom/: it can refuse to be made, be in use and refuse a change.
#pragma once

#include "qapi/json.hpp"
#include "qom/user_object.hpp"
#include "qom/user_type.hpp"

namespace minivisor::qom {

enum class Colour { red, dark_blue };
BOOST_DESCRIBE_ENUM(Colour, red, dark_blue)

struct GadgetOptions {
    std::string label;
    std::optional<std::uint8_t> level;
    std::optional<Colour> colour;
    std::optional<bool> broken;
    std::optional<std::vector<std::string>> words;
};
BOOST_DESCRIBE_STRUCT(GadgetOptions, (), (label, level, colour, broken, words))
constexpr auto docs(GadgetOptions const*)
{
    return qapi::members({{"label", "a text"}, {"level", "a number"}, {"colour", "a colour"},
        {"broken", "cannot be made"}, {"words", "a list"}});
}

class Gadget final : public OptionsObject<GadgetOptions> {
public:
    static inline int alive = 0;
    static inline int tried = 0;
    bool in_use = false;

    Gadget(Type const& type, Options options)
        : OptionsObject(type, std::move(options))
    {
        ++alive;
    }
    ~Gadget() override { --alive; }
    static Result<std::unique_ptr<Gadget>> create(Type const& type, Options options, Tree&)
    {
        ++tried;
        auto gadget = std::make_unique<Gadget>(type, std::move(options));
        if (gadget->options().broken.value_or(false))
            return Error::generic("gadget is broken");
        return gadget;
    }
    bool is_in_use() const override { return in_use; }
    Result<void> apply(Options changed) override
    {
        if (changed.label == "no")
            return Error::generic("not that label");
        return OptionsObject::apply(std::move(changed));
    }
};

/// Types: abstract "tool", "gadget" (alias "gizmo") below it.
struct Gadgets {
    Gadgets()
    {
        Type tool;
        tool.name = "tool";
        tool.abstract = true;
        types.add(std::move(tool));
        UserType<Gadget>("gadget", "Has members of all kinds.")
            .settable("label")
            .settable("level")
            .settable("words")
            .read_only("length", "int", "of the label",
                [](Gadget const& self) { return qapi::Value(self.options().label.size()); })
            .add_to(types, "tool");
        types.add_alias("gizmo", "gadget");
    }
    /// Adds from JSON (or from keyval's members); "" when it went well.
    std::string add(std::string_view text, qapi::Spelling spelling = qapi::Spelling::json)
    {
        auto const done = add_user_object(tree, qapi::parse_json(text).value().as_object(), spelling);
        return done ? "" : done.error().desc();
    }
    std::string remove(std::string const& id)
    {
        auto const done = delete_user_object(tree, id);
        return done ? "" : done.error().desc();
    }
    std::string get(std::string_view path, std::string_view property)
    {
        auto const object = tree.resolve(path);
        if (!object)
            return object.error().desc();
        auto const value = (*object)->get(property);
        return value ? qapi::to_json(*value) : value.error().desc();
    }
    std::string set(std::string_view path, std::string_view property, qapi::Value const& value)
    {
        auto const done = tree.resolve(path).value()->set(property, value);
        return done ? "" : done.error().desc();
    }

    TypeRegistry types;
    Tree tree{types};
};

} // namespace minivisor::qom
