from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading

import pytest

import stackscope
from stackscope.api import extract_all
from stackscope.snapshot.user_code import innermost_user_frame, is_user_frame


async def waiting(event):
    await event.wait()


async def main_with(look, count=3):
    event = asyncio.Event()
    tasks = [asyncio.ensure_future(waiting(event)) for _ in range(count)]
    for number, task in enumerate(tasks):
        task.set_name(f"child-{number}")
    await asyncio.sleep(0)
    try:
        return look()
    finally:
        event.set()
        await asyncio.gather(*tasks)


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


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio has task groups since 3.11")
def test_children_of_nested_task_groups():
    async def child(event):
        async with asyncio.TaskGroup() as group:
            group.create_task(waiting(event), name="grandchild")
            await event.wait()

    async def main():
        event = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(child(event), name="child")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            snapshot = extract_all()
            event.set()
        return snapshot

    (root,) = next(loop for loop in asyncio.run(main()).loops if loop.is_here).tasks
    assert [node.name for node in root.walk()][1:] == ["child", "grandchild"]
    assert type(root.children[0].owner) is asyncio.TaskGroup


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio has task groups since 3.11")
def test_a_task_group_that_is_cancelled():
    async def main():
        leave = asyncio.Event()

        async def stubborn():
            try:
                await forever()
            finally:
                await leave.wait()

        async def fail():
            raise ValueError

        async def parent():
            async with asyncio.TaskGroup() as group:
                group.create_task(stubborn(), name="stubborn")
                await asyncio.sleep(0)
                group.create_task(fail())

        task = asyncio.create_task(parent(), name="parent")
        await start(asyncio.sleep(0), "some time later")
        late = await start(forever(), "late")
        late.cancel("go away")
        snapshot = extract_all()
        leave.set()
        await asyncio.wait([task, late])
        assert type(task.exception()).__name__ == "ExceptionGroup"
        return snapshot, str(snapshot)

    snapshot, text = asyncio.run(main())
    found = nodes_by_name(snapshot)
    assert str(found["parent"].waiting) == "end of TaskGroup: 1 task, cancelled, 1 failed"
    assert found["stubborn"].state == "cancelling"
    assert found["late"].cancel_reason == "go away"
    assert "(late): cancelling (go away), waiting for asyncio.sleep()" in text
    [context] = found["parent"].stack.frames[0].contexts
    assert context.description == "TaskGroup: cancelled, 1 failed"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Runner came with 3.11")
def test_a_runner_is_what_its_loop_runs():
    async def main():
        return stackscope.extract(runner)

    with asyncio.Runner() as runner:
        stack = runner.run(main())
        assert [frame.funcname for frame in stack.frames if not frame.hide] == ["main"]
        assert stack.root is runner
        [loop] = [runner.get_loop()]
        assert stackscope.extract(runner).leaf is loop


def test_numbers_are_stable_and_never_used_again():
    def look():
        first, second = ({n.name: n.number for n in extract_all().tasks()} for _ in range(2))
        assert first == second
        return first

    one = asyncio.run(main_with(look))
    gc.collect()
    two = asyncio.run(main_with(look))
    assert not set(one.values()) & set(two.values())
    assert [one[f"child-{n}"] for n in range(3)] == sorted(one[f"child-{n}"] for n in range(3))


def test_loop_of_another_thread_and_one_that_stands_still():
    ready = threading.Event()
    stop = []

    async def main():
        stop.append((asyncio.get_running_loop(), asyncio.Event()))
        ready.set()
        await stop[0][1].wait()

    idle = asyncio.new_event_loop()
    task = idle.create_task(asyncio.sleep(100), name="parked")
    thread = threading.Thread(target=lambda: asyncio.run(main()), name="elsewhere")
    thread.start()
    assert ready.wait(10)
    try:
        snapshot = extract_all()
        places = {loop.thread: loop for loop in snapshot.loops}
        assert (places["elsewhere"].is_running, places["elsewhere"].is_here) == (True, False)
        assert [node.name for node in places[None].walk()] == ["parked"]
        assert not places[None].is_running
        assert "elsewhere" in [node.name for node in snapshot.threads]
        assert snapshot.threads[0].is_here
    finally:
        loop, event = stop[0]
        loop.call_soon_threadsafe(event.set)
        thread.join()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            idle.run_until_complete(task)
        idle.close()


