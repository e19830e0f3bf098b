from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
import weakref

import pytest

from stackscope import (
    StackSlice,
    extract,
    extract_all,
    extract_outermost,
    extract_since,
    extract_until,
)
from stackscope.glue.greenlets import greenlet as greenlet_glue
from stackscope.interpreter.heap import subclasses
from tests.helpers.stacks import names

greenlet = pytest.importorskip("greenlet", reason="greenlet isn't installed here")

PYPY = sys.implementation.name == "pypy"


def contexts(frame):
    return [(context.varname, type(context.obj).__name__) for context in frame.contexts]


@contextlib.contextmanager
def manager():
    yield


class Lock:
    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


def switch_to_parent():
    return greenlet.getcurrent().parent.switch()


def suspended():
    """A greenlet that waits in inner(), called by outer()."""

    def outer():
        with Lock() as lock:
            return inner()

    def inner():
        with manager():
            return switch_to_parent()

    item = greenlet.greenlet(outer)
    item.switch()
    return item


def test_suspended():
    item = suspended()
    stack = extract(item)
    assert stack.root is item
    assert names(stack) == ["outer", "inner", "switch_to_parent"]
    assert stack.leaf is None
    assert stack.error is None
    outer, inner = [frame for frame in stack.frames if frame.funcname in ("outer", "inner")]
    [context] = outer.contexts
    assert type(context.obj) is Lock
    [context] = inner.contexts
    assert type(context.obj).__name__ == "_GeneratorContextManager"
    assert names(context.inner_stack) == ["manager"]
    if not PYPY:
        assert outer.contexts[0].varname == "lock"
    assert "greenlet.greenlet object" in stack.format()[0]
    assert extract_outermost(item).hide or extract_outermost(item).funcname == "outer"
    item.switch()


def test_unstarted_and_dead():
    item = greenlet.greenlet(lambda: None)
    for _ in range(2):
        stack = extract(item)
        assert (stack.root, stack.frames, stack.leaf, stack.error) == (item, [], None, None)
        item.switch()
    with pytest.raises(RuntimeError, match="unwrapping only reached None"):
        extract_outermost(item)


def test_the_running_stack_goes_on_into_the_parents():
    def look():
        return extract(StackSlice()), extract_since(None), extract(here), extract_since(frame)

    def child():
        return greenlet.greenlet(grandchild).switch()

    def grandchild():
        with Lock():
            return look()

    here = sys._getframe()
    with Lock():
        frame = sys._getframe()
        whole, since_none, only_frame, since = greenlet.greenlet(child).switch()
    inside = ["test_the_running_stack_goes_on_into_the_parents", "child", "grandchild", "look"]
    if PYPY:  # where f_back goes on to whoever has left the main greenlet
        del inside[1]
    assert names(whole)[-len(inside) :] == inside
    assert names(since_none)[-len(inside) :] == inside
    assert names(since) == inside
    assert whole.frames[0].pyframe.f_back is None
    assert names(only_frame) == inside[:1]
    shown = [frame for frame in since.frames if not frame.hide]
    assert [len(frame.contexts) for frame in shown if frame.funcname != "child"] == [1, 1, 0]
    assert since.error is None


def test_callers_go_on_into_the_parents():
    def child():
        here = sys._getframe()
        return (
            names(extract_until(here, limit=2)),
            names(extract_until(here, limit=frame)),
            names(extract(StackSlice(frame, here))),
        )

    frame = sys._getframe()
    both = ["test_callers_go_on_into_the_parents", "child"]
    limited, until, between = greenlet.greenlet(child).switch()
    if not PYPY:  # where the frames of switch() count as well
        assert limited == both
    assert until == both
    assert between == both


def test_the_current_greenlet_gives_its_own_frames():
    def child():
        return own()

    def own():
        return extract(greenlet.getcurrent())

    stack = greenlet.greenlet(child).switch()
    assert names(stack) == ["child", "own"]
    main = extract(greenlet.getcurrent())
    assert names(main)[-1] == "test_the_current_greenlet_gives_its_own_frames"
    assert main.frames[0].pyframe.f_back is None


