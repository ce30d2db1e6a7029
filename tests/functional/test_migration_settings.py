# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters and capabilities of later QEMUs: kept, checked, told, and refused where no engine is."""
import os

from harness import migration

WHY = "QEMU 7.2 does not have them"
DEFAULTS = {"multifd-qatzip-level": 1, "direct-io": False, "cpr-exec-command": [], "vcpu-dirty-limit": 1,
            "x-vcpu-dirty-limit-period": 1000}


def refused(vm, **parameters):
    return vm.qmp.error("migrate-set-parameters", **parameters)


def on(*names):
    return [{"capability": name, "state": True} for name in names]


def test_parameters(t):
    "parameters of QEMU 8.1 to 10.2 have its defaults, are kept, and show on the console when they are something else"
    t.requires_minivisor(WHY)
    vm = t.start()
    found = vm.qmp.cmd("query-migrate-parameters")
    t.eq({name: found[name] for name in DEFAULTS}, DEFAULTS)
    before = vm.qmp.hmp("info migrate_parameters")
    values = {"multifd-qatzip-level": 9, "cpr-exec-command": ["/bin/x", "a b"], "vcpu-dirty-limit": 7,
              "x-vcpu-dirty-limit-period": 1}
    vm.qmp.cmd("migrate-set-parameters", **values)
    found = vm.qmp.cmd("query-migrate-parameters")
    t.eq({name: found[name] for name in values}, values)
    t.eq(vm.qmp.hmp("info migrate_parameters"),
         before + ["multifd-qatzip-level: 9", "x-vcpu-dirty-limit-period: 1 ms", "vcpu-dirty-limit: 7 MB/s",
                   "cpr-exec-command: /bin/x a b"])


def test_parameter_errors(t):
    "what is out of its range, or cannot be here, is refused in QEMU's words"
    t.requires_minivisor(WHY)
    vm = t.start()
    t.eq(refused(vm, **{"multifd-qatzip-level": 0}),
         "Parameter 'multifd_qatzip_level' expects a value between 1 and 9")
    t.eq(refused(vm, **{"x-vcpu-dirty-limit-period": 1001}),
         "Parameter 'x_vcpu_dirty_limit_period' expects a value between 1 and 1000")
    t.eq(refused(vm, **{"vcpu-dirty-limit": 0}), "Parameter 'vcpu_dirty_limit' must be greater than 1 MB/s")
    t.eq(refused(vm, **{"direct-io": True, "max-bandwidth": 1}), "No build-time support for direct-io")
    found = vm.qmp.cmd("query-migrate-parameters")
    t.eq({name: found[name] for name in DEFAULTS}, DEFAULTS)
    t.eq(found["max-bandwidth"], 128 << 20)


def test_console(t):
    "migrate_set_parameter takes sizes for the limits and a shell's words for the command"
    t.requires_minivisor(WHY)
    vm = t.start()
    for line in ("vcpu-dirty-limit 1k", "x-vcpu-dirty-limit-period 12", "multifd-compression uadk", "direct-io off",
                 "cpr-exec-command \"/bin/x 'a b' c\"", "mode cpr-exec"):
        t.eq(vm.qmp.hmp("migrate_set_parameter " + line), [], line)
    found = vm.qmp.cmd("query-migrate-parameters")
    t.eq([found[name] for name in ("vcpu-dirty-limit", "x-vcpu-dirty-limit-period", "multifd-compression",
                                   "cpr-exec-command", "mode")],
         [1024, 12, "uadk", ["/bin/x", "a b", "c"], "cpr-exec"])
    t.eq(vm.qmp.hmp("migrate_set_parameter cpr-exec-command \"'a\""),
         ["Error: Text ended before matching quote was found for '. (The text was \u201c'a\u201d)"])
    t.eq(vm.qmp.hmp("migrate_set_parameter direct-io on"), ["Error: No build-time support for direct-io"])
    t.eq(vm.qmp.error("migrate", uri="tcp:127.0.0.1:1"), "Migration mode 'cpr-exec' is set, and not supported yet")


