"""Beside what else is installed, and without leaving traces in the program's asyncio."""

from __future__ import annotations

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)

from tests.terminal.test_terminal_debugger import OURS

NAMES = """
import asyncio

async def main():
    before = int(asyncio.create_task(asyncio.sleep(0)).get_name()[5:])
    breakpoint()
    after = int(asyncio.create_task(asyncio.sleep(0)).get_name()[5:])
    print("names used up:", after - before - 1)

asyncio.run(main())
"""


def test_the_prompt_uses_up_no_names_of_tasks(screen):
    pytest.importorskip("prompt_toolkit")
    seen = screen(NAMES, "app.py", **OURS)
    seen.wait_for_prompt()
    for _ in range(3):
        assert "42" in seen.ask("6 * 7")
    seen.child.send("c\r")
    seen.wait("names used up: 0")


# What pdb++ does, by a file `pdb.py` before the standard library in sys.path.
NAMESAKE = """
import importlib.util, os
import bdb

def _standard():
    path = os.path.join(os.path.dirname(bdb.__file__), "pdb.py")
    spec = importlib.util.spec_from_file_location("pdb", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

{kept} = _standard()

class Pdb({kept}.Pdb):
    "Not the standard one."

    def do_sticky(self, argument):
        self.message("the sticky of another")

def set_trace():
    import sys
    Pdb().set_trace(sys._getframe().f_back)
{without}
"""

BESIDE = """
import sys
value = 21
breakpoint()
import stackscope_pdb
stackscope_pdb.install()
import pdb
pdb.Pdb(stdout=sys.stdout).set_trace()
print("the end")
"""


@pytest.mark.parametrize(("kept", "without"), [("pdb", ""), ("found", "del found")])
def test_another_module_named_pdb(tmp_path, terminal, kept, without):
    (tmp_path / "pdb.py").write_text(NAMESAKE.format(kept=kept, without=without))
    session = terminal(BESIDE, "app.py", **OURS)
    banner = session.expect_prompt()
    assert "\x1b[" not in banner.replace("\x1b[?2004h", "").replace("\x1b[?2004l", "")
    assert "42" in session.ask("value * 2")
    assert "No task is alive" in session.ask("tasks")
    assert "another" not in session.ask("sticky off")
    session.child.sendline("c")
    session.child.expect_exact("(Pdb) ")
    session.child.sendline("sticky")
    session.child.expect_exact("the sticky of another")
    session.child.sendline("c")
    session.child.expect_exact("the end")
