// SPDX-License-Identifier: GPL-3.0-or-later
// Asks the authorization objects on behalf of the doors, and tells the log what they answered.
#pragma once

#include "io/door.hpp"
#include "qom/tree.hpp"

namespace minivisor::io {

class Doorman {
public:
    /// Both outlive it, and it outlives whoever asks.
    Doorman(boost::asio::io_context& io, qom::Tree& tree)
        : m_io(io)
        , m_tree(tree)
    {
    }

    /// Asks the object `authz_id`, looked up anew for each question. Main thread only.
    Authorize asking(std::string authz_id);

private:
    void ask(std::string const& authz_id, Applicant const& applicant, std::function<void(crypto::Decision)> answer);

    boost::asio::io_context& m_io;
    qom::Tree& m_tree;
};

} // namespace minivisor::io
