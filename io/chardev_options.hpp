// SPDX-License-Identifier: GPL-3.0-or-later
// The two spellings of a character device: BACKEND,id=ID,... of -chardev and HMP's chardev-add, and the short form that
// -qmp, -monitor and the like take (qmp-surface sections 3.8 and 13.3).
#pragma once

#include "qapi/schema/char.hpp"
#include "util/result.hpp"

namespace minivisor::io {

/// What `-chardev` takes, for the manual.
inline constexpr std::string_view chardev_details
    = "`null,id=ID`, `pty,id=ID` and `stdio,id=ID` take nothing else. `file,id=ID` takes `path=FILE`, `append=on` to "
      "keep "
      "what is in the file, and `input-path=FILE` to read from. `ringbuf,id=ID` takes `size=SIZE`, a power of two.\n\n"
      "`socket,id=ID` takes `path=FILE` for a UNIX socket, or `port=PORT` and `host=HOST`, with `ipv4=on|off`, "
      "`ipv6=on|off` and `to=LAST` (a last port to try), or `fd=NUMBER` for a socket that was handed over; `server=on` "
      "to "
      "listen, and then `wait=off` to go on without waiting for the first client; `reconnect=SECONDS` to connect again "
      "after a failure or a loss; `tls-creds=ID` for TLS with these credentials, and `tls-authz=ID` for the object "
      "that "
      "says which clients of a server may come in.";

/// "socket,id=c0,path=/x,server=on,wait=off", "pty,id=c0".
Result<qapi::ChardevAddArguments> parse_chardev(std::string_view text);

/// "stdio", "null", "pty", "file:PATH", "unix:PATH,server=on", "tcp:HOST:PORT,server=on".
Result<qapi::ChardevBackend> parse_short_chardev(std::string_view text);

/// The types, as -chardev help lists them.
std::string chardev_help();

} // namespace minivisor::io
