"""The first prompt, which is there before prompt_toolkit is."""

from __future__ import annotations

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)

from tests.terminal.test_terminal_debugger import OURS

SLOW = """
import sys

class Slow:
    '''Lets the module that draws the prompt take its time.'''

    def find_spec(self, name, path=None, target=None):
        if name == "prompt_toolkit.shortcuts":
            import os, time
            while not os.path.exists("go"):
                time.sleep(0.02)

sys.meta_path.insert(0, Slow())
x = 6
breakpoint()
print("the", "end")
"""

PROMPT = "(stackscope_pdb)"


def test_keys_wait_for_what_reads_them(screen, tmp_path):
    seen = screen(SLOW, "app.py", **OURS)
    seen.wait_for_prompt()
    seen.child.send("p x * 7\r")
    with pytest.raises(AssertionError):  # they aren't shown yet
        seen.wait(lambda text: "x * 7" in text, 0.5)
    (tmp_path / "go").touch()
    seen.wait(lambda text: "\n42\n" in text and text.endswith(PROMPT))
    assert seen.text.count("x * 7") == 1
    assert seen.text.count(PROMPT) == 2
    assert f"\n{PROMPT} p x * 7\n42\n" in seen.text
    seen.child.send("c\r")
    seen.wait("the end")


def test_ctrl_c_is_a_key_by_then(screen, tmp_path):
    seen = screen(SLOW, "app.py", **OURS)
    seen.wait_for_prompt()
    seen.child.send("p x\x03")
    (tmp_path / "go").touch()
    seen.wait(lambda text: "--KeyboardInterrupt--" in text and text.endswith(PROMPT))
    assert seen.ask("p x + 1") == "7"
    seen.child.send("c\r")
    seen.wait("the end")


def test_the_terminal_is_as_before(screen, tmp_path):
    (tmp_path / "go").touch()
    seen = screen(SLOW + "print('read', repr(input('? ')))\n", "app.py", **OURS)
    seen.wait_for_prompt()
    seen.child.send("c\r")
    seen.wait("?")
    seen.child.send("typed\r")
    seen.wait(lambda text: "read 'typed'" in text)
    assert "? typed" in seen.text  # echoed


def test_what_cannot_be_imported(screen, tmp_path):
    broken = tmp_path / "prompt_toolkit"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('not for this Python')\n")
    seen = screen("x = 6\nbreakpoint()\nprint('the', 'end')\n", "app.py", **OURS)
    seen.wait_for_prompt()
    seen.child.send("p x * 7\r")
    seen.wait(lambda text: "\n42\n" in text and text.endswith(PROMPT))
    assert seen.text.count(PROMPT) == 2
    seen.child.send("n\r")
    seen.wait(lambda text: text.count("->") == 2 and text.endswith(PROMPT))
    seen.child.send("c\r")
    seen.wait("the end")


INTERRUPTED = """
import os
import signal
import sys

class Interrupts:
    '''Presses Ctrl-C while the first stop is drawn.'''

    def find_spec(self, name, path=None, target=None):
        if name == "stackscope_pdb.output.plain_lines":
            os.kill(os.getpid(), signal.SIGINT)

def function():
    breakpoint()
    return 6

sys.meta_path.insert(0, Interrupts())
print("the", "end", function())
"""


def test_ctrl_c_while_the_stop_is_drawn(screen):
    """It asks for the prompt, which is coming. The program has nothing of it."""
    seen = screen(INTERRUPTED, "app.py", **OURS)
    seen.wait_for_prompt()
    assert "\n-> " in seen.text
    assert "\n--KeyboardInterrupt--\n" in seen.text
    assert seen.ask("p 40 + 2") == "42"
    seen.child.send("c\r")
    seen.wait("the end 6")
