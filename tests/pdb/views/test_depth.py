"""However deep things are nested, a line has room for what it tells."""

from __future__ import annotations

import asyncio
import io
import re

import pytest

from stackscope_pdb.output.console import Console
from stackscope_pdb.stop.raised import Raised
from stackscope_pdb.views.exceptions import exception_lines
from tests.render.test_depth import contexts, exit_stacks, raised_groups


@pytest.mark.parametrize("make", [contexts, exit_stacks], ids=["contexts", "exit_stacks"])
def test_contexts(make, scripted):
    item = make(3000)
    session = scripted("stack item", "ctx", "ctx 1", "where --contexts", "unfocus", "c")
    session.stop()
    if make is exit_stacks:
        next(item, None)
    assert re.search(r"^ +1\.1\.1\.1\.1\.1\.1\.1 ", session.replies[1], re.MULTILINE)
    assert "… deeper levels left out" in session.replies[1]
    assert "1.1.1.1.1.1.1.1.1" not in session.replies[1]
    assert len(session.replies[1].splitlines()) < 40
    assert "⋮50 " in session.replies[3]


def test_exceptions():
    console = Console(io.StringIO(), colors=False)
    text = console.text(exception_lines(Raised(raised_groups(300)), console))
    assert " ⋮90 ExceptionGr" in text
    assert len(text.splitlines()) == 101


def test_tasks(scripted, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    session = scripted("tasks", "c")

    async def worker(depth):
        if depth:
            await asyncio.ensure_future(worker(depth - 1))
        else:
            session.stop()

    asyncio.run(worker(19))
    numbers = re.findall(r"⋮(\d+) ", session.replies[0])
    assert numbers == [str(number) for number in range(7, 20)]
    assert session.replies[0].count("worker:") > 19
