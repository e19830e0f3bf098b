"""Ctrl-C in a cell that is looked after: the program handles it as if nobody else heard of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.helpers.repository import ROOT

pytest.importorskip("IPython")
if sys.platform == "win32":
    pytest.skip("signals", allow_module_level=True)

PROGRAM = """
import os, signal, sys, threading, time
sys.path.insert(0, {root!r})
signal.signal(signal.SIGINT, signal.default_int_handler)
real = signal.signal, signal.getsignal
from stackscope_ipython.cells import Interrupts
heard = []
interrupts = Interrupts(lambda frame: heard.append(frame.f_code.co_name))
if {guarded}:
    interrupts.begin()
def soon():
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
{body}
except BaseException as exc:
    step, names = exc.__traceback__, []
    while step is not None:
        names.append(step.tb_frame.f_code.co_filename.rpartition("/")[2])
        step = step.tb_next
    print(type(exc).__name__, "cells.py" in names)
if {guarded}:
    interrupts.end()
    print("heard", len(heard))
print((signal.signal, signal.getsignal) == real, signal.getsignal(2) is signal.default_int_handler)
"""

ASYNCIO = """
    import asyncio
    async def main():
        try:
            soon()
            while True:
                await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            print("cancelled")
            raise
    asyncio.run(main())
"""

TRIO = """
    import trio
    async def main():
        try:
            soon()
            while True:
                await trio.sleep(0.05)
        finally:
            print(signal.getsignal(2).__module__)
    trio.run(main)
"""

PLAIN = """
    soon()
    time.sleep(100)
"""

OWN_HANDLER = """
    class Own(Exception): pass
    def handler(number, frame):
        print(number == signal.SIGINT, frame.f_code.co_name)
        raise Own
    before = signal.signal(signal.SIGINT, handler)
    print(before is signal.default_int_handler, signal.getsignal(signal.SIGINT) is handler)
    try:
        soon()
        time.sleep(100)
    finally:
        print(signal.signal(signal.SIGINT, before) is handler)
"""

IGNORED = """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    soon()
    time.sleep(1.5)
    print(signal.getsignal(2) is signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
"""


def run(body, guarded):
    program = PROGRAM.format(root=str(ROOT), guarded=guarded, body=body)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        stdout=subprocess.PIPE,
        timeout=100,
        check=False,
        universal_newlines=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "body",
    [PLAIN, ASYNCIO, TRIO, OWN_HANDLER, IGNORED],
    ids="plain asyncio trio own ignored".split(),
)
def test_a_program_is_interrupted_as_ever(body):
    if body is TRIO:
        pytest.importorskip("trio")
    alone, guarded = run(body, guarded=False), run(body, guarded=True)
    times = 0 if body is IGNORED else 1
    assert f"heard {times}" in guarded
    guarded.remove(f"heard {times}")
    assert guarded == alone
    assert alone[-1] == "True True"