def test_trio():
    trio = pytest.importorskip("trio")

    async def child():
        await trio.sleep_forever()

    async def main():
        async with trio.open_nursery() as outer:
            outer.start_soon(child, name="one")
            await trio.sleep(0.001)
            async with trio.open_nursery() as inner:
                inner.start_soon(child, name="two")
                await trio.sleep(0.001)
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


def test_user_frames():
    def look():
        return [n for n in extract_all().tasks() if n.name == "child-0"][0].stack

    stack = asyncio.run(main_with(look, count=1))
    assert innermost_user_frame(stack).funcname == "waiting"
    assert is_user_frame(sys._getframe())
    assert not any(is_user_frame(f.pyframe) for f in stack.frames if f.modname == "asyncio.locks")


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


# --------------------------------------------------------- who waits for whom


def nodes_by_name(snapshot):
    return {node.name: node for node in snapshot.tasks()}


async def forever():
    await asyncio.sleep(1000)


async def awaits(awaitable):
    await awaitable


async def start(coroutine, name):
    task = asyncio.ensure_future(coroutine)
    task.set_name(name)
    for _ in range(3):
        await asyncio.sleep(0)
    return task


def look_at(main):
    """Run ``main()``, take a snapshot where it is then, and end its tasks without waiting for them."""
    found = []

    async def inside():
        tasks = await main()
        found.append(extract_all())
        found.append(found[0].format())
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=5)

    asyncio.run(inside())
    return found[0], "".join(found[1])


def test_what_nothing_owns_stands_below_the_first_that_awaits_it():
    async def main():
        one, two = await start(forever(), "one"), await start(forever(), "two")
        gathering = await start(awaits(asyncio.gather(one, two)), "a-gathering")
        again = await start(awaits(two), "b-again")
        return [one, two, gathering, again]

    snapshot, text = look_at(main)
    found = nodes_by_name(snapshot)
    gathering = found["a-gathering"]
    assert [node.name for node in gathering.children] == ["one", "two"]
    assert all(node.is_awaited for node in gathering.children)
    assert all(node.owner is None for node in gathering.children)
    assert [node.name for node in gathering.walk()] == ["a-gathering", "one", "two"]
    assert found["b-again"].children == []
    assert found["b-again"].waits_for == f"task {found['two'].number} (two)"
    assert snapshot.cycles == []
    assert len(found) == len(list(snapshot.tasks())) == 5
    # each is drawn once, and called by its number elsewhere
    assert text.count(f"├ task {found['two'].number} (two): waiting for asyncio.sleep()") == 1
    assert f"(b-again): waiting for task {found['two'].number} (two)\n" in text


def test_a_circle_is_shown_and_not_followed():
    async def main():
        others = {}

        async def member(name):
            while len(others) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0)
            # not directly: cancel() would follow the circle without end
            await asyncio.wait([others[name]])

        one = await start(member("two"), "one")
        two = await start(member("three"), "two")
        three = await start(member("one"), "three")
        outside = await start(awaits(asyncio.shield(one)), "outside")
        others.update(one=one, two=two, three=three)
        await asyncio.sleep(0.01)
        return [outside, one, two, three]

    snapshot, text = look_at(main)
    (circle,) = snapshot.cycles
    assert sorted(node.name for node in circle) == ["one", "three", "two"]
    assert len(nodes_by_name(snapshot)) == 5
    assert "waiting for each other: task" in text
    for node in circle:
        assert text.count(f"├ task {node.number} ({node.name}): waiting for asyncio.wait()") == 1


