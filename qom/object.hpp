// SPDX-License-Identifier: GPL-3.0-or-later
// An object in the tree: a type, a name below its parent, children that it owns. Lives on the main
// thread. An object that exists is whole; what may fail happens in its type's create.
#pragma once

#include "qom/type.hpp"

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace minivisor::qom {

class Object {
public:
    explicit Object(Type const& type)
        : m_type(&type)
    {
    }
    virtual ~Object();
    Object(Object const&) = delete;
    Object& operator=(Object const&) = delete;

    Type const& type() const { return *m_type; }
    /// The name below the parent; empty for the root and while not attached.
    std::string const& name() const { return m_name; }
    Object* parent() const { return m_parent; }
    /// "/objects/tls0"; "/" for the root.
    std::string canonical_path() const;

    /// Whether object-del may delete it now.
    virtual bool is_in_use() const { return false; }

    /// Fails with QEMU's text when a child or a property has the name already.
    Result<void> check_name(std::string_view name) const;
    Result<Object*> add_child(std::string name, std::unique_ptr<Object> child);
    /// Null where there is none.
    Object* find_child(std::string_view name) const;
    /// Takes the child out of the tree; null where there is none.
    std::unique_ptr<Object> remove_child(std::string_view name);
    /// In the order in which they were added.
    std::list<std::unique_ptr<Object>> const& children() const { return m_children; }

    Result<qapi::Value> get(std::string_view property) const;
    Result<void> set(std::string_view property, qapi::Value const& value);

private:
    using ChildList = std::list<std::unique_ptr<Object>>;

    Type const* m_type;
    Object* m_parent = nullptr;
    std::string m_name;
    ChildList m_children;
    std::unordered_map<std::string_view, ChildList::iterator> m_index; // keys are the children's own names
};

/// An object that keeps the options it was made from; its properties are those options.
template <typename OptionsType>
class OptionsObject : public Object {
public:
    using Options = OptionsType;

    OptionsObject(Type const& type, Options options)
        : Object(type)
        , m_options(std::move(options))
    {
    }

    Options const& options() const { return m_options; }

    /// Makes `changed`, which differs in one settable property, the options in force.
    virtual Result<void> apply(Options changed)
    {
        m_options = std::move(changed);
        return {};
    }

protected:
    Options m_options;
};

} // namespace minivisor::qom
