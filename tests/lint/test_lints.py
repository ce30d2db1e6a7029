# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves of each lint that it can fail, and that it leaves good text alone."""
import os
import shutil
import tempfile
import unittest

import braces
import coroutines
import floors
import formatting
import length
import spdx
import words

HEAD = "// SPDX-License-Identifier: GPL-3.0-or-later\n#pragma once\n"


class Tree(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="mv-lint-")
        self.addCleanup(shutil.rmtree, self.root, True)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as out:
            out.write(text)

    def refuses(self, lint, *texts):
        faults = lint.check(self.root)
        self.assertEqual(len(faults), len(texts), faults)
        for text in texts:
            self.assertTrue(any(text in f for f in faults), (text, faults))

    def accepts(self, lint):
        self.assertEqual(lint.check(self.root), [])


class Floors(Tree):
    def test_downward_includes_pass(self):
        self.write("util/a.hpp", HEAD)
        self.write("qom/b.hpp", HEAD + '#include "qom/c.hpp"\n#include "util/a.hpp"\n#include <vector>\n')
        self.write("qom/c.hpp", HEAD)
        self.write("hmp/d.cpp", '#include "monitor/session.hpp"\n#include "qapi/x.hpp"\n')
        self.accepts(floors)

    def test_an_upward_include_fails(self):
        self.write("util/a.hpp", HEAD + '#include "qom/b.hpp"\n')
        self.refuses(floors, "util (floor 1) may not include qom (floor 3)")

    def test_a_neighbour_on_the_same_floor_fails(self):
        self.write("crypto/a.cpp", '#include "authz/b.hpp"\n')
        self.refuses(floors, "may not include authz")

    def test_a_front_sees_only_the_port(self):
        self.write("qmp/a.cpp", '#include "monitor/dispatch.hpp"\n#include "monitor/session.hpp"\n#include "qom/tree.hpp"\n')
        self.refuses(floors, "qmp/a.cpp:1: qmp may include only", "qmp/a.cpp:3: qmp may include only")

    def test_a_front_holds_no_asio(self):
        self.write("hmp/session.cpp", "#include <boost/asio/ip/tcp.hpp>\n")
        self.write("hmp/console.cpp", "#include <boost/asio/ip/tcp.hpp>\n")
        self.refuses(floors, "hmp/session.cpp:1: hmp holds no Asio")

    def test_a_circle_inside_one_folder_fails(self):
        self.write("io/a.hpp", HEAD + '#include "io/b.hpp"\n')
        self.write("io/b.hpp", HEAD + '#include "io/a.hpp"\n')
        self.refuses(floors, "include circle: io/a.hpp -> io/b.hpp -> io/a.hpp")

    def test_includes_are_written_from_the_root_and_in_quotes(self):
        self.write("io/a.cpp", '#include "a.hpp"\n#include <util/text.hpp>\n#include "boost/json.hpp"\n')
        self.refuses(floors, "from the root", "write it in quotes", "write it in <>")

    def test_a_unit_test_sees_only_its_floor(self):
        self.write("tests/unit/crypto/a_test.cpp", '#include "crypto/a.hpp"\n#include "util/text.hpp"\n#include "io/b.hpp"\n')
        self.refuses(floors, "may not include io")

    def test_meson_links_only_lower_floors_and_builds_each_source(self):
        self.write("qom/meson.build", "qom_lib = static_library('qom', files('a.cpp'), dependencies: [qapi_dep, io_dep])\n")
        self.write("qom/a.cpp", "")
        self.write("qom/b.cpp", "")
        self.refuses(floors, "qom (floor 3) may not link io (floor 5)", "qom/b.cpp is not built")