def test_who_holds_a_lock():
    async def main():
        lock, semaphore = asyncio.Lock(), asyncio.Semaphore(1)
        condition = asyncio.Condition()

        async def hold():
            async with lock, semaphore:
                await forever()

        async def notified():
            async with condition:
                await condition.wait()

        holder = await start(hold(), "holder")
        tasks = [holder]
        tasks.append(await start(lock.acquire(), "for lock"))
        tasks.append(await start(semaphore.acquire(), "for semaphore"))
        tasks.append(await start(notified(), "for condition"))
        return tasks

    snapshot, text = look_at(main)
    found = nodes_by_name(snapshot)
    holder = found["holder"]
    words = f"1 waiter, held by task {holder.number} (holder)"
    assert str(found["for lock"].waiting) == f"Lock.acquire(): {words}"
    assert str(found["for semaphore"].waiting) == f"Semaphore.acquire(): {words}"
    assert str(found["for condition"].waiting) == "Condition.wait(): 1 waiter"
    assert found["for lock"].waiting.holders == [holder.task]
    assert not found["for lock"].waiting.tasks
    assert holder.children == []


def test_a_deadlock_by_locks():
    async def at_once():
        locks = [asyncio.Lock(), asyncio.Lock()]

        async def take(first, second):
            async with locks[first]:
                await asyncio.sleep(0)
                async with locks[second]:
                    pass

        tasks = [asyncio.ensure_future(take(0, 1)), asyncio.ensure_future(take(1, 0))]
        await asyncio.sleep(0.01)
        return tasks

    snapshot, _ = look_at(at_once)
    (circle,) = snapshot.cycles
    assert len(circle) == 2
    assert all(node.waits_for == "Lock.acquire()" for node in circle)


needs_task_groups = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="asyncio has task groups since 3.11"
)


@needs_task_groups
@pytest.mark.parametrize("with_contexts", [True, False])
def test_the_tree_of_a_task_group(with_contexts):
    found = []

    async def parent():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(forever(), name=f"child-{n}") for n in range(3)]
            async with asyncio.timeout(60):
                await asyncio.sleep(0.01)
                found.append(extract_all(with_contexts=with_contexts))
                found.append(str(found[0]))
            for task in tasks:
                task.cancel()

    async def main():
        task = asyncio.create_task(parent(), name="parent")
        await asyncio.wait([task])

    asyncio.run(main())
    snapshot, text = found
    parent_node = nodes_by_name(snapshot)["parent"]
    children = parent_node.children
    assert [node.name for node in children] == ["child-0", "child-1", "child-2"]
    assert {type(node.owner) for node in children} == {asyncio.TaskGroup}
    assert not any(node.is_awaited for node in children)
    for node in children:
        assert text.count(f"task {node.number} ({node.name}): waiting for asyncio.sleep(): ") == 1
    if with_contexts:
        [group, timeout] = parent_node.stack.frames[0].contexts
        assert [stack is node.stack for stack, node in zip(group.children, children)] == [True] * 3
        assert "├── task" in text
        assert "  # _: Timeout (line" in text
        assert "s left" in text


def test_many_alike_are_drawn_as_one():
    async def main():
        event = asyncio.Event()
        tasks = [await start(waiting(event), f"alike-{n}") for n in range(40)]
        tasks.append(await start(forever(), "other"))
        return tasks

    found = []
    snapshot, text = look_at(main)
    numbers = [node.number for node in snapshot.tasks() if node.name.startswith("alike")]
    assert f"… and 39 more at the same lines: {numbers[1]}-{numbers[-1]}\n" in text
    assert text.count("(alike-") == 1
    whole = "".join(snapshot.format(max_alike=None))
    assert whole.count("(alike-") == 40
    assert "".join(snapshot.format(ascii_only=True)).isascii()


def test_a_long_chain_of_waiting_tasks():
    async def main():
        tasks = [await start(forever(), "link-0")]
        for number in range(1, 300):
            tasks.append(asyncio.ensure_future(awaits(tasks[-1])))
            tasks[-1].set_name(f"link-{number}")
        await asyncio.sleep(0.01)
        found.append(extract_all())
        return tasks

    found = []
    snapshot, _ = look_at(main)
    names = [node.name for node in found[0].tasks()]
    assert len(names) == len(set(names)) == 301
    lines = found[0].format(max_alike=None)
    assert all(f"(link-{n})" in "".join(lines) for n in range(300))
    assert max(map(len, lines)) < 300


