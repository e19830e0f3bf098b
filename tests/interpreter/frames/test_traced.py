"""Frames whose trace function runs, in ``finally`` bodies above all.

On 3.8 all ways into such a body share its code, with different depths of the stack.
"""

from __future__ import annotations

import sys
import textwrap
import threading
import warnings

import pytest

from stackscope.lowlevel import contexts_active_in_frame, inspect_frame

CPYTHON = sys.implementation.name == "cpython"

# How often the programs ask `choose`, which says by its number what they do.
CHOICES = 3

PROGRAMS = {
    "a body entered at two depths": """
        def program(manage, choose):
            with manage("a"):
                try:
                    if choose(): return [1]
                    if choose(): raise KeyError
                finally:
                    x = 1
                    try:
                        x = 2
                    except ValueError: pass
                    for i in (1, 2):
                        if i: continue
    """,
    "blocks in it": """
        def program(manage, choose):
            for number in range(2):
                try:
                    if choose(): return [1]
                    if choose(): continue
                finally:
                    with manage("a"), manage("b") as b:
                        if choose(): return [2]
                        if choose(): raise KeyError
                        x = 1
                    with manage("c"):
                        x = 2
    """,
    "bodies in it": """
        def program(manage, choose):
            with manage("a"):
                try:
                    if choose(): return [1]
                finally:
                    try:
                        with manage("b"):
                            if choose(): return [2]
                            if choose(): raise KeyError
                    finally:
                        with manage("c"):
                            try:
                                if choose(): return [3]
                            finally:
                                with manage("d") as d:
                                    x = 1
                                with manage("e"):
                                    return [4]
    """,
    "handlers with a name": """
        def program(manage, choose):
            try:
                if choose(): raise KeyError
            except KeyError as exc:
                with manage("a"):
                    try:
                        if choose(): return exc
                    finally:
                        with manage("b"):
                            if choose(): return [exc]
    """,
    "a generator": """
        def program(manage, choose):
            with manage("a"):
                try:
                    if choose(): return [1]
                    yield
                    if choose(): raise KeyError
                finally:
                    yield
                    with manage("b"):
                        yield
                        if choose(): return [2]
    """,
}


class Recorded:
    """A manager that keeps a record of what is open."""

    def __init__(self, open_, name):
        self.open = open_
        self.name = name

    def __enter__(self):
        self.open.append(self)

    def __exit__(self, *exc):
        assert self.open.pop() is self

    def __repr__(self):
        return self.name


def _program(name):
    namespace = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # of what leaves a finally block
        exec(textwrap.dedent(PROGRAMS[name]), namespace)
    return namespace["program"]


def _run(program, answers, trace):
    """Run a program, whose frame is traced; ``trace`` gets the record of what is open."""
    open_ = []
    left = iter(answers)

    def tracer(frame, event, arg):
        if frame.f_code is not program.__code__:
            return None
        frame.f_trace_opcodes = sys.version_info < (3, 11) and CPYTHON
        if event in ("line", "opcode"):
            trace(frame, open_)
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        found = program(lambda name: Recorded(open_, name), lambda: next(left, False))
        if hasattr(found, "__next__"):
            for _ in found:
                pass
    except KeyError:
        pass
    finally:
        sys.settrace(before)


def _answers():
    for number in range(2**CHOICES):
        yield [bool(number >> i & 1) for i in range(CHOICES)]


@pytest.mark.parametrize("name", PROGRAMS)
def test_seen_by_the_trace_function(name):
    looks = []

    def look(frame, open_):
        contexts = contexts_active_in_frame(frame)
        looks.append(len(contexts))
        assert [context.obj for context in contexts] == open_, (frame.f_lineno, frame.f_lasti)

    program = _program(name)
    for answers in _answers():
        _run(program, answers, look)
    assert max(looks) >= 1


@pytest.mark.skipif(sys.version_info >= (3, 9), reason="later ones keep exits while they run")
def test_the_value_stack_seen_by_the_trace_function():
    """In it are the exit methods of open blocks, and of no others."""

    def look(frame, open_):
        exits = [item for item in inspect_frame(frame).stack if hasattr(item, "__self__")]
        owners = [item.__self__ for item in exits if type(item.__self__) is Recorded]
        assert owners == open_[: len(owners)]

    for program in (_program("a body entered at two depths"), _program("bodies in it")):
        for answers in _answers():
            _run(program, answers, look)


@pytest.mark.skipif(not CPYTHON, reason="PyPy shows what other threads run at its switches only")
def test_seen_by_another_thread():
    """The trace function waits while the other thread looks."""
    asked, answered = threading.Semaphore(0), threading.Semaphore(0)
    programs = _program("bodies in it"), _program("a body entered at two depths")
    seen = []
    wrong = []
    done = threading.Event()

    def looker():
        while asked.acquire() and not done.is_set():
            frame, open_ = seen.pop()
            found = [context.obj for context in contexts_active_in_frame(frame)]
            if found != open_:
                wrong.append((frame.f_lineno, found, list(open_)))
            del frame
            answered.release()

    def ask(frame, open_):
        seen.append((frame, open_))
        asked.release()
        assert answered.acquire(timeout=30)

    thread = threading.Thread(target=looker)
    thread.start()
    try:
        for answers in ([True], [False] * 4, [False, True]):
            for program in programs:
                _run(program, answers, ask)
    finally:
        done.set()
        asked.release()
        thread.join()
    assert wrong == []
