// SPDX-License-Identifier: GPL-3.0-or-later
// The object tree and its paths: absolute, or partial, which means unique anywhere in the tree
// (qmp-surface section 3.4).
#pragma once

#include "qom/object.hpp"

#include <functional>

namespace minivisor::qom {

class Tree {
public:
    explicit Tree(TypeRegistry const& types);

    TypeRegistry const& types() const { return m_types; }
    Object& root() { return m_root; }

    /// The object at `path`; class DeviceNotFound when there is none, GenericError when ambiguous.
    Result<Object*> resolve(std::string_view path);
    /// The container of user-created objects, made when first needed.
    Object& objects();
    /// The user-created object of that id; null where there is none.
    Object* find_user_object(std::string_view id);

    /// Who is told of each object that a user made, once it is in the tree.
    void set_observer(std::function<void(Object&)> observer) { m_observer = std::move(observer); }
    void announce(Object& added) const
    {
        if (m_observer)
            m_observer(added);
    }

private:
    TypeRegistry const& m_types;
    Object m_root;
    std::function<void(Object&)> m_observer;
};

} // namespace minivisor::qom