def test_capabilities(t):
    "capabilities of QEMU 8.1 and 9.0 stand behind the others, and what they need or do not go with is QEMU's"
    t.requires_minivisor(WHY)
    vm = t.start()
    t.eq([c["capability"] for c in vm.qmp.cmd("query-migrate-capabilities")][-3:],
         ["switchover-ack", "dirty-limit", "mapped-ram"])
    t.eq(vm.qmp.hmp("info migrate_capabilities")[-3:], ["switchover-ack: off", "dirty-limit: off", "mapped-ram: off"])
    for names, text in (
            (["switchover-ack"], "Capability 'switchover-ack' requires capability 'return-path'"),
            (["dirty-limit"], "dirty-limit requires KVM with accelerator property 'dirty-ring-size' set"),
            (["dirty-limit", "auto-converge"],
             "dirty-limit conflicts with auto-converge either of then available currently"),
            (["mapped-ram", "xbzrle"], "Mapped-ram migration is incompatible with xbzrle"),
            (["mapped-ram", "postcopy-ram"], "Mapped-ram migration is incompatible with postcopy")):
        t.eq(vm.qmp.error("migrate-set-capabilities", capabilities=on(*names)), text)
    migration.set_capabilities(vm, "mapped-ram")
    t.eq(refused(vm, tls_creds="tls0"), "Mapped-ram only available for non-compressed non-TLS multifd migration")


def test_mapped_ram_has_no_engine(t):
    "mapped-ram is kept, and keeps migrate and migrate-incoming from starting"
    t.requires_minivisor(WHY)
    text = "Migration capability 'mapped-ram' is on, and not supported yet"
    vm = t.start()
    migration.set_capabilities(vm, "mapped-ram")
    t.eq(vm.qmp.error("migrate", uri="file:" + t.path("out")), text)
    t.check(not os.path.exists(t.path("out")), "nothing was written")
    target = t.start("-incoming", "defer", name="target")
    migration.set_capabilities(target, "mapped-ram")
    t.eq(target.qmp.error("migrate-incoming", uri="tcp:127.0.0.1:0"), text)


def test_switched_on_while_waiting(t):
    "what has no engine and is switched on while a sender is awaited keeps him out, until it is off again"
    t.requires_minivisor("QEMU has the engine")
    target = t.start("-m", "16M", "-incoming", "unix:" + t.path("mig"), name="target")
    migration.set_capabilities(target, "multifd")
    source = t.start("-m", "16M", name="source")
    source.qmp.cmd("migrate", uri="unix:" + t.path("mig"))
    migration.wait_status(source, "failed")
    t.eq(target.qmp.cmd("query-migrate")["error-desc"],
         "Migration capability 'multifd' is on, and not supported yet")
    migration.set_capabilities(target, "multifd", state=False)
    source.qmp.cmd("migrate", uri="unix:" + t.path("mig"))
    migration.wait_status(source, "completed")
    migration.wait_run_state(target, "running")


def test_dirty_limit_with_rings(t):
    "on a KVM whose CPUs have rings dirty-limit can be switched on, and then keeps migrate from starting"
    t.requires_minivisor(WHY)
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        t.skip("/dev/kvm cannot be used")
    vm = t.start("-M", "mini", "-m", "16M", "-accel", "kvm,dirty-ring-size=1024", "-S")
    reply = vm.qmp.execute("calc-dirty-rate", {"calc-time": 1, "mode": "dirty-ring"})
    if "error" in reply:
        t.skip("this KVM has no rings")
    migration.set_capabilities(vm, "dirty-limit")
    t.eq(vm.qmp.error("migrate", uri="tcp:127.0.0.1:1"),
         "Migration capability 'dirty-limit' is on, and not supported yet")
    t.eq(vm.qmp.error("migrate-set-capabilities", capabilities=on("auto-converge")),
         "dirty-limit conflicts with auto-converge either of then available currently")
