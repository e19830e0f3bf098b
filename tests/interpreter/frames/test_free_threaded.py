"""Builds without the GIL: what holds still is exact, and what another thread runs is left alone."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading

import pytest

import stackscope
from stackscope.extraction.contexts import FrameKeepsMoving
from stackscope.interpreter.facts import FREE_THREADED, has_gil
from stackscope.interpreter.frames import local_value, local_values
from stackscope.lowlevel import contexts_active_in_frame, set_trickery_enabled

pytestmark = pytest.mark.skipif(not FREE_THREADED, reason="this build has a GIL")


class Manager:
    def __init__(self, number=0):
        self.number = number

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None


#: It moves too fast to be read, or is running somewhere; or none.
ERRORS = (FrameKeepsMoving, RuntimeError, type(None))


@contextlib.contextmanager
def other_threads(work=None):
    """Some threads that do ``work`` again and again, or wait."""
    over = threading.Event()

    def run():
        while not over.wait(60 if work is None else 0):
            work()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        over.set()
        for thread in threads:
            thread.join()


def busy():
    for number in range(3):
        with Manager(number):
            list(map(str, range(20)))


@pytest.mark.skipif(
    not FREE_THREADED or has_gil(), reason="the GIL has been switched on: set PYTHON_GIL=0"
)
def test_there_is_no_gil():
    assert not has_gil()


@pytest.mark.parametrize("work", [None, busy])
def test_the_current_thread_is_exact(work):
    def inner():
        with second as b, threading.Lock():
            return stackscope.extract_since(outer)

    first, second = Manager(1), Manager(2)
    outer = sys._getframe()
    with other_threads(work):
        for _ in range(20):
            with first:
                stack = inner()
            assert stack.error is None
            here, there = stack.frames
            assert [(c.obj, c.varname) for c in here.contexts[1:]] == [(first, "first")]
            assert [c.varname for c in there.contexts] == ["b", None]
            assert there.contexts[0].obj is second


@pytest.mark.parametrize("work", [None, busy])
def test_suspended_frames_are_exact(work):
    """Unbound variables, NULLs on the stack, a pending exception: all this is in the way."""

    def program(unbound=True):
        if not unbound:
            nothing = 0
        with Manager(1) as a, held:
            try:
                raise ValueError
            except ValueError:
                with cell as c:
                    print((lambda: c), 1, (yield), nothing)

    async def coroutine():
        async with AsyncManager() as d:
            print(await pause(), d)

    class AsyncManager:
        async def __aenter__(self):
            return await pause(self)

        async def __aexit__(self, *exc):
            await pause(self)

    held, cell = Manager(2), Manager(3)
    generator, awaiting = program(), coroutine()
    next(generator)
    awaiting.send(None)
    awaiting.send(None)
    with other_threads(work):
        for _ in range(20):
            for origin in (generator, None):
                found = contexts_active_in_frame(generator.gi_frame, origin)
                assert [c.obj.number for c in found] == [1, 2, 3]
                assert [c.varname for c in found] == ["a", "held", "c"]
            frame = stackscope.extract(awaiting).frames[0]
            assert [(type(c.obj), c.varname) for c in frame.contexts] == [(AsyncManager, "d")]
        awaiting.send(None)  # now in __aexit__
        frame = stackscope.extract(awaiting).frames[0]
        assert [c.is_exiting for c in frame.contexts] == [True]
        assert type(frame.contexts[0].obj) is AsyncManager
    with contextlib.suppress(StopIteration):
        awaiting.send(None)


@pytest.mark.parametrize("work", [None, busy])
def test_variables_of_suspended_frames(work):
    def make(free):
        def program(argument, unbound=True):
            if not unbound:
                nothing = 0
            cell = [argument]
            none = None
            yield lambda: (cell, free, none, nothing)

        return program([1])

    generator = make([2])
    next(generator)
    frame = generator.gi_frame
    expected = dict(frame.f_locals)
    assert set(expected) == {"argument", "unbound", "cell", "none", "free"}
    with other_threads(work):
        for _ in range(20):
            found = local_values(frame)
            assert {name: id(value) for name, value in found.items()} == {
                name: id(value) for name, value in expected.items()
            }
            assert local_value(frame, "cell") == (True, [[1]])
            assert local_value(frame, "nothing") == (False, None)
            assert local_value(frame, "elsewhere") == (False, None)
    generator.close()
    with other_threads(work):
        assert local_values(frame) == expected


def test_variables_of_one_that_another_thread_drives():
    """Right at any moment, or unbound."""

    def program():
        while True:
            numbers = [object() for _ in range(3)]
            yield numbers
            del numbers

    generator = program()
    next(generator)
    frame = generator.gi_frame
    lock = threading.Lock()

    def drive():
        with lock:
            next(generator)

    with other_threads(drive):
        for _ in range(100):
            found, value = local_value(frame, "numbers")
            assert not found or (type(value) is list and len(value) == 3)


def test_a_coroutine_that_another_thread_runs():
    """It waits for a function, which waits; nothing can go on."""

    async def program():
        with Manager(1) as a:
            await call()

    async def call():
        with Manager(2):
            ready.set()
            leave.wait(60)

    ready, leave = threading.Event(), threading.Event()
    coroutine = program()
    thread = threading.Thread(target=lambda: list(coroutine.__await__()))
    thread.start()
    ready.wait()
    try:
        for _ in range(1000):
            stack = stackscope.extract(coroutine)
            if stack.error is None:
                break
    finally:
        leave.set()
        thread.join()
    found = [[(c.obj.number, c.varname) for c in frame.contexts] for frame in stack.frames[:2]]
    assert found == [[(1, "a")], [(2, None)]]


@pytest.mark.parametrize("work", [None, busy])
def test_one_that_waits_for_its_delegate_to_be_closed(work):
    """It counts as running then, but has no place in a stack."""

    class Delegate:
        def __iter__(self):
            return self

        def __next__(self):
            return None

        def close(self):
            look()

    def program():
        with Manager(1) as a:
            yield from Delegate()

    def look():
        assert generator.gi_running
        found.extend(contexts_active_in_frame(generator.gi_frame))

    found = []
    generator = program()
    next(generator)
    with other_threads(work):
        generator.close()
    assert [(c.obj.number, c.varname) for c in found] == [(1, "a")]


async def pause(self=None):
    class Once:
        def __await__(self):
            yield

    await Once()
    return self


@pytest.mark.parametrize("public_only", [False, True])
def test_a_generator_that_another_thread_drives(public_only, request):
    """At any moment: its managers, which say that they are active, or an error.

    Also where only public interfaces are used, as on a build that nobody has tried.
    """
    if public_only:
        request.addfinalizer(lambda: set_trickery_enabled(None))
        set_trickery_enabled(False)

    def program():
        while True:
            with Manager(1) as a:
                yield
                with Manager(2) as b, Manager(3):
                    yield
            yield

    right = {(), ((1, "a"),), ((1, "a"), (2, "b"), (3, None))}
    if public_only:
        right = {tuple((number, None) for number, _ in whole) for whole in right}
    generator = program()
    next(generator)
    lock = threading.Lock()

    def drive():
        with lock:
            next(generator)

    seen = set()
    with other_threads(drive):
        for _ in range(100):
            stack = stackscope.extract(generator)
            errors = getattr(stack.error, "exceptions", [stack.error])
            assert all(type(one) in ERRORS for one in errors), errors
            for frame in stack.frames[:1]:
                found = tuple((c.obj.number, c.varname) for c in frame.contexts)
                # A manager that is being made, entered or left at this moment may be missing.
                assert any(found == whole[: len(found)] for whole in right), found
                seen.add(found)
    assert seen


def test_another_thread():
    """One that waits has all its frames, without contexts; that is said once, by a warning."""
    script = """if True:
        import sys, threading, warnings, stackscope

        def work():
            with lock:
                ready.set()
                leave.wait(60)

        lock, ready, leave = threading.Lock(), threading.Event(), threading.Event()
        threads = [threading.Thread(target=work, daemon=True)]
        threads[0].start()
        ready.wait()
        warnings.simplefilter("always")
        for _ in range(5):
            for _ in range(1000):
                stack = stackscope.extract(threads[0])
                if stack.error is None:
                    break
            names = [frame.funcname for frame in stack]
            assert names[names.index("work") + 1] == "wait", names
            assert not any(frame.contexts for frame in stack)
        leave.set()
        print("done")
    """
    done = subprocess.run(
        [sys.executable, "-X", "gil=0", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        check=False,
    )
    assert done.stdout == "done\n", done.stderr
    assert done.stderr.count("InspectionWarning: Without the GIL, frames that another thread") == 1


def test_a_thread_that_runs_on():
    """Its callers can't be found; its innermost frame is there, and an error that says so."""
    with other_threads(busy) as threads:
        for _ in range(100):
            stack = stackscope.extract(threads[0])
            if stack.error is None:
                continue
            assert "without the GIL" in str(stack.error)
            assert len(stack.frames) == 1
            return
    pytest.fail("it stood still each time")
