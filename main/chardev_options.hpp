// SPDX-License-Identifier: GPL-3.0-or-later
// The two spellings of a character device: -chardev BACKEND,id=ID,... and the short form that -qmp,
// -monitor and -serial take (qmp-surface sections 3.8 and 13.3).
#pragma once

#include "main/options.hpp"

namespace minivisor::main {

/// What `-chardev` takes, for the manual.
inline constexpr std::string_view chardev_details
    = "`stdio,id=ID` and `null,id=ID` take nothing else. `socket,id=ID` takes `path=FILE` for a UNIX socket, or "
      "`port=PORT` and `host=HOST`, with `ipv4=on|off`, `ipv6=on|off` and `to=LAST` (a last port to try); `server=on` "
      "to listen, and then `wait=off` to go on without waiting for the first client.";

/// "socket,id=c0,path=/x,server=on,wait=off", "stdio,id=c0", "null,id=c0".
Result<Chardev> parse_chardev(std::string_view text);

/// "stdio", "none", "null", "unix:PATH,server=on", "tcp:HOST:PORT,server=on".
Result<Chardev> parse_short_chardev(std::string_view text);

} // namespace minivisor::main
