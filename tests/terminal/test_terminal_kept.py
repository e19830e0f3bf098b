"""After `continue` at the prompt of prompt_toolkit nothing of the program is kept alive."""

from __future__ import annotations

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)

PROGRAM = """
import asyncio, contextvars, gc, sys, weakref

class Thing:
    name = "a thing"

references = []
variable = contextvars.ContextVar("variable")

def note(thing):
    references.append(weakref.ref(thing))
    return thing

def tell(what):
    if sys.implementation.name == "pypy":
        gc.collect()
        gc.collect()
    kept = [type(one()).__name__ for one in references if one() is not None]
    print(what, "kept:", *kept, "(that is all)", flush=True)
    references.clear()

async def work():
    thing = note(Thing())
    note(asyncio.current_task())
    variable.set(note(Thing()))
    breakpoint()
    one = 1
    two = one

async def main():
    for number in "12":
        task = asyncio.ensure_future(work())
        await task
        del task
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        tell("task " + number)

def plain():
    thing = note(Thing())
    breakpoint()
    one = 1

gc.disable()
asyncio.run(main())
plain()
tell("function")
"""


def test_nothing_is_kept(screen):
    session = screen(PROGRAM, "app.py", PYTHONBREAKPOINT="stackscope_pdb.set_trace")
    session.wait_for_prompt()
    for line in ("p thing", "where -c", "tasks", "thing.name", "n", "p thing"):
        session.ask(line)
    session.child.send("p thi\t")
    session.wait(lambda text: text.endswith("p thing"))
    session.child.send("\r")
    session.wait(lambda text: text.count("__main__.Thing object") >= 3)
    session.wait_for_prompt()
    shown = session.ask("c")
    assert "task 1 kept: (that is all)" in shown
    session.ask("n")
    assert "task 2 kept: (that is all)" in session.ask("c")
    session.child.send("c\r")
    session.wait(lambda text: "function kept: (that is all)" in text)