class Coroutines(Tree):
    def shape(self, body, *texts):
        self.write("io/a.cpp", "awaitable<Result<int>> f()\n{\n" + body + "\n}\n")
        self.refuses(coroutines, *texts)

    def test_a_try_behind_another_initializer_fails(self):
        self.write("io/a.cpp", "X x{TRY(a()), TRY(b())};\nlist.push_back({name, TRY(b(1, 2))});\nreturn X{g(1), TRY(b())};\n"
                   "X x{TRY(a())};\nreturn g(a, TRY(b()));\nif (a) { TRY(b()); }\nX x{a, b};\nTRY(c());\n")
        self.refuses(braces, "io/a.cpp:1:", "io/a.cpp:2:", "io/a.cpp:3:")

    def test_braces_inside_co_await_fail(self):
        self.shape("    auto x = co_await g({1, 2});", "braces inside a co_await")
        self.shape("    CO_TRY(auto x, co_await g(a,\n Options{.x = 1}));", "io/a.cpp:4: braces inside")
        self.shape("    co_await g(std::array{1, 2});", "braces inside a co_await")

    def test_named_values_and_constructors_pass(self):
        self.shape("    Options o{.x = 1};\n    co_await g(std::move(o), std::string{\"{\"}, std::size_t{4});\n"
                   "    co_return Reply{1};")
        self.shape("    co_await m_group.spawn([this](int x) -> awaitable<void> { Options o{x}; co_await h(std::move(o)); });")

    def test_co_await_in_a_statement_expression_fails(self):
        self.shape("    auto x = TRY(co_await g());", "inside TRY")
        self.shape("    auto x = ({ int y = 1; co_await g(y); });", "inside a statement expression")
        self.shape("    CO_TRY(auto x, co_await g());\n    // TRY(co_await g())\n    auto z = TRY(plain());")

    def test_a_capturing_lambda_coroutine_fails_outside_spawn(self):
        self.shape("    auto later = [this]() -> awaitable<void> { co_await m_timer.wait(); };", "capturing lambda")
        self.shape("    post(io, [&, x] { co_return; });", "capturing lambda")
        self.shape("    m_group.spawn([this]() -> awaitable<void> { co_await wait(); });\n"
                   "    registry.bind<Quit>([this](QuitArgs a) -> awaitable<Result<Empty>> { co_return Empty(); });\n"
                   "    auto free = [](Timer& t) -> awaitable<void> { co_await t.wait(); };\n"
                   "    auto plain = [x] { return x; };\n    int y = table[x](3);")


class Others(Tree):
    def test_a_long_file_fails(self):
        self.write("io/a.cpp", "\n" * 401)
        self.write("io/b.cpp", "\n" * 400)
        self.write("tests/unit/io/a_test.cpp", "\n" * 600)
        self.refuses(length, "io/a.cpp: 401 lines")

    def test_a_file_without_its_licence_line_fails(self):
        self.write("io/a.hpp", HEAD)
        self.write("io/b.hpp", "// something\n#pragma once\n")
        self.write("io/c.hpp", HEAD.replace("#pragma once\n", ""))
        self.write("tools/x.py", "#!/usr/bin/env python3\n# SPDX-License-Identifier: GPL-3.0-or-later\n")
        self.write("tools/y.py", "#!/usr/bin/env python3\nprint()\n")
        self.refuses(spdx, "io/b.hpp:1", "io/c.hpp: no #pragma once", "tools/y.py:1")

    def test_machine_paths_and_nameless_promises_fail(self):
        self.write("io/a.cpp", "// see /ho" "me/me/x\n// TO" "DO: later\n// TO" "DO: issue 7, more\n// ${DIR}/wo" "rk/x is fine\n")
        self.refuses(words, "io/a.cpp:1: a path", "io/a.cpp:2: TO")

    def test_an_unformatted_file_fails(self):
        self.write(".clang-format", "BasedOnStyle: WebKit\n")
        self.write("io/a.cpp", "int  a ;\n")
        self.write("io/b.cpp", "int a;\n")
        try:
            self.refuses(formatting, "io/a.cpp:1: not formatted")
        except formatting.Absent as absent:
            self.skipTest(str(absent))
