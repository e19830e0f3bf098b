from __future__ import annotations

import gc
import sys
import threading
import time
import weakref

import pytest

from stackscope import StackSlice, extract, extract_since, extract_until
from stackscope.interpreter import running
from stackscope.interpreter.facts import has_gil
from tests.helpers.managers import Manager
from tests.helpers.stacks import all_names


def suspended():
    def dormant():
        yield

    generator = dormant()
    next(generator)
    return generator


NOT_FOUND = "Couldn't find where the above frame is running, so can't continue traceback"


def one(function, *args):
    return two(function, *args)


def two(function, *args):
    return function(*args)


def frame_of(name):
    frame = sys._getframe()
    while frame.f_code.co_name != name:
        frame = frame.f_back
    return frame


# -------------------------------------------------------------- StackSlice


def test_this_thread():
    def here():
        return extract(StackSlice())

    stack = one(here)
    assert stack.root is None
    assert stack.error is None
    assert stack.leaf is None
    assert all_names(stack)[-4:] == ["test_this_thread", "one", "two", "here"]
    outermost = stack.frames[0].pyframe
    assert outermost.f_back is None


def test_limit_counts_from_the_caller():
    def here(limit):
        return all_names(extract(StackSlice(limit=limit)))

    assert one(here, 2) == ["two", "here"]
    assert one(here, 1) == ["here"]
    assert one(here, 0) == []


def test_outer():
    def here(limit=None):
        return all_names(extract(StackSlice(frame_of("one"), limit=limit)))

    assert one(here) == ["one", "two", "here"]
    assert one(here, 2) == ["one", "two"]
    assert one(here, 0) == []


def test_inner():
    def here(limit=None):
        return all_names(extract(StackSlice(inner=frame_of("two"), limit=limit)))

    assert one(here)[-3:] == ["test_inner", "one", "two"]
    assert one(here, 2) == ["one", "two"]


def test_inner_and_outer():
    def here(limit=None):
        return all_names(extract(StackSlice(frame_of("one"), frame_of("here"), limit)))

    assert one(here) == ["one", "two", "here"]
    assert one(here, 2) == ["two", "here"]
    assert one(here, 100) == ["one", "two", "here"]


def test_a_negative_limit_is_none_at_all():
    def here():
        outer, inner = frame_of("one"), frame_of("here")
        slices = [
            StackSlice(limit=-1),
            StackSlice(outer, limit=-1),
            StackSlice(inner=inner, limit=-1),
            StackSlice(outer, inner, -1),
            StackSlice(suspended().gi_frame, limit=-1),
        ]
        return [all_names(extract(item)) for item in slices]

    assert one(here) == [[]] * 5


def test_a_suspended_inner_frame_is_alone():
    generator = suspended()
    stack = extract(StackSlice(inner=generator.gi_frame))
    assert all_names(stack) == ["dormant"]
    assert stack.error is None


def test_an_outer_frame_that_runs_nowhere():
    generator = suspended()
    for item in (
        StackSlice(generator.gi_frame),
        StackSlice(generator.gi_frame, sys._getframe()),
        StackSlice(generator.gi_frame, limit=3),
    ):
        stack = extract(item)
        assert all_names(stack) == ["dormant"]
        assert type(stack.error) is RuntimeError
        assert str(stack.error) == NOT_FOUND
        assert stack.leaf is None


class Worker:
    """A thread that waits in a known place."""

    def __init__(self, body=None):
        self.ready, self.leave = threading.Event(), threading.Event()
        self.frame = None
        self.thread = threading.Thread(target=self.outer, daemon=True)

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *exc):
        self.leave.set()
        self.thread.join(10)

    def outer(self):
        self.frame = sys._getframe()
        self.inner()

    def inner(self):
        self.ready.set()
        self.leave.wait(10)


def test_outer_on_another_thread():
    with Worker() as worker:
        time.sleep(0.05)
        stack = extract(StackSlice(worker.frame))
        assert all_names(stack)[:3] == ["outer", "inner", "wait"]
        assert stack.error is None
        assert all_names(extract(StackSlice(worker.frame, limit=2))) == ["outer", "inner"]
        assert all_names(extract_since(worker.frame))[:2] == ["outer", "inner"]


def test_a_generator_that_runs_on_another_thread():
    ready, leave = threading.Event(), threading.Event()

    def generate():
        ready.set()
        leave.wait(10)
        yield

    generator = generate()
    thread = threading.Thread(target=next, args=(generator,))
    thread.start()
    ready.wait(10)
    time.sleep(0.05)
    try:
        stack = extract(generator)
    finally:
        leave.set()
        thread.join()
    assert all_names(stack)[:2] == ["generate", "wait"]
    assert stack.error is None
    assert stack.root is generator


def test_running_generator_and_coroutine():
    def helper():
        return extract(item)

    def generate():
        yield helper()

    item = generate()
    assert all_names(next(item)) == ["generate", "helper"]

    async def corout():
        return helper()

    item = corout()
    with pytest.raises(StopIteration) as info:
        item.send(None)
    assert all_names(info.value.value) == ["corout", "helper"]


# ------------------------------------------------------------ extract_since