def test_tasks_drawn_elsewhere_are_called_by_number():
    async def main():
        many = [await start(forever(), f"many-{n}") for n in range(8)]
        first = await start(awaits(asyncio.gather(*many[:3])), "a-first")
        some = await start(asyncio.wait(many[1:4]), "b-some")
        rest = await start(awaits(asyncio.gather(*many)), "c-rest")
        return [*many, first, some, rest]

    snapshot, text = look_at(main)
    found = nodes_by_name(snapshot)
    number = found["many-0"].number
    assert [found[f"many-{n}"].number for n in range(8)] == list(range(number, number + 8))
    one, two = [f"task {number + n} (many-{n})" for n in (1, 2)]
    assert f"├ also for {one}, {two}, drawn elsewhere\n" in text
    assert f"├ also for {one}, {two}, task {number + 3} (many-3), drawn elsewhere\n" not in text
    assert f"├ also for tasks {number}-{number + 3}, drawn elsewhere\n" in text or (
        f"├ also for task {number} (many-0), {one}, {two}, task {number + 3} (many-3), drawn"
        in text
    )


def test_diamonds_are_drawn_once():
    async def main():
        level = [await start(forever(), "bottom")]
        tasks = list(level)
        for depth in range(12):
            level = [await start(awaits(asyncio.wait(level)), f"{depth}-{n}") for n in range(3)]
            tasks += level
        return tasks[::-1]

    snapshot, text = look_at(main)
    assert len(list(snapshot.tasks())) == 38
    assert text.count("(bottom): waiting for asyncio.sleep") == 1
    assert snapshot.cycles == []


# ------------------------------------------------------------- other threads


AT_ONCE = int(os.environ.get("STACKSCOPE_TASKS_AT_ONCE", "20"))
"""How many tasks start and end at the same time.

With more than that in the environment, there are 200 snapshots instead of 30: a test of minutes.
"""

KEPT = 10

PAUSE = 0.005
"""Seconds in which the thread that looks has the interpreter for itself, or the test would take long."""


class Churn:
    """A loop in another thread, in which tasks start and end all the time, while some last."""

    def __init__(self, library):
        self.ready, self.stop = threading.Event(), threading.Event()
        self.started = self.ended = 0
        run = self.run_trio if library == "trio" else self.run_asyncio
        self.thread = threading.Thread(target=run, args=(library,))

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *exc):
        self.stop.set()
        self.thread.join(60)

    async def short(self, sleep, steps):
        self.started += 1
        for _ in range(steps % 4):
            await sleep()
        self.ended += 1

    async def in_asyncio(self):
        async def sleep():
            await asyncio.sleep(0)

        gate = asyncio.Event()
        kept = [await start(waiting(gate), f"kept-{n}") for n in range(KEPT)]
        self.ready.set()
        while not self.stop.is_set():
            await asyncio.gather(*[self.short(sleep, n) for n in range(AT_ONCE)])
            await asyncio.sleep(PAUSE)
        gate.set()
        await asyncio.gather(*kept)

    def run_asyncio(self, library):
        loop = sys.modules[library].new_event_loop()
        try:
            loop.run_until_complete(self.in_asyncio())
        finally:
            loop.close()

    def run_trio(self, library):
        import trio.testing

        async def main():
            gate = trio.Event()
            async with trio.open_nursery() as outer:
                for number in range(KEPT):
                    outer.start_soon(waiting, gate, name=f"kept-{number}")
                await trio.testing.wait_all_tasks_blocked()
                self.ready.set()
                while not self.stop.is_set():
                    async with trio.open_nursery() as inner:
                        for number in range(AT_ONCE):
                            inner.start_soon(self.short, trio.lowlevel.checkpoint, number)
                    await trio.sleep(PAUSE)
                gate.set()

        trio.run(main)


