// SPDX-License-Identifier: GPL-3.0-or-later
// The wire between a serial port and a character device: what the guest sends goes to every stream that is open there,
// and what comes from them goes to the guest; where none is open the guest's output is lost. Main thread. A stream that
// does not take its bytes holds the guest's transmitter up, and nothing else.
#pragma once

#include "hw/serial.hpp"
#include "io/chardev.hpp"
#include "util/task_group.hpp"

#include <list>
#include <memory>

namespace minivisor::hw {

class SerialLine {
public:
    SerialLine(boost::asio::any_io_executor executor, SerialPort& port);
    ~SerialLine();

    /// Becomes the device's user; another may take its place then.
    Result<void> connect(io::Chardev& device);
    boost::asio::awaitable<void> shut_down();

private:
    struct Peer {
        std::unique_ptr<io::Stream> stream;
        std::string unsent;
        bool writing = false;
        bool gone = false;
    };

    Result<void> change(io::Chardev& device);
    void add(std::unique_ptr<io::Stream> stream);
    void leave(Peer& peer);
    std::function<void()> posted(void (*what)(SerialLine&)) const;
    bool has_peer() const;
    void drain();
    void write_some(Peer& peer);
    boost::asio::awaitable<void> serve(Peer& peer);
    boost::asio::awaitable<void> write_rest(Peer& peer);
    boost::asio::awaitable<bool> give(Peer& peer, std::span<char const> bytes);

    SerialPort& m_port;
    io::Chardev* m_device = nullptr; ///< used, and so not removed, until shut_down()
    std::list<Peer> m_peers;
    boost::asio::steady_timer m_room; ///< cancelled when the guest has read
    bool m_closing = false;
    util::TaskGroup m_tasks;
    std::shared_ptr<SerialLine*> m_life = std::make_shared<SerialLine*>(this); ///< what posted calls look at
};

} // namespace minivisor::hw