def test_extract_since():
    def here():
        return extract_since(frame_of("one"))

    stack = one(here)
    assert all_names(stack) == ["one", "two", "here"]
    assert stack.root is None
    assert stack.error is None


def test_extract_since_none():
    def here():
        return extract_since(None)

    stack = one(here)
    assert all_names(stack)[-4:] == ["test_extract_since_none", "one", "two", "here"]
    assert stack.frames[0].pyframe.f_back is None


@pytest.mark.parametrize("value", [3, "frame", object()])
def test_extract_since_no_frame(value):
    with pytest.raises(TypeError, match="must be a frame"):
        extract_since(value)


def test_extract_since_a_frame_that_does_not_run():
    stack = extract_since(suspended().gi_frame)
    assert all_names(stack) == ["dormant"]
    assert str(stack.error) == NOT_FOUND


# ------------------------------------------------------------ extract_until


def test_extract_until():
    def here(**options):
        return extract_until(frame_of("two"), **options)

    def limited(limit):
        return all_names(here(limit=limit))

    assert all_names(one(here))[-3:] == ["test_extract_until", "one", "two"]
    assert one(here).root is None
    assert one(limited, 1) == ["two"]
    assert one(limited, 2) == ["one", "two"]
    assert one(limited, 0) == []


def test_extract_until_a_frame():
    def here():
        return all_names(extract_until(sys._getframe(), limit=frame_of("one")))

    assert one(here) == ["one", "two", "here"]
    frame = sys._getframe()
    assert all_names(extract_until(frame, limit=frame)) == ["test_extract_until_a_frame"]


def test_extract_until_a_frame_that_is_no_caller():
    generator = suspended()
    with pytest.raises(RuntimeError, match="is not an indirect caller of"):
        extract_until(sys._getframe(), limit=generator.gi_frame)


@pytest.mark.parametrize("limit", ["x", 1.5, object()])
def test_extract_until_a_strange_limit(limit):
    with pytest.raises(TypeError, match="must be a frame or integer"):
        extract_until(sys._getframe(), limit=limit)


def test_extract_until_no_frame():
    with pytest.raises(TypeError, match="must be a frame"):
        extract_until(3)


# -------------------------------------------------------- contexts while running


def test_options_are_passed_on():
    manager = Manager()
    with manager:
        here = sys._getframe()
        for stack in (
            extract_since(here),
            extract_until(here, limit=1),
            extract(StackSlice(here)),
        ):
            assert [context.obj for context in stack.frames[0].contexts] == [manager]
        for stack in (
            extract_since(here, with_contexts=False),
            extract_until(here, limit=1, with_contexts=False),
            extract(StackSlice(here), with_contexts=False),
        ):
            assert stack.frames[0].contexts == []


def test_deep_recursion():
    def descend(depth):
        return descend(depth - 1) if depth else extract_since(outermost)

    outermost = sys._getframe()
    stack = descend(500)
    assert len(stack) == 502
    assert stack.error is None


def test_busy_thread():
    stop = False
    may_be_cut_off = not has_gil() or sys.implementation.name == "pypy"

    def generate(depth):
        with Manager():
            if depth:
                yield from generate(depth - 1)
            yield depth

    def work():
        while not stop:
            for _ in generate(5):
                pass

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(300 if has_gil() else 20):
            stack = extract(thread)
            assert "work" in all_names(stack) or (may_be_cut_off and stack.error is not None)
            for frame in stack:
                for context in frame.contexts:
                    assert type(context.obj) is Manager or (context.is_exiting and not context.obj)
    finally:
        sys.setswitchinterval(interval)
        stop = True
        thread.join(10)


@pytest.mark.parametrize("enabled", [True, False])
def test_uncollected_leaves_the_collector_as_it_was(enabled, monkeypatch):
    """The way of 3.11, which the others could go as well."""
    monkeypatch.setattr(running, "MAKES_FRAMES", True)
    monkeypatch.setattr(running, "COLLECTS_IN_CALLS", True)
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    was = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        states = running.uncollected(list, (gc.isenabled() for _ in range(2)))
        assert (states, gc.isenabled()) == ([False, False], enabled)
        with pytest.raises(ZeroDivisionError):
            running.uncollected(list, (1 // number for number in (0,)))
        assert gc.isenabled() == enabled
        frame = sys._getframe()
        assert running.keep_frames(frame)[0] is frame
        assert running.callers(frame)[-1] is frame
    finally:
        (gc.enable if was else gc.disable)()
        over.set()
        thread.join()


def test_own_frames_are_all_of_the_stack():
    frame = sys._getframe()
    found = running.own_frames(frame)
    assert found[-1] is frame
    assert found[-2] is frame.f_back
    assert found[0].f_back is None
    assert running.own_frames(None) == []


def test_a_thread_that_is_not_there_has_no_frames():
    assert running.thread_stack(0) == []
    assert running.thread_frames_and_error(0) == ([], None)


@pytest.mark.skipif(sys.implementation.name == "pypy", reason="frees objects later")
def test_no_frame_is_kept_by_looking_for_its_callers():
    class Something:
        pass

    def look():
        something = Something()
        assert running.callers(sys._getframe())[-1] is sys._getframe()
        return weakref.ref(something)

    gc.disable()
    try:
        assert look()() is None
    finally:
        gc.enable()
