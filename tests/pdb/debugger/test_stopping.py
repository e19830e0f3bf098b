"""A stop at a call of `set_trace`: it comes before the line with the call goes on."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import pytest

from stackscope_pdb import Pdb
from stackscope_pdb.facts import STOPS_AT_CALL


@contextlib.contextmanager
def noted(log):
    yield "here"
    log.append("left")


def test_before_a_block_is_left(scripted):
    log = []

    def last_in_with():
        with noted(log) as name:
            session.stop()

    session = scripted("p (name, log)", "ctx", "n", "c")
    last_in_with()
    assert "-> session.stop()" in session.output.partition("(stackscope_pdb")[0]
    assert session.replies[0] == "('here', [])"
    assert "with noted(log) as name" in session.replies[1]
    assert "last_in_with" in session.replies[2]

    def last_in_except():
        try:
            raise ValueError(12)
        except ValueError as exc:
            session.stop()

    session = scripted("p exc", "n", "p log", "c")
    last_in_except()
    assert session.replies[0] == "ValueError(12)"
    assert "test_stopping.py" in session.replies[1]

    def last_in_finally_and_function():
        try:
            return 1
        finally:
            session.stop()

    session = scripted("r", "p __return__", "c")
    last_in_finally_and_function()
    assert "-> session.stop()" in session.output.partition("(stackscope_pdb")[0]
    assert session.replies[0].startswith("--Return--")
    assert session.replies[1] == "1"

    def last_in_loop():
        for number in range(2):
            session.stop()

    session = scripted("p number", "n", "n", "c", "p number", "c")
    last_in_loop()
    assert session.replies[0] == "0"
    assert "-> for number" in session.replies[1]
    assert session.replies[4] == "1"

    def returned():
        return session.stop()

    session = scripted("n", "c")
    returned()
    assert "--Return--" not in session.output.partition("(stackscope_pdb")[0]
    assert session.replies[0].startswith("--Return--")


def test_before_an_asynchronous_block_is_left(scripted):
    async def main():
        lock = asyncio.Lock()
        async with lock:
            session.stop()
        return 5

    session = scripted("p lock.locked()", "ctx", "tasks", "c")
    assert asyncio.run(main()) == 5
    assert session.replies[0] == "True"
    assert "async with lock" in session.replies[1]
    assert "session.stop()" in session.replies[2]


def test_at_the_end_of_a_module(scripted):
    session = scripted("p x", "n", "c")
    namespace = {"stop": session.stop}
    exec(compile("x = 12\nstop()", "<made up>", "exec"), namespace)
    assert session.replies[0] == "12"
    assert "--Return--" in session.replies[1]


def test_jump_from_the_call(scripted):
    def function():
        number = 1
        session.stop()
        number = 2
        number += 10
        return number

    first = function.__code__.co_firstlineno
    session = scripted("j 1000", "up", f"j {first + 4}", "down", "c")
    function()
    assert "Jump failed" in session.replies[0]
    assert "bottom frame" in session.replies[2]

    session = scripted(f"j {first + 4}", "c")
    assert function() == 11
    assert "-> number += 10" in session.replies[0]

    def last():
        for _ in range(1):
            session.stop()
        return 1

    session = scripted(f"j {last.__code__.co_firstlineno + 3}", "c")
    last()
    assert "use 'next' first" in session.replies[0]


@pytest.mark.skipif(STOPS_AT_CALL, reason="pdb itself doesn't stop there")
def test_a_call_at_a_prompt_leaves_that_as_it_was(scripted):
    inner = scripted("p 6 * 7", "c", "n")

    def called():
        inner.stop()
        return 12

    def function():
        session.stop()
        number = 1
        number += 1
        return number

    session = scripted("p called()", "n", "p called()", "n", "p number", "c")
    namespace = function.__globals__
    namespace["called"] = called
    try:
        function()
    finally:
        del namespace["called"]
    assert inner.replies[0] == "42"
    assert session.replies[0] == session.replies[2] == "12"
    assert "-> number += 1" in session.replies[3]
    assert session.replies[4] == "1"


def test_nothing_is_traced_afterwards(scripted):
    tracer = sys.gettrace()
    session = scripted("c")
    session.stop()
    frame = sys._getframe()
    try:
        while frame is not None:
            assert getattr(frame.f_trace, "__self__", None) is not session.pdb
            frame = frame.f_back
        assert not isinstance(getattr(sys.gettrace(), "__self__", None), Pdb)
    finally:
        sys.settrace(tracer)


def test_what_a_suspended_coroutine_gave_is_not_shown_later(scripted):
    session = scripted("n", "s", "n", "n", "n", "p sorted(locals())", "c")

    async def task():
        session.stop()
        await asyncio.sleep(0.001)
        first = 1
        second = 2
        return first + second

    asyncio.run(task())
    (given,) = [reply for reply in session.replies if "--Return--" in reply]
    assert "task()-><Future" in given
    assert "-> second = 2" in session.output
    assert session.output.count("<Future") == 1
    assert "__return__" not in session.replies[5]
