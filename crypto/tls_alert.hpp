// SPDX-License-Identifier: GPL-3.0-or-later
// What a TLS alert from the peer means, in one sentence that says who refused what.
#pragma once

#include <string>

namespace minivisor::crypto {

/// What had happened when an alert came; it decides what the alert can mean.
struct AlertContext {
    /// We are the client.
    bool is_client = false;
    /// The peer has asked for our certificate, or always sees it (a server's).
    bool certificate_wanted = false;
    /// We have one, so it was sent.
    bool certificate_sent = false;
    /// The handshake was complete on our side: in TLS 1.3 the server judges only then.
    bool after_handshake = false;
};

/// The alert's name in RFC 8446, such as "unknown_ca"; "alert N" for one that has none.
std::string alert_name(int alert);

/// A sentence for an alert that the peer sent, ending in "(TLS alert NAME)".
std::string describe_alert(int alert, AlertContext const& context);

} // namespace minivisor::crypto
