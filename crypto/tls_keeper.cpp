// SPDX-License-Identifier: GPL-3.0-or-later
#include "crypto/tls_keeper.hpp"

#include "crypto/tls_creds.hpp"
#include "crypto/tls_report.hpp"
#include "crypto/validity.hpp"
#include "util/log.hpp"
#include "util/text.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace minivisor::crypto {

namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds between_looks{60};
/// Certificate and key are two files: they are taken for complete when nothing has changed for so long,
constexpr std::chrono::milliseconds quiet{100};
/// but somebody who keeps writing does not put it off for ever.
constexpr std::chrono::seconds patience{1};

std::string counted_days(std::int64_t days) { return cat(days, days == 1 ? " day" : " days"); }

void log_expiry(qapi::TlsCertificateExpiryData const& data)
{
    auto const& certificate = data.certificate;
    using Role = qapi::TlsCertificateRole;
    auto const which = cat("The ",
        certificate.role == Role::own          ? "certificate "
            : certificate.role == Role::issuer ? "issuer's certificate "
                                               : "CA certificate ",
        certificate.subject, " of the TLS credentials '", data.id, "' ");
    if (data.days == 0)
        log::error(cat(which, "has expired: it was valid until ", certificate.not_after));
    else
        log::warn(
            cat(which, "expires within ", counted_days(data.days), ": it is valid until ", certificate.not_after));
}

void log_expiry(qapi::TlsRevocationListExpiryData const& data)
{
    auto const& list = data.revocation_list;
    auto const which = cat("The revocation list of ", list.issuer, " of the TLS credentials '", data.id, "' ");
    auto const until = list.next_update.value_or("unknown");
    if (data.days == 0)
        log::error(cat(which, "is past its time and may miss revoked certificates: the next one was due at ", until));
    else
        log::warn(cat(which, "ends within ", counted_days(data.days), ": the next one is due at ", until));
}

} // namespace

TlsKeeper::TlsKeeper(asio::any_io_executor executor, qom::Tree& tree, qapi::EventBus& events, Clock clock)
    : m_executor(std::move(executor))
    , m_tree(tree)
    , m_events(events)
    , m_clock(std::move(clock))
    , m_next_look(m_executor)
    , m_self(std::make_shared<TlsKeeper*>(this))
{
    m_tree.set_observer([this](qom::Object& added) { notice(added); });
}

std::chrono::sys_seconds TlsKeeper::now() const { return std::chrono::floor<std::chrono::seconds>(m_clock()); }

void TlsKeeper::notice(qom::Object& added)
{
    auto const* creds = dynamic_cast<TlsCreds const*>(&added);
    if (!creds || m_shut_down)
        return;
    if (auto* const watch = creds->watch())
        watch->listen([executor = m_executor, weak = std::weak_ptr(m_self), id = added.name()] {
            asio::post(executor, [weak, id] {
                if (auto const self = weak.lock())
                    (*self)->note_change(id);
            });
        });
    look_after(std::chrono::seconds(0));
}

void TlsKeeper::note_change(std::string const& id)
{
    if (m_shut_down)
        return;
    auto const now = Timer::clock_type::now();
    auto& change = m_changes.try_emplace(id, Change{Timer(m_executor), now}).first->second;
    change.timer.expires_at(std::min<Timer::time_point>(now + quiet, change.first + patience));
    change.timer.async_wait([this, id](boost::system::error_code error) {
        if (error)
            return;
        m_changes.erase(id);
        // Credentials that are gone by now need nothing.
        auto const* creds = dynamic_cast<TlsCreds const*>(m_tree.find_user_object(id));
        if (!creds || !creds->watch())
            return;
        if (auto const loaded = reload(id); loaded)
            log::info(cat("The TLS credentials '", id, "' were loaded anew"));
        else
            log::error(cat("The TLS credentials '", id,
                "' cannot be loaded anew, the last good ones stay in force: ", loaded.error().desc()));
    });
}

Result<void> TlsKeeper::reload(std::string const& id)
{
    auto* const creds = TRY(find_tls_creds(m_tree, id));
    auto loaded = creds->reload(m_tree);
    m_events.emit<qapi::TlsCredsReloadEvent>(
        {id, creds->generation(), loaded ? std::nullopt : std::optional(loaded.error().desc())});
    if (loaded)
        look_after(std::chrono::seconds(0));
    return loaded;
}

void TlsKeeper::look_after(std::chrono::seconds delay)
{
    if (m_shut_down)
        return;
    m_next_look.expires_after(delay);
    m_next_look.async_wait([this](boost::system::error_code error) {
        if (!error)
            look();
    });
}

void TlsKeeper::look()
{
    auto const now = this->now();
    std::vector<Lasting> ending;
    std::vector<std::function<void()>> announcements; // in the same places
    bool any = false;
    for (auto const& object : m_tree.objects().children()) {
        auto const* creds = dynamic_cast<TlsCreds const*>(object.get());
        if (!creds)
            continue;
        any = true;
        for_each_certificate(*creds->context(), [&](X509 const* certificate, qapi::TlsCertificateRole role) {
            auto const end = end_of(certificate);
            auto const days = days_of_warning(end, now);
            if (!days)
                return;
            qapi::TlsCertificateExpiryData data{object->name(), *days, report(certificate, role, now)};
            ending.push_back({object->name(), data.certificate.fingerprint, end});
            announcements.push_back([this, data = std::move(data)] {
                log_expiry(data);
                m_events.emit<qapi::TlsCertificateExpiryEvent>(data);
            });
        });
        for_each_revocation_list(*creds->context(), [&](X509_CRL const* list) {
            auto const end = end_of(list);
            auto const days = end ? days_of_warning(*end, now) : std::nullopt;
            if (!days)
                return;
            qapi::TlsRevocationListExpiryData data{object->name(), *days, report(list, now)};
            ending.push_back({object->name(), data.revocation_list.fingerprint, *end});
            announcements.push_back([this, data = std::move(data)] {
                log_expiry(data);
                m_events.emit<qapi::TlsRevocationListExpiryEvent>(data);
            });
        });
    }
    for (auto const i : m_expiry.due(ending, now))
        announcements[i]();
    if (any)
        look_after(between_looks);
}

void TlsKeeper::shut_down()
{
    m_shut_down = true;
    m_next_look.cancel();
    m_changes.clear();
}

} // namespace minivisor::crypto