def test_the_parent_as_an_item():
    parent = greenlet.getcurrent()

    def child():
        return extract(parent)

    stack = greenlet.greenlet(child).switch()
    assert names(stack)[-1] == "test_the_parent_as_an_item"


@pytest.mark.skipif(PYPY, reason="PyPy 7.3 raises an error at the end of such a greenlet")
def test_a_dead_parent_is_passed_by():
    first = greenlet.greenlet(lambda: None)
    first.switch()

    def child():
        return extract_since(None)

    stack = greenlet.greenlet(child, first).switch()
    assert names(stack)[-2:] == ["test_a_dead_parent_is_passed_by", "child"]


def test_a_greenlet_that_runs_in_another_thread():
    ready, leave = threading.Event(), threading.Event()
    items = []

    def inner():
        items.append(greenlet.getcurrent())
        ready.set()
        leave.wait(10)

    def work():
        greenlet.greenlet(inner).switch()

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(10)
    try:
        stack = extract(items[0])
        own = extract(thread)
    finally:
        leave.set()
        thread.join()
    assert stack.frames == []
    assert stack.leaf is items[0]
    assert type(stack.error) is RuntimeError
    message = "Can't dump the stack of a greenlet running in another thread"
    assert str(stack.error) == message
    assert "inner" in names(own)


@pytest.mark.skipif(PYPY, reason="f_back goes on to whoever has switched to a greenlet there")
@pytest.mark.parametrize("name", ["threading", "main"])
def test_the_stack_of_another_thread_goes_on_into_the_parents(name):
    ready, leave, found = threading.Event(), threading.Event(), []

    def inner():
        ready.set()
        leave.wait(10)

    def outer():
        with Lock():
            greenlet.greenlet(inner).switch()

    def work():
        item = greenlet.greenlet(lambda: None)  # of which nobody knows
        greenlet.greenlet(outer).switch()
        item.switch()
        done.set()

    def look():
        ready.wait(10)
        found.append(extract_all())
        leave.set()

    done = threading.Event()
    thread = threading.Thread(target=work)
    if name == "main":
        looker = threading.Thread(target=look)
        looker.start()
        work()
        looker.join()
    else:
        thread.start()
        look()
        assert done.wait(10)
    [snapshot] = found
    [node] = [node for node in snapshot.threads if "inner" in names(node.stack)]
    assert [n for n in names(node.stack) if n in ("work", "outer", "inner")] == [
        "work",
        "outer",
        "inner",
    ]
    [frame] = [frame for frame in node.stack.frames if frame.funcname == "outer"]
    assert [type(context.obj) for context in frame.contexts] == [Lock]
    running = [(item.name, item.state, item.thread) for item in snapshot.items]
    assert running == [("inner", "running elsewhere", node.name)]  # the others are the thread's


@pytest.mark.skipif(PYPY, reason="switch() is written in Python there")
def test_one_that_runs_code_in_c_is_not_running():
    item = greenlet.greenlet(greenlet.getcurrent().switch)
    item.switch()
    try:
        [node] = [node for node in extract_all().items if node.item is item]
        assert (node.state, node.stack.frames, node.stack.error) == ("suspended", [], None)
    finally:
        item.switch()


@pytest.mark.skipif(PYPY, reason="there is no telling how many there are")
def test_a_snapshot_searches_for_greenlets_at_most_twice(monkeypatch):
    def search(*args):
        searches.append(args)
        return referrers(*args)

    items = [suspended() for _ in range(20)]
    searches, referrers = [], gc.get_referrers
    monkeypatch.setattr(gc, "get_referrers", search)
    snapshot = extract_all()
    for item in items:
        item.switch()
    assert len(snapshot.items) == 20
    kinds = set(map(id, subclasses(greenlet.greenlet)))
    main = id(greenlet.getcurrent())
    about = [args for args in searches if not {main, *kinds}.isdisjoint(map(id, args))]
    assert 1 <= len(about) <= 2


