// SPDX-License-Identifier: GPL-3.0-or-later
// QEMU's two ways to write members in one line of text, "TYPE,key=value,...". They look alike and differ
// in the details, so each has its reader. All values are text; the codec turns them into what is wanted.
#pragma once

#include "qapi/value.hpp"
#include "util/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace minivisor::qapi {

/// Dotted keys nest deeper than this in no option of ours; more is refused.
inline constexpr std::size_t max_keyval_nesting = 64;

/// What a keyval text says: text members, objects from dotted keys, lists from dotted numbers.
struct Keyval {
    Object object;
    /// The word "help" or "?" stood where a key=value belongs. The members may be incomplete then.
    bool help = false;
};

/// Reads the keyval form (qmp-surface, 13.3): `object_add`, `-object`. Every key needs its '='; the first
/// item may be a value of `implied_key` alone. ",," is a comma inside a value (not in the implied one, and
/// not in keys); the last of equal keys wins; list numbers must leave no hole. Errors have QEMU's words.
Result<Keyval> parse_keyval(std::string_view text, std::string_view implied_key = {});

/// One item of the older form.
struct QemuOpt {
    std::string name;
    std::string value;
    /// "foo" or "nofoo" as it was written, if the item had no '=' (deprecated; the consumer may warn).
    std::string short_form;
};

struct QemuOpts {
    std::vector<QemuOpt> items; ///< in order, repeated names included
    /// One item was the word "help" or "?".
    bool help = false;

    /// The last item of that name, or null.
    QemuOpt const* find_last(std::string_view name) const;
};

/// Reads the older form: `-chardev`, `-mon`, `-name`, `-qmp`. A bare `foo` means foo=on, `nofoo` means
/// foo=off, the first item may be a value of `implied_key` alone, ",," is a comma in any value. Any text can
/// be read; names (also empty ones) are the consumer's to check.
QemuOpts parse_qemu_opts(std::string_view text, std::string_view implied_key = {});

} // namespace minivisor::qapi