@pytest.fixture
def own_heap():
    """What other tests have left on the heap, which is searched for loops and runs, is left out."""
    if not hasattr(gc, "freeze"):  # PyPy
        yield
        return
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("library", ["asyncio", "uvloop", "trio"])
def test_while_tasks_start_and_end(library, own_heap):
    """No error, and whoever lives all the time is found, where he is, in each snapshot."""
    pytest.importorskip(library)
    sizes = set()
    snapshots, tasks = (200, 2000) if AT_ONCE > 20 else (30, 300)
    if not hasattr(gc, "freeze"):  # each snapshot searches what all tests have left
        snapshots, tasks = snapshots // 3, tasks // 3
    with Churn(library) as churn:
        count = 0
        # Until it has seen some come and go, or nothing would have been shown.
        while count < snapshots or churn.ended < tasks or len(sizes) < 2:
            count += 1
            snapshot = extract_all(with_contexts=count % 2 == 0, threads=count % 20 == 0)
            found = nodes_by_name(snapshot)
            for number in range(KEPT):
                node = found[f"kept-{number}"]
                assert node.stack.error is None
                assert node.waits_for == "Event.wait()"
                shown = [frame.funcname for frame in node.stack.frames if not frame.hide]
                assert shown == ["waiting", "wait"]
            sizes.add(len(list(snapshot.tasks())))
    assert churn.started == churn.ended >= tasks


def test_from_several_threads_at_once(own_heap):
    counts, errors = [], []

    def look():
        try:
            for _ in range(5):
                found = nodes_by_name(extract_all())
                counts.append(sum(name.startswith("kept-") for name in found))
        except BaseException as exc:
            errors.append(exc)

    with Churn("asyncio"):
        lookers = [threading.Thread(target=look) for _ in range(3)]
        for looker in lookers:
            looker.start()
        for looker in lookers:
            looker.join(60)
    assert errors == []
    assert counts == [KEPT] * 15


def test_threads():
    leave = threading.Event()
    thread = threading.Thread(target=leave.wait, args=(10,), name="a daemon", daemon=True)
    thread.start()
    try:
        snapshot = extract_all()
        again = extract_all()
        node = next(node for node in snapshot.threads if node.thread is thread)
        assert (node.name, node.is_daemon, node.is_here) == ("a daemon", True, False)
        assert node.ident == thread.ident
        assert [f.funcname for f in node.stack.frames if not f.hide][0] == "wait"
        assert node.number in [n.number for n in again.threads if n.thread is thread]
        assert snapshot.threads[0].stack.frames[-1].funcname == "test_threads"
        text = str(snapshot)
        assert f"thread {node.number} a daemon (daemon)\n" in text
        assert "(takes this snapshot)\n" in text
    finally:
        leave.set()
        thread.join(10)


def test_greenlets():
    greenlet = pytest.importorskip("greenlet")

    def inner():
        greenlet.getcurrent().parent.switch()

    class Special(greenlet.greenlet):
        pass

    def outer():
        child = Special(inner)
        child.switch()
        greenlet.getcurrent().parent.switch(child)

    parent = greenlet.greenlet(outer)
    child = parent.switch()
    dead = greenlet.greenlet(lambda: None)
    dead.switch()
    unstarted = greenlet.greenlet(inner)

    def look():
        return extract_all()

    current = greenlet.greenlet(look)
    snapshot = current.switch()
    nodes = {id(node.item): node for top in snapshot.items for node in top.walk()}
    assert id(dead) not in nodes
    assert id(unstarted) not in nodes
    assert nodes[id(current)].state == "running here"
    assert nodes[id(parent)].state == "suspended"
    assert [node.item for node in nodes[id(parent)].children] == [child]
    assert nodes[id(child)].name == "Special"
    assert nodes[id(parent)].kind == "greenlet"
    assert "greenlets:\n" in str(snapshot)
    numbers = [node.number for node in nodes.values()]
    assert len(set(numbers)) == len(numbers)
    child.switch()
    parent.switch()


# ------------------------------------------------------------------ bad input


def test_a_half_imported_library(monkeypatch):
    import types

    asyncio.run(main_with(extract_all))
    monkeypatch.setitem(sys.modules, "trio._core._run", types.ModuleType("trio._core._run"))
    monkeypatch.setitem(sys.modules, "greenlet", None)
    snapshot = asyncio.run(main_with(extract_all))
    assert len(list(snapshot.tasks())) == 4


def test_a_broken_runtime_costs_only_its_own(monkeypatch):
    import types

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
    few, many = spent(300), spent(3000)
    assert many < few * 4
