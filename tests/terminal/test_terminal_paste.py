"""Pasted and typed-ahead lines."""

from __future__ import annotations

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)

from tests.terminal.test_terminal_debugger import OURS

PROGRAM = """\
def f(x, factor):
    breakpoint()
    x = 1
    x = 2
    x = 3
    x = 4
    return x
print("end", f(0, 3))
"""

BLOCK = """\
def g(n):

    total = 0
    for i in range(n):
        total += i * factor

    return total
print('g', g(4))
"""


def pasted(text):
    return f"\x1b[200~{text}\x1b[201~"


def wait_for(seen, *texts):
    seen.wait(lambda text: all(one in text for one in texts) and text.endswith("(stackscope_pdb)"))


@pytest.mark.parametrize("how", [pasted, lambda text: text.replace("\n", "\r")])
def test_at_the_prompt_of_prompt_toolkit(screen, how):
    seen = screen(PROGRAM, "app.py", **OURS)
    seen.wait_for_prompt()
    seen.child.send(how("a = 1\nb = 2\nprint('sum', a + b)\n"))
    wait_for(seen, "sum 3")
    seen.clear()
    seen.child.send(how(BLOCK))
    wait_for(seen, "g 18")
    seen.clear()
    seen.child.send(how("n\nn\n"))
    wait_for(seen, "-> x = 2" if sys.version_info < (3, 13) else "-> x = 1")
    assert seen.text.count("-> x =") == 2
    seen.child.send("c\r")
    seen.wait(lambda text: "end 4" in text)


def test_part_of_a_statement_stays(screen):
    seen = screen(PROGRAM, "app.py", **OURS)
    seen.wait_for_prompt()
    seen.child.send(pasted("for i in range(2):\n"))
    seen.wait(lambda text: text.endswith("..."))
    seen.child.send(pasted("    a = 3\n    print('i', a + i)\n"))
    wait_for(seen, "i 3", "i 4")
    seen.child.send(pasted("    a = 5\n    if a:\n        print('in a block', a)\n    factor + a"))
    seen.wait(lambda text: text.endswith("factor + a"))
    seen.child.send("\r")
    wait_for(seen, "in a block 5", "\n8\n")
    seen.child.send("c\r")
    seen.wait(lambda text: "end 4" in text)


@pytest.mark.skipif(
    sys.implementation.name == "pypy", reason="its readline doesn't tell what else was typed"
)
@pytest.mark.parametrize("how", [pasted, lambda text: text])
def test_at_the_prompt_of_readline(terminal, how):
    session = terminal(PROGRAM, "app.py", **OURS)
    session.child.timeout = 20
    session.expect_prompt()
    session.child.send(how("a = 1\nb = 2\nprint('sum', a + b)\n"))
    session.child.expect_exact("sum 3\r\n")
    session.expect_prompt()
    session.child.send(how(BLOCK))
    session.child.expect_exact("g 18\r\n")
    session.expect_prompt()
    session.child.send(how("n\nn\np 'after'\n"))
    session.child.expect_exact("-> x = ")
    session.child.expect_exact("-> x = ")
    session.child.expect_exact("'after'\r\n")
    session.expect_prompt()
    assert "end 4" in session.finish("c")
