# SPDX-License-Identifier: GPL-3.0-or-later
"""Out-of-band execution: what overtakes what, and what is refused."""
import json
import os

OOB = ("migrate-pause", "migrate-recover", "query-yank", "yank")


def request(execute, id_, oob=False, **arguments):
    named = {k.replace("_", "-"): v for k, v in arguments.items()}
    return json.dumps({"exec-oob" if oob else "execute": execute, "id": id_, "arguments": named})


def busy(t, name="fifo"):
    """An instance whose in-band queue is held up by a command that waits for a reader of a pipe; and that reader's start."""
    t.requires_minivisor("QEMU stands still altogether while it opens the pipe")
    vm = t.start("-m", "1M", negotiate=False)
    vm.qmp.negotiate(enable=["oob"])
    fifo = t.path(name)
    os.mkfifo(fifo)
    vm.qmp.send_raw(request("pmemsave", "slow", val=0, size=4096, filename=fifo))

    def let_go():
        with open(fifo, "rb") as reader:
            t.eq(len(reader.read()), 4096)
    return vm, let_go


def test_the_schema_says_what_may_overtake(t):
    "allow-oob stands in the schema at the commands that may be executed out of band, and nowhere else"
    vm = t.start()
    commands = {e["name"] for e in vm.qmp.cmd("query-qmp-schema") if e["meta-type"] == "command" and e.get("allow-oob")}
    t.eq(sorted(commands), sorted(OOB))


def test_overtaking(t):
    "an out-of-band command is answered while an in-band one takes its time, and the others keep their order"
    vm, let_go = busy(t)
    vm.qmp.send_raw(request("query-name", "queued") + request("query-yank", "urgent", oob=True))
    t.eq(vm.qmp.receive_reply()["id"], "urgent")
    vm.qmp.send_raw(request("query-status", "late") + request("migrate-pause", "refused", oob=True))
    reply = vm.qmp.receive_reply()
    t.eq((reply["id"], reply["error"]["desc"]),
         ("refused", "migrate-pause is currently only supported during postcopy-active state"))
    vm.qmp.send_raw(request("query-name", "no", oob=True))
    reply = vm.qmp.receive_reply()
    t.eq((reply["id"], reply["error"]["desc"]), ("no", "The command query-name does not support OOB"))
    vm.qmp.send_raw(request("nope", "nope", oob=True))
    reply = vm.qmp.receive_reply()
    t.eq((reply["id"], reply["error"]["class"]), ("nope", "CommandNotFound"))
    let_go()
    t.eq([vm.qmp.receive_reply()["id"] for _ in range(3)], ["slow", "queued", "late"])


def test_a_full_queue(t):
    "eight in-band requests may wait; what is behind them is read when one is done, an out-of-band one too"
    vm, let_go = busy(t)
    vm.qmp.send_raw("".join(request("query-name", i) for i in range(8)) + request("query-yank", "urgent", oob=True)
                    + "".join(request("query-name", i) for i in range(8, 40)))
    other = vm.connect(vm.paths[0])
    t.eq(other.cmd("query-name"), {}, "another monitor's client")
    let_go()
    replies = [vm.qmp.receive_reply()["id"] for _ in range(42)]
    t.eq([i for i in replies if i != "urgent"], ["slow"] + list(range(40)), "in-band replies come in order")
    t.check(replies.index("slow") < replies.index("urgent"), "nothing behind a full queue was read: %s" % replies)


def test_without_the_capability(t):
    "without the capability exec-oob is no member of a request, and in-band requests need no id with it"
    vm = t.start()
    error = vm.qmp.raw('{"exec-oob": "query-yank", "id": 1}')[0]
    t.eq(error["error"]["desc"], "QMP input member 'exec-oob' is unexpected")
    vm2 = t.start(negotiate=False)
    vm2.qmp.negotiate(enable=["oob"])
    t.eq(vm2.qmp.raw('{"execute": "query-name"}')[0], {"return": {}})
    t.check("return" in vm2.qmp.raw('{"exec-oob": "query-yank"}')[0], "nor do out-of-band ones")
    error = vm2.qmp.raw('{"execute": "query-name", "exec-oob": "query-yank", "id": 2}')[0]
    t.eq((error["id"], error["error"]["class"]), (2, "GenericError"))
    t.eq(vm2.qmp.raw('{"exec-oob": "query-yank", "arguments": {"x": 1}, "id": 3}')[0]["error"]["desc"],
         "Parameter 'x' is unexpected")


def test_a_client_that_leaves(t):
    "a client that leaves while its queue is held up leaves nothing behind"
    vm, let_go = busy(t)
    vm.qmp.send_raw("".join(request("query-name", i) for i in range(100)))
    vm.qmp.close()
    other = vm.connect(vm.paths[0])
    t.eq(other.cmd("query-name"), {})
    let_go()
    t.eq(other.cmd("query-name"), {})
