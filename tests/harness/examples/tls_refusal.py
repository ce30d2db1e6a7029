#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A source whose certificate is good, but whose name is not on the list, is refused; the next one comes in.

    tests/harness/examples/tls_refusal.py build/minivisor

Two processes, a certificate authority made for the occasion, TLS and authorization: done in well under a second.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir))

from harness import migration, testbed  # noqa: E402

FRIEND = [("O", "Example Org"), ("CN", "friend.example.com")]
STRANGER = [("O", "Example Org"), ("CN", "stranger.example.com")]


def source(bed, name, uri, dn):
    """A guest of 4 MiB that tries to move to the URI with a certificate of that name."""
    vm = bed.start("-m", "4M", name=name)
    migration.add_creds(vm, "client", bed.pki.client(name, dn=dn))
    vm.qmp.cmd("migrate", uri=uri)
    return vm


def main(binary):
    with testbed(binary) as bed:
        destination = bed.start("-m", "4M", "-incoming", "defer", name="destination")
        migration.add_creds(destination, "server", bed.pki.server("server"))
        migration.allow(destination, bed.pki.identity(FRIEND))
        migration.set_capabilities(destination, "events")
        uri = migration.listen(destination)

        stranger = source(bed, "stranger", uri, STRANGER)
        refused = destination.qmp.wait_event("__org.minivisor_MIGRATION_REFUSED")["data"]
        bed.eq(refused["stage"], "authorize")
        bed.eq(refused["identity"], bed.pki.identity(STRANGER))
        bed.eq(migration.wait_status(stranger, "failed")["status"], "failed")
        bed.eq(stranger.qmp.cmd("query-status")["status"], "running", "the stranger's guest runs on where it was")

        friend = source(bed, "friend", uri, FRIEND)
        migration.wait_status(friend, "completed")
        destination.qmp.wait_event("RESUME")
        print("refused: %s; came in: %s" % (refused["identity"], bed.pki.identity(FRIEND)))


if __name__ == "__main__":
    main(sys.argv[1])
