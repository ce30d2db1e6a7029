// SPDX-License-Identifier: GPL-3.0-or-later
// Keeps TLS credentials good while the process runs: loads those anew whose files change, if they ask for it, and says
// in time, by event and in the log, when certificates and revocation lists end. Lives on the main thread.
#pragma once

#include "crypto/expiry.hpp"
#include "qapi/event_bus.hpp"
#include "qom/tree.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace minivisor::crypto {

class TlsKeeper {
public:
    using Clock = std::function<std::chrono::system_clock::time_point()>;

    /// Becomes the tree's observer. The events are declared before the first credentials are made.
    TlsKeeper(boost::asio::any_io_executor executor, qom::Tree& tree, qapi::EventBus& events,
        Clock clock = std::chrono::system_clock::now);
    TlsKeeper(TlsKeeper const&) = delete;
    TlsKeeper& operator=(TlsKeeper const&) = delete;

    /// Loads the credentials of that id anew and says what came of it in an event. On an error the last good ones stay.
    Result<void> reload(std::string const& id);
    /// Looks at the ends of all certificates and revocation lists now. It does so by itself when credentials come or
    /// are loaded anew, and every minute: the clock may be set at any time.
    void look();
    std::chrono::sys_seconds now() const;
    /// Nothing is waited for any more.
    void shut_down();

private:
    using Timer = boost::asio::steady_timer;
    struct Change {
        Timer timer;
        Timer::time_point first;
    };

    void notice(qom::Object& added);
    void note_change(std::string const& id);
    void look_after(std::chrono::seconds delay);

    boost::asio::any_io_executor m_executor;
    qom::Tree& m_tree;
    qapi::EventBus& m_events;
    Clock m_clock;
    Expiry m_expiry;
    Timer m_next_look;
    std::map<std::string, Change> m_changes; ///< files that may still be changing
    bool m_shut_down = false;
    std::shared_ptr<TlsKeeper*> m_self; ///< for what other threads post
};

} // namespace minivisor::crypto
