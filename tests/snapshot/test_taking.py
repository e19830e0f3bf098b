"""Snapshots: loops, tasks and their states, and what bad input costs."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys

import pytest

from stackscope.api import extract_all
from stackscope.snapshot import taking
from tests.helpers.rows import IN_TURN
from tests.snapshot.programs import forever, look_at, main_with, nodes_by_name, start, waiting


def test_asyncio_loop_of_this_thread():
    snapshot = asyncio.run(main_with(extract_all))
    (loop,) = [loop for loop in snapshot.loops if loop.is_here]
    assert (loop.library, loop.thread, loop.is_running) == ("asyncio", "MainThread", True)
    states = {node.name: (node.state, node.waits_for) for node in loop.walk()}
    assert len(states) == 4
    assert states["child-1"] == ("waiting", "Event.wait()")
    assert [state for state, _ in states.values()].count("running") == 1


def test_states():
    found = {}

    async def late():
        pass

    async def stubborn():
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0)

    async def awaits_task(task):
        await task

    async def main():
        future = asyncio.get_running_loop().create_future()

        async def on_future():
            await future

        tasks = {
            "stubborn": asyncio.ensure_future(stubborn()),
            "future": asyncio.ensure_future(on_future()),
        }
        tasks["on task"] = asyncio.ensure_future(awaits_task(tasks["stubborn"]))
        tasks["gather"] = asyncio.gather(tasks["stubborn"], tasks["future"])
        await asyncio.sleep(0)
        tasks["late"] = asyncio.ensure_future(late())
        for name, task in tasks.items():
            if name != "gather":
                task.set_name(name)
        tasks["stubborn"].cancel()
        for node in extract_all().tasks():
            found[node.name] = (node.state, node.waits_for)
        future.set_result(None)
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    asyncio.run(main())
    assert found["late"] == ("ready", None)
    assert found["stubborn"][0] == "cancelling"
    assert found["future"][0] == "waiting"
    assert found["on task"][0] == "waiting"
    assert found["on task"][1].endswith("(stubborn)")


def test_trio():
    trio = pytest.importorskip("trio")
    pytest.importorskip("trio.testing")

    async def child():
        await trio.sleep_forever()

    async def main():
        async with trio.open_nursery() as outer:
            outer.start_soon(child, name="one")
            async with trio.open_nursery() as inner:
                inner.start_soon(child, name="two")
                await trio.testing.wait_all_tasks_blocked()
                inner.start_soon(child, name="new")
                snapshot = extract_all()
                outer.cancel_scope.cancel()
        return snapshot, outer, inner

    snapshot, outer, inner = trio.run(main)
    (loop,) = [loop for loop in snapshot.loops if loop.library == "trio"]
    assert loop.is_here
    (root,) = loop.tasks
    assert root.state == "running"
    children = {node.name: node for node in root.children}
    assert children["one"].owner is outer
    assert children["two"].owner is inner
    assert (children["two"].state, children["two"].waits_for) == ("waiting", "trio.sleep_forever()")
    assert children["new"].state == "ready"


def test_nothing_is_imported_for_it():
    program = (
        "import sys, threading, stackscope as s; found = s.extract_all(); "
        "print(list(found.tasks()), [n for n in ('asyncio', 'trio') if n in sys.modules], "
        "[n.name for n in found.threads])"
    )
    out = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True).stdout
    assert out.strip() == b"[] [] ['MainThread']"


def test_nothing_is_kept_alive():
    import weakref

    refs = []

    def look():
        snapshot = extract_all()
        refs.extend(weakref.ref(node.task) for node in snapshot.tasks())

    asyncio.run(main_with(look))
    for _ in range(5):  # PyPy takes several rounds for what has finalizers
        gc.collect()
    assert len(refs) == 4
    assert [ref() for ref in refs] == [None] * 4


def test_a_half_imported_library(monkeypatch):
    import types

    asyncio.run(main_with(extract_all))
    monkeypatch.setitem(sys.modules, "trio._core._run", types.ModuleType("trio._core._run"))
    monkeypatch.setitem(sys.modules, "greenlet", None)
    snapshot = asyncio.run(main_with(extract_all))
    assert len(list(snapshot.tasks())) == 4


def test_a_broken_runtime_costs_only_its_own(monkeypatch):
    import types

    extract_all()  # the glue that there is isn't to be broken
    broken = types.ModuleType("trio._core._run")
    broken.GLOBAL_RUN_CONTEXT = object()
    monkeypatch.setitem(sys.modules, "trio._core._run", broken)
    monkeypatch.setitem(sys.modules, "stackscope.glue.trio.runs", types.ModuleType("broken"))
    snapshot = asyncio.run(main_with(extract_all))
    assert [loop.library for loop in snapshot.loops if loop.is_here] == ["asyncio"]
    assert len(list(snapshot.tasks())) == 4


@pytest.mark.skipif(
    sys.implementation.name == "pypy", reason="PyPy's tasks are Python code that needs these"
)
def test_tasks_without_private_attributes():
    class Bare(asyncio.Task):
        """Private attributes that are none, as another version may have it."""

        _callbacks = property()
        _fut_waiter = property()
        _must_cancel = property()

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(lambda loop, coro, **kwargs: Bare(coro, loop=loop, **kwargs))
        task = await start(forever(), "bare")
        loop.set_task_factory(None)
        return [task]

    snapshot, _ = look_at(main)
    node = nodes_by_name(snapshot)["bare"]
    assert [frame.funcname for frame in node.stack.frames] == ["forever", "sleep"]


def test_representations_are_short():
    snapshot = asyncio.run(main_with(extract_all))
    for thing in [snapshot, *snapshot.loops, *snapshot.threads, *snapshot.tasks()]:
        assert len(repr(thing)) < 100


def test_public_names():
    import stackscope

    assert stackscope.extract_all is extract_all
    for name in ("Snapshot", "TaskNode", "LoopNode", "ThreadNode", "ItemNode", "Waiting"):
        assert name in stackscope.__all__
        assert isinstance(getattr(stackscope, name), type)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        stackscope.nothing


def test_what_was_noted_is_dropped_bit_by_bit(monkeypatch):
    """All at once, it would keep other threads from running: for 80 ms after 100,000 tasks."""

    class Noting(taking.TaskTrees):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            noting.append(self.inside)
            monkeypatch.setattr(self.inside, "forget", lambda: self.forget(self.inside))

        def forget(self, inside):
            counts.append(len(inside.objects))
            type(inside).forget(inside)

    async def main():
        lock = asyncio.Lock()
        async with lock:
            extract_all()

    noting, counts = [], []
    monkeypatch.setattr(taking, "TaskTrees", Noting)
    asyncio.run(main())
    [inside], [count] = noting, counts
    assert count > 0
    assert not (inside.objects or inside.frames or inside._entries or inside._by_type)


@IN_TURN
def test_the_work_is_linear():
    import time

    def spent(count):
        async def main():
            event = asyncio.Event()
            lock = asyncio.Lock()
            async with lock:
                tasks = [asyncio.ensure_future(waiting(event)) for _ in range(count // 2)]
                tasks += [asyncio.ensure_future(lock.acquire()) for _ in range(count // 2)]
                await asyncio.sleep(0)
                times = []
                for _ in range(2):
                    begin = time.process_time()
                    snapshot = extract_all(threads=False)
                    snapshot.format()
                    times.append(time.process_time() - begin)
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            return min(times) / count

        return asyncio.run(main())

    spent(100)
    few, many = spent(200), spent(1200)
    assert many < few * 4
