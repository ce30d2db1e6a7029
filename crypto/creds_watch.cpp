// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/creds_watch.hpp"

#include "util/text.hpp"

#include <filesystem>
#include <utility>

namespace minivisor::crypto {

Result<std::unique_ptr<CredsWatch>> CredsWatch::start(std::string const& dir, std::vector<std::string> const& names)
{
    std::error_code error;
    auto const folder = std::filesystem::absolute(dir, error).string();
    if (error)
        return Error::system(cat("Cannot watch ", dir), error.value());
    std::vector<std::string> paths;
    for (auto const& name : names)
        paths.push_back(cat(folder, '/', name));
    std::unique_ptr<CredsWatch> watch(new CredsWatch);
    watch->m_files = TRY(util::FileWatch::start(std::move(paths), [self = watch.get()] { self->note_change(); }));
    return watch;
}

void CredsWatch::listen(std::function<void()> changed)
{
    std::lock_guard const guard(m_mutex);
    if (m_listener)
        return;
    m_listener = std::move(changed);
    if (std::exchange(m_changed, false))
        m_listener();
}

void CredsWatch::note_change()
{
    std::lock_guard const guard(m_mutex);
    if (m_listener)
        m_listener();
    else
        m_changed = true;
}

} // namespace minivisor::crypto