@pytest.mark.skipif(PYPY, reason="another thread's main greenlet isn't told from others there")
def test_a_task_that_runs_a_greenlet():
    """As SQLAlchemy does it."""

    def blocks():
        with Lock():
            ready.set()
            leave.wait(10)

    async def spawn():
        greenlet.greenlet(blocks).switch()

    async def main():
        await spawn()

    ready, leave = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert ready.wait(10)
    try:
        snapshot = extract_all()
    finally:
        leave.set()
        thread.join()
    [loop] = snapshot.loops
    assert loop.thread == thread.name
    [task] = loop.tasks
    assert [n for n in names(task.stack) if n in ("main", "spawn", "blocks")] == [
        "main",
        "spawn",
        "blocks",
    ]
    assert snapshot.items == []  # it is not listed again


def test_a_greenlet_that_is_suspended_in_another_thread():
    ready, leave = threading.Event(), threading.Event()
    items = []

    def work():
        items.append(suspended())
        ready.set()
        leave.wait(10)
        items.pop().switch()

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(10)
    try:
        stack = extract(items[0])
    finally:
        leave.set()
        thread.join()
    assert names(stack) == ["outer", "inner", "switch_to_parent"]
    assert stack.error is None


def test_a_generator_that_runs_in_a_suspended_greenlet():
    def generate():
        switch_to_parent()
        yield 1

    generator = generate()
    item = greenlet.greenlet(next)
    item.switch(generator)
    stack = extract(generator)
    assert names(stack) == ["generate", "switch_to_parent"]
    assert stack.error is None
    item.switch()


def test_a_generator_that_runs_in_a_parent():
    def generate():
        yield greenlet.greenlet(child).switch()

    def child():
        return extract(generator)

    generator = generate()
    stack = next(generator)
    assert names(stack) == ["generate", "child"]
    assert stack.error is None


def test_a_class_of_ones_own_is_not_asked():
    class Odd(greenlet.greenlet):
        def __bool__(self):
            raise AssertionError

        __len__ = __eq__ = __bool__
        __hash__ = greenlet.greenlet.__hash__

        @property
        def gr_frame(self):
            raise AssertionError

        @property
        def dead(self):
            raise AssertionError

    if PYPY:
        pytest.skip("greenlet.switch() asks it on PyPy")
    item = Odd(switch_to_parent)
    assert extract(item).frames == []
    item.switch()
    stack = extract(item)
    assert names(stack) == ["switch_to_parent"]
    assert stack.error is None
    item.switch()
    assert extract(item).frames == []


def test_nothing_is_kept_alive():
    item = suspended()
    ref = weakref.ref(item)
    extract(item)
    item.switch()
    del item
    gc.collect()
    gc.collect()
    assert ref() is None


@pytest.mark.skipif(not PYPY, reason="greenlets have no frames of their own there")
def test_switching_is_hidden_on_pypy():
    stack = greenlet.greenlet(lambda: extract_since(None)).switch()
    hidden = {frame.funcname for frame in stack.frames if frame.hide}
    assert hidden >= {"switch", "__switch", "_greenlet_start"}


def test_those_that_are_alike_are_drawn_once():
    items = [suspended() for _ in range(7)]
    snapshot = extract_all()
    text, whole = str(snapshot), "".join(snapshot.format(max_alike=None))
    for item in items:
        item.switch()
    assert text.count("return inner()") == 1
    assert "and 6 more at the same lines: " in text
    assert whole.count("return inner()") == 7


@pytest.mark.skipif(PYPY, reason="there is no telling how many there are")
def test_a_thread_with_a_main_greenlet_is_searched_for_once(monkeypatch):
    def count(kinds):
        searches.append(kinds)
        return instances(kinds)

    def work():
        item = suspended()
        ready.set()
        leave.wait(10)
        item.switch()

    ready, leave, searches = threading.Event(), threading.Event(), []
    instances = greenlet_glue.instances
    monkeypatch.setattr(greenlet_glue, "instances", count)
    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(10)
    try:
        first, second = extract_all(), extract_all()
    finally:
        leave.set()
        thread.join()
    for snapshot in (first, second):
        [node] = snapshot.items
        assert node.name == "outer"
    assert len(searches) <= 1
