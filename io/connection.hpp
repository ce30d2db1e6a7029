// SPDX-License-Identifier: GPL-3.0-or-later
// A connected socket, with the TLS session over it if there is one: what the front door lets in and a dialer brings
// home. It becomes a channel (a thread that waits) or a stream (the main thread, which does not).
#pragma once

#include "crypto/tls_session.hpp"
#include "util/fd.hpp"

#include <memory>

namespace minivisor::io {

class Channel;

struct Connection {
    util::UniqueFd socket;
    std::unique_ptr<crypto::TlsSession> tls; ///< has finished its handshake; null: plain
};

Result<std::unique_ptr<Channel>> make_channel(Connection connection);

} // namespace minivisor::io
