"""The times of tasks, on real loops: when each was made and where, and when it ran."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
import time
import weakref

import pytest

import stackscope
from stackscope import Snapshot, clock, extract_all
from tests.helpers.rows import IN_TURN

BUSY = 0.05


@pytest.fixture
def installed():
    clock.install()
    yield
    clock.uninstall()


def compute(seconds=BUSY):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def node_of(task, snapshot=None):
    return next(node for node in (snapshot or extract_all()).tasks() if node.task is task)


async def work(gate):
    compute()
    await gate.wait()
    compute()
    await asyncio.sleep(1000)


async def end(*tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.usefixtures("installed")
def test_age_busy_idle_and_last_ran():
    async def main():
        gate = asyncio.Event()
        task = asyncio.ensure_future(work(gate))
        await asyncio.sleep(0.2)
        node = node_of(task)
        assert 0.2 <= node.age < 60
        assert BUSY <= node.busy < node.age
        assert node.idle == pytest.approx(node.age - node.busy)
        assert 0.05 < node.last_ran < node.age
        gate.set()
        await asyncio.sleep(0.1)
        later = node_of(task)
        assert later.busy >= node.busy + BUSY
        assert later.age > node.age
        here = node_of(asyncio.current_task())
        assert here.last_ran == 0
        await end(task)

    asyncio.run(main())


@pytest.mark.usefixtures("installed")
def test_where_it_was_made():
    async def parent():
        return asyncio.ensure_future(asyncio.sleep(1000))

    async def main():
        task = await asyncio.ensure_future(parent())
        await asyncio.sleep(0)
        snapshot = extract_all()
        created = node_of(task, snapshot).created
        assert [(line.filename, line.funcname) for line in created] == [(__file__, "parent")]
        assert created[0].lineno == parent.__code__.co_firstlineno + 1
        text = str(snapshot)
        assert f"made in parent:{created[0].lineno} test_clock.py" in text
        assert ", age " in text
        loaded = Snapshot.from_json(snapshot.to_json())
        assert str(loaded) == text
        known, found = node_of(task, snapshot), next(n for n in loaded.tasks() if n.created)
        for name in ("age", "busy", "idle", "last_ran"):
            assert any(getattr(one, name) == getattr(known, name) for one in loaded.tasks())
        assert type(found.created[0]) is stackscope.CodeLine
        assert "made in parent:" in snapshot.to_html(full=True)
        await end(task)

    asyncio.run(main())


@pytest.mark.usefixtures("installed")
@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there is no such signal")
def test_dumps_tell_it(tmp_path):
    async def main():
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.sleep(0.01)

    with open(tmp_path / "dump", "w+") as file:
        stackscope.register(signal.SIGUSR1, file)
        try:
            asyncio.run(main())
        finally:
            stackscope.unregister(signal.SIGUSR1)
        file.seek(0)
        text = file.read()
    assert ", age " in text
    assert "… age " in text
    assert "made in test_dumps_tell_it:" in text


@pytest.mark.usefixtures("installed")
def test_filters_know_the_ages():
    async def main():
        old = asyncio.ensure_future(asyncio.sleep(1000))
        await asyncio.sleep(0.3)
        new = asyncio.ensure_future(asyncio.sleep(1000))
        await asyncio.sleep(0)
        snapshot = extract_all()
        limit = (node_of(old, snapshot).age + node_of(new, snapshot).age) / 2
        here = asyncio.current_task()
        older = [node.task for node in snapshot.filter(f"age>{limit:.6f}").tasks()]
        assert older in ([here, old], [old, here])
        assert [n.task for n in snapshot.filter(f"age<={limit:.6f}").tasks()] == [new]
        await end(old, new)

    asyncio.run(main())


def test_without_it_nothing_is_known():
    async def main():
        node = node_of(asyncio.current_task())
        assert (node.age, node.busy, node.idle, node.last_ran, node.created) == (None,) * 5

    asyncio.run(main())
    assert not clock.is_installed()


@pytest.mark.usefixtures("installed")
@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
def test_eager_tasks():
    async def eager(gate):
        compute()
        await gate.wait()

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        gate = asyncio.Event()
        task = asyncio.create_task(eager(gate))
        first = node_of(task)
        assert first.age >= first.busy >= BUSY
        assert first.last_ran < first.age
        assert first.created[-1].funcname == "main"
        inside = []

        async def look():
            inside.append(str(extract_all()))

        await asyncio.create_task(look())
        assert "look:" in inside[0]
        assert "create_task in stackscope" not in inside[0]
        gate.set()
        await task

    asyncio.run(main())


@pytest.mark.usefixtures("installed")
def test_a_factory_that_is_set_later():
    made = []

    class Special(asyncio.Task):
        pass

    def factory(loop, coroutine, **kwargs):
        made.append(Special(coroutine, loop=loop, **kwargs))
        return made[-1]

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(factory)
        assert loop.get_task_factory() is factory
        task = loop.create_task(asyncio.sleep(1000))
        await asyncio.sleep(0.02)
        node = node_of(task)
        assert made == [task]
        assert node.age >= 0.02
        assert node.busy < node.age
        await end(task)

    asyncio.run(main())


@pytest.mark.usefixtures("installed")
def test_tasks_that_no_loop_has_made():
    async def main():
        task = asyncio.Task(asyncio.sleep(1000), loop=asyncio.get_running_loop())
        await asyncio.sleep(0.02)
        node = node_of(task)
        assert (node.age, node.busy, node.idle, node.created) == (None,) * 4
        assert node.last_ran >= 0
        await end(task)

    asyncio.run(main())


def test_tasks_that_were_there_before():
    async def main():
        gate = asyncio.Event()
        task = asyncio.ensure_future(work(gate))
        await asyncio.sleep(0)
        clock.install()
        try:
            assert node_of(task).last_ran is None
            gate.set()
            await asyncio.sleep(0.1)
            node = node_of(task)
            assert (node.age, node.busy, node.created) == (None,) * 3
            assert node.last_ran >= 0
        finally:
            clock.uninstall()
        await end(task)

    asyncio.run(main())


def attributes():
    return (
        asyncio.BaseEventLoop.__dict__["create_task"],
        asyncio.Handle.__dict__["_run"],
    )


def test_installing_twice_and_uninstalling_twice():
    before = attributes()
    clock.install()
    once = attributes()
    assert once != before
    clock.install()
    assert attributes() == once
    assert clock.is_installed()
    clock.uninstall()
    assert attributes() == before
    clock.uninstall()
    assert attributes() == before
    assert not clock.is_installed()


def test_uninstalling_while_tasks_run():
    async def main():
        clock.install()
        task = asyncio.ensure_future(asyncio.sleep(0.01, "result"))
        await asyncio.sleep(0)
        assert node_of(task).age is not None
        clock.uninstall()
        assert node_of(task).age is None
        assert await task == "result"
        clock.install()
        other = asyncio.ensure_future(asyncio.sleep(0.01, "other"))
        await asyncio.sleep(0)
        assert node_of(other).age is not None
        assert await other == "other"

    before = attributes()
    try:
        asyncio.run(main())
    finally:
        clock.uninstall()
    assert attributes() == before


def test_what_others_have_put_around_it_stays():
    inner = asyncio.BaseEventLoop.create_task
    clock.install()
    ours = asyncio.BaseEventLoop.create_task
    calls = []

    def theirs(self, *args, **kwargs):
        calls.append(args)
        return ours(self, *args, **kwargs)

    asyncio.BaseEventLoop.create_task = theirs
    try:
        clock.uninstall()
        assert asyncio.BaseEventLoop.create_task is theirs

        async def main():
            node = node_of(asyncio.current_task())
            assert (node.age is not None) == clock.is_installed()

        asyncio.run(main())
        clock.install()
        asyncio.run(main())
        assert len(calls) >= 2
        clock.uninstall()
        assert asyncio.BaseEventLoop.create_task is theirs
    finally:
        asyncio.BaseEventLoop.create_task = inner
        clock.uninstall()


@pytest.mark.usefixtures("installed")
def test_two_loops_in_two_threads():
    ready, leave = threading.Event(), threading.Event()
    tasks = []

    async def other():
        tasks.append(asyncio.ensure_future(asyncio.sleep(1000)))
        await asyncio.sleep(0.02)
        ready.set()
        while not leave.is_set():
            await asyncio.sleep(0.01)
        await end(*tasks)

    thread = threading.Thread(target=lambda: asyncio.run(other()))
    thread.start()

    async def main():
        ready.wait(60)
        mine = asyncio.ensure_future(asyncio.sleep(1000))
        await asyncio.sleep(0.02)
        snapshot = extract_all()
        assert node_of(tasks[0], snapshot).age > node_of(mine, snapshot).age >= 0.02
        await end(mine)

    try:
        asyncio.run(main())
    finally:
        leave.set()
        thread.join()


@pytest.mark.usefixtures("installed")
def test_errors_and_cancellations_come_through():
    async def fail():
        await asyncio.sleep(0)
        raise LookupError("mine")

    async def main():
        task = asyncio.ensure_future(asyncio.sleep(1000))
        await asyncio.sleep(0)
        task.cancel()
        assert node_of(task).state == "cancelling"
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(LookupError, match="mine"):
            await asyncio.ensure_future(fail())
        loop = asyncio.get_running_loop()
        loop.call_soon(sys.exit, 7)
        await asyncio.sleep(1)

    with pytest.raises(SystemExit):
        asyncio.run(main())


@pytest.mark.usefixtures("installed")
def test_nothing_is_kept_alive():
    class Payload:
        pass

    async def hold(payload):
        await asyncio.sleep(0)

    async def main():
        payload = Payload()
        task = asyncio.ensure_future(hold(payload))
        await task
        gone = weakref.ref(payload), weakref.ref(task)
        del payload, task
        await asyncio.sleep(0)
        for _ in range(3):
            gc.collect()
        assert [ref() for ref in gone] == [None, None]

    asyncio.run(main())
    for _ in range(3):  # PyPy needs more than one
        gc.collect()
    from stackscope.snapshot import times

    assert times._records == {}


@IN_TURN
@pytest.mark.usefixtures("installed")
def test_ten_thousand_tasks():
    async def main():
        tasks = [asyncio.ensure_future(asyncio.sleep(1000)) for _ in range(10_000)]
        await asyncio.sleep(0)
        nodes = list(extract_all().tasks())
        assert len(nodes) == 10_001
        assert all(node.age is not None and node.busy <= node.age for node in nodes)
        await end(*tasks)

    asyncio.run(main())


@pytest.mark.usefixtures("installed")
def test_strange_callbacks_are_left_alone():
    class Hostile:
        def __getattribute__(self, name):
            if name in ("__class__", "__call__", "__name__", "__qualname__"):
                return object.__getattribute__(self, name)
            raise AssertionError(name)

        def __call__(self):
            called.append(1)

        def method(self):
            called.append(2)

    called = []
    hostile = Hostile()

    async def main():
        loop = asyncio.get_running_loop()
        loop.call_soon(hostile)
        loop.call_soon(object.__getattribute__(hostile, "method"))
        loop.call_soon(called.append, 3)
        loop.call_soon(lambda: called.append(4))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert called == [1, 2, 3, 4]


@pytest.mark.usefixtures("installed")
def test_stacks_are_drawn_as_without_it():
    def tree():
        async def main():
            task = asyncio.ensure_future(work(asyncio.Event()))
            await asyncio.sleep(0)
            text = str(stackscope.extract(threading.current_thread()))
            names = [frame.funcname for frame in stackscope.extract(task).frames]
            await end(task)
            return text, names

        return asyncio.run(main())

    trees = []
    for uninstall in (clock.uninstall, lambda: None):
        trees.append(tree())
        uninstall()
    assert trees[0] == trees[1]


def uvloop_or_skip():
    return pytest.importorskip("uvloop", reason="uvloop isn't installed here")


def test_uvloop():
    uvloop = uvloop_or_skip()
    before = uvloop.Loop.__dict__.get("create_task")
    clock.install()
    try:
        loop = uvloop.new_event_loop()

        async def main():
            task = loop.create_task(asyncio.sleep(1000))
            await asyncio.sleep(0.02)
            node = node_of(task)
            assert node.age >= 0.02
            assert node.created[-1].funcname == "main"
            assert (node.busy, node.idle, node.last_ran) == (None,) * 3  # its handles are in C
            await end(task)

        try:
            loop.run_until_complete(main())
        finally:
            loop.close()
    finally:
        clock.uninstall()
    assert uvloop.Loop.__dict__.get("create_task") is before


# ------------------------------------------------------------------------- trio

trio = pytest.importorskip("trio", reason="trio isn't installed here")


async def trio_work():
    compute()
    await trio.sleep(1000)


def in_trio(look, **options):
    """What ``look`` gives of the node of a task that works, in a run."""

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio_work, name="worker")
            await trio.sleep(0.2)
            node = next(node for node in extract_all().tasks() if node.name == "worker")
            nursery.cancel_scope.cancel()
        return look(node)

    return trio.run(main, **options)


@pytest.mark.usefixtures("installed")
def test_trio():
    def look(node):
        assert 0.2 <= node.age < 60
        assert BUSY <= node.busy < node.age
        assert node.idle == pytest.approx(node.age - node.busy)
        assert 0.05 < node.last_ran < node.age
        assert node.created[-1].funcname == "main"
        assert node.created[-1].filename == __file__

    in_trio(look)


@pytest.mark.usefixtures("installed")
def test_instruments_of_the_program_stay():
    class Counting(trio.abc.Instrument):
        steps = 0

        def before_task_step(self, task):
            self.steps += 1

    counting = Counting()
    in_trio(lambda node: None, instruments=[counting])
    assert counting.steps > 2


def test_a_run_that_was_there_before():
    setup = trio._core._run.setup_runner

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio_work, name="before")
            await trio.sleep(0.01)
            clock.install()
            clock.install()
            nursery.start_soon(trio_work, name="after")
            await trio.sleep(0.1)
            nodes = {node.name: node for node in extract_all().tasks()}
            clock.uninstall()
            await trio.sleep(0.01)
            assert all(node.age is None for node in extract_all().tasks())
            clock.uninstall()
            nursery.cancel_scope.cancel()
        return nodes

    try:
        nodes = trio.run(main)
    finally:
        clock.uninstall()
    assert nodes["before"].age is None
    assert nodes["after"].age >= 0.1
    assert nodes["after"].busy >= BUSY
    assert trio._core._run.setup_runner is setup


def test_a_run_in_another_thread():
    ready, leave, nodes = threading.Event(), threading.Event(), []

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 1000)
            await trio.sleep(0.01)
            ready.set()
            while not nodes:
                nursery.start_soon(trio.sleep, 0.1, name="new")
                await trio.sleep(0.05)
            nursery.cancel_scope.cancel()

    thread = threading.Thread(target=trio.run, args=[main])
    thread.start()
    ready.wait(60)
    clock.install()
    try:
        deadline = time.monotonic() + 30
        while not any(node.age is not None for node in nodes) and time.monotonic() < deadline:
            time.sleep(0.02)
            found = [node for node in extract_all().tasks() if node.age is not None]
            nodes += found
    finally:
        nodes.append(None)
        clock.uninstall()
        thread.join()
    assert nodes[0].name == "new"


# ------------------------------------------------------------------------- cost


def seconds_of(function, *args):
    begin = time.perf_counter()
    function(*args)
    return time.perf_counter() - begin


async def make_tasks(total):
    async def nothing():
        pass

    await asyncio.gather(*[asyncio.ensure_future(nothing()) for _ in range(total)])


async def switch(total):
    for _ in range(total):
        await asyncio.sleep(0)


@IN_TURN
@pytest.mark.parametrize("program", [make_tasks, switch])
def test_it_costs_a_few_times_as_much_at_most(program):
    """Measured on an idle machine: see docs/clock.rst."""
    without, with_it = [], []
    for _ in range(5):
        without.append(seconds_of(asyncio.run, program(5000)))
        clock.install()
        with_it.append(seconds_of(asyncio.run, program(5000)))
        clock.uninstall()
    assert min(with_it) < 10 * min(without)
