// SPDX-License-Identifier: GPL-3.0-or-later
// The two spellings of a character device: BACKEND,id=ID,... of -chardev and HMP's chardev-add, and the short form that
// -qmp, -monitor and the like take (qmp-surface sections 3.8 and 13.3).
#pragma once

#include "qapi/schema/char.hpp"
#include "util/result.hpp"

namespace minivisor::io {

/// What `-chardev` takes, for the manual.
inline constexpr std::string_view chardev_details
    = "Each takes `mux=on`: then up to four users share it, and Ctrl-A c gives what is typed to the next of them; "
      "`mux,id=ID,chardev=ID` does that to one that is there. "
      "`null,id=ID` and `pty,id=ID` take nothing else. `stdio,id=ID` takes `signal=off` to get Ctrl-C as a byte. "
      "`file,id=ID` takes `path=FILE`, `append=on` to "
      "keep "
      "what is in the file, and `input-path=FILE` to read from. `ringbuf,id=ID` takes `size=SIZE`, a power of two.\n\n"
      "`socket,id=ID` takes `path=FILE` for a UNIX socket, or `port=PORT` and `host=HOST`, with `ipv4=on|off`, "
      "`ipv6=on|off` and `to=LAST` (a last port to try), or `fd=NUMBER` for a socket that was handed over; `server=on` "
      "to "
      "listen, and then `wait=off` to go on without waiting for the first client; `reconnect=SECONDS` to connect again "
      "after a failure or a loss; `tls-creds=ID` for TLS with these credentials, and `tls-authz=ID` for the object "
      "that "
      "says which clients of a server may come in.";

/// "socket,id=c0,path=/x,server=on,wait=off", "pty,id=c0". In the order in which they are to be made: the one that is
/// asked for is the last, and with "mux=on" a multiplexer over the one before it.
Result<std::vector<qapi::ChardevAddArguments>> parse_chardev(std::string_view text);

/// The same for a device that has its id already.
Result<qapi::ChardevBackend> parse_chardev_backend(std::string_view text, std::string const& id);

/// "stdio", "null", "pty", "file:PATH", "unix:PATH,server=on", "tcp:HOST:PORT,server=on".
Result<qapi::ChardevBackend> parse_short_chardev(std::string_view text);
/// The same with an id, and perhaps with "mon:" in front: then shared, by a multiplexer over "ID-base".
Result<std::vector<qapi::ChardevAddArguments>> parse_short_chardev(std::string_view text, std::string const& id);
/// Whether the text begins with "mon:".
inline bool is_shared_with_monitor(std::string_view text) { return text.starts_with("mon:"); }

/// The types, as -chardev help lists them.
std::string chardev_help();

} // namespace minivisor::io
