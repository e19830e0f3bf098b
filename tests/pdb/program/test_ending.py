"""What is shown of exceptions that come from `quit`, and of those that come with them."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from stackscope_pdb.program import loops
from stackscope_pdb.program.ending import QuitTask, besides_quit, is_quit
from tests.helpers.repository import ROOT

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup


def group(*parts):
    return BaseExceptionGroup("unhandled errors", parts)


OTHER = RuntimeError("No response returned.")


@pytest.mark.parametrize(
    ("exc", "others"),
    [
        (OTHER, None),
        (group(OTHER), None),
        (QuitTask(), []),
        (group(QuitTask(), group(QuitTask())), []),
        (group(OTHER, group(QuitTask())), [OTHER]),
    ],
)
def test_besides_quit(exc, others):
    assert besides_quit(exc) == others
    assert is_quit(exc) == (others == [])


PROGRAM = """
import logging, sys
from stackscope_pdb.program import silence
from stackscope_pdb.program.ending import QuitTask
if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup
logging.basicConfig(format="%(levelname)s: %(message)s")
silence.keep_silent()

def log(*parts):
    try:
        raise BaseExceptionGroup("unhandled errors", parts)
    except BaseException:
        logging.exception("Exception in %s\\n", "ASGI application")

class Unprintable(Exception):
    def __str__(self):
        raise ZeroDivisionError

log(QuitTask())
log(QuitTask(), RuntimeError("No response returned."), Unprintable())
raise BaseExceptionGroup("unhandled errors", [QuitTask(), ValueError("bad")])
"""


def test_what_fails_because_of_it_is_one_line():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=60,
    )
    what = "RuntimeError: No response returned., Unprintable"
    logged = f"ERROR: Exception in ASGI application: {what}"
    assert done.stdout.splitlines() == [logged, "ValueError: bad"]
    assert done.returncode == 1


def test_what_ends_a_loop_is_not_traced():
    """While a program is quit all that runs is traced, and a look at tasks runs much."""
    before, seen = sys.gettrace(), []

    def trace(frame, event, arg):
        seen.append(frame.f_globals.get("__name__", ""))
        return trace

    async def main():
        loop = asyncio.get_running_loop()
        end = loops._End(loop, [], [])
        sys.settrace(trace)
        loop.call_soon(end.go_on)
        await asyncio.sleep(60)

    try:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(main())
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)
    assert loops.__name__ in seen
    assert not [name for name in seen if name.split(".")[0] == "stackscope"]
