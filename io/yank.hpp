// SPDX-License-Identifier: GPL-3.0-or-later
// The connections that can be pulled by force when their peer does not answer any more (QEMU's yank): who
// has some enters it here as long as it is there. Main thread only.
#pragma once

#include "qapi/schema/yank.hpp"
#include "util/result.hpp"

#include <functional>
#include <list>
#include <memory>
#include <vector>

namespace minivisor::io {

class Yank {
    struct Entry {
        qapi::YankInstance instance;
        std::function<void()> pull;
    };

public:
    /// An entry; taken out when this is destroyed. The list outlives it.
    class Registration {
    public:
        Registration() = default;
        Registration(Registration&& other) noexcept { swap(other); }
        Registration& operator=(Registration other) noexcept { return swap(other), *this; }
        ~Registration()
        {
            if (m_list)
                m_list->erase(m_at);
        }

    private:
        friend class Yank;
        void swap(Registration& other) noexcept
        {
            std::swap(m_list, other.m_list);
            std::swap(m_at, other.m_at);
        }
        std::list<Entry>* m_list = nullptr;
        std::list<Entry>::iterator m_at;
    };

    /// `pull` ends the connections at once and never blocks; it must not take entries out.
    [[nodiscard]] Registration add(qapi::YankInstance instance, std::function<void()> pull);
    std::vector<qapi::YankInstance> instances() const;
    /// Pulls all of them, or none where one is not known.
    Result<void> pull(std::vector<qapi::YankInstance> const& instances);

private:
    std::list<Entry> m_entries;
};

} // namespace minivisor::io
