"""Ctrl-C while something is awaited at the prompt."""

from __future__ import annotations

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)

pytest.importorskip("greenback")

from stackscope_pdb.facts import HAS_ASYNC_STOPS
from tests.terminal.test_terminal_debugger import OURS

PROGRAM = """\
import asyncio, sys
import greenback
import stackscope_pdb

async def other(log, sleep):
    while True:
        log.append("on")
        await sleep(0.01)

async def busy():
    print("busy", flush=True)
    while True:
        pass

async def sleeping(sleep):
    print("asleep", flush=True)
    try:
        await sleep(100)
    finally:
        print("cleaned up")

async def main(sleep, log, has_portal=True):
    if has_portal:
        await greenback.ensure_portal()
        breakpoint()
    else:
        await stackscope_pdb.set_trace_async()
    await sleep(0.01)
    print("end", "on" in log)

async def in_asyncio(*rest):
    log = []
    task = asyncio.ensure_future(other(log, asyncio.sleep))
    await main(asyncio.sleep, log, *rest)
    task.cancel()

asyncio.run(in_asyncio())
if sys.version_info >= (3, 14):
    asyncio.run(in_asyncio(False))

import trio

async def in_trio():
    log = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other, log, trio.sleep)
        await main(trio.sleep, log)
        nursery.cancel_scope.cancel()

trio.run(in_trio)
"""


def test_it_is_given_up_and_the_program_goes_on(terminal):
    pytest.importorskip("trio")
    session = terminal(PROGRAM, "app.py", **OURS)
    for _ in range(2 + HAS_ASYNC_STOPS):
        session.expect_prompt()
        for line, sign in (("await sleeping(sleep)", "asleep"), ("p await busy()", "busy")):
            session.enter(line)
            session.child.expect_exact(f"{sign}\r\n")
            answer = session.interrupt()
            assert "*** KeyboardInterrupt: the await was given up\n" in answer
            assert ("cleaned up" in answer) == (sign == "asleep")
        assert "42\n" in session.ask("p 6 * 7")
        session.enter("c")
        session.child.expect_exact("end True")
    assert "Traceback" not in session.rest()
