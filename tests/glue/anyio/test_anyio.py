"""anyio, on both of its backends."""

from __future__ import annotations

import contextlib
import math
import re
import sys
import threading
import time

import pytest

import stackscope
from stackscope import extract, extract_all
from stackscope.interpreter.facts import has_gil
from stackscope.snapshot.waits import describe_wait
from tests.helpers.managers import Manager
from tests.helpers.stacks import names

anyio = pytest.importorskip("anyio", reason="anyio isn't installed here")
pytest.importorskip("trio", reason="trio isn't installed here")

import anyio.from_thread
import anyio.to_thread

# anyio 3.7 says so of itself on trio 0.22
pytestmark = pytest.mark.filterwarnings("ignore:trio.MultiError is deprecated")


def own(stack, *more):
    """The names of the frames of this file, and of those of anyio's that are named in ``more``."""
    return [
        frame.funcname
        for frame in stack.frames
        if not frame.hide and (frame.filename == __file__ or frame.funcname in more)
    ]


@pytest.fixture(params=["asyncio", "trio"])
def run(request):
    """Runs an async function, with a time limit."""

    def run_on_backend(function):
        async def main():
            with anyio.fail_after(20):
                return await function()

        return anyio.run(main, backend=request.param)

    run_on_backend.backend = request.param
    return run_on_backend


def this_task(run):
    if run.backend == "trio":
        import trio

        return trio.lowlevel.current_task()
    import asyncio

    return asyncio.current_task()


async def sleeper():
    await anyio.sleep(100)


async def until(condition):
    while not condition():
        await anyio.sleep(0.01)


class Watched:
    """Starts tasks, and looks at one of them while it waits."""

    def __init__(self, run):
        self.run = run
        self.tasks = []

    async def call(self, function):
        self.tasks.append(this_task(self.run))
        await function()

    async def wait_of(self, *functions, then=None):
        """The stack of the task of the last function, when all wait."""
        async with anyio.create_task_group() as group:
            for count, function in enumerate(functions, 1):
                group.start_soon(self.call, function, name=function.__name__)
                await until(lambda count=count: len(self.tasks) == count)
                for _ in range(3):
                    await anyio.wait_all_tasks_blocked()
            stack = extract(self.tasks[-1])
            if then is not None:
                then()
            self.waiting = describe_wait(stack)
            group.cancel_scope.cancel()
        assert stack.error is None
        return stack


# ------------------------------------------------------------- task groups


def test_children(run):
    async def parent():
        async with anyio.create_task_group() as group:
            for number in range(12):
                group.start_soon(sleeper, name=f"task {number % 3}")
            await anyio.sleep(100)

    async def main():
        tasks = []
        async with anyio.create_task_group() as group:

            async def call():
                tasks.append(this_task(run))
                await parent()

            group.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            await anyio.sleep(0.01)
            await anyio.wait_all_tasks_blocked()
            stubs = extract(tasks[0])
            stack = extract(tasks[0], recurse_child_tasks=True)
            group.cancel_scope.cancel()
        return stubs, stack

    stubs, stack = run(main)
    assert stack.error is None
    for one in (stubs, stack):
        [frame] = [frame for frame in one.frames if frame.funcname == "parent"]
        [context] = frame.contexts
        assert type(context.obj).__name__ == "TaskGroup"
        assert len(context.children) == 12
        found = [_name(child.root) for child in context.children]
        assert found == [f"task {number % 3}" for number in range(12)]
        shown = [] if one is stubs else ["sleeper"]
        assert all(own(child) == shown for child in context.children)
        assert all(child.error is None for child in context.children)


def _name(task):
    return task.get_name() if hasattr(task, "get_name") else task.name


def test_a_group_that_waits_for_its_tasks(run):
    async def parent():
        async with anyio.create_task_group() as group:
            group.start_soon(sleeper)

    watched = Watched(run)

    async def main():
        return await watched.wait_of(parent)

    stack = run(main)
    [frame] = [frame for frame in stack.frames if frame.funcname == "parent"]
    [context] = frame.contexts
    assert context.is_exiting
    assert len(context.children) == 1


def test_what_is_between_is_hidden(run):
    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(sleeper)
            await anyio.wait_all_tasks_blocked()
            stack = extract(this_task(run), recurse_child_tasks=True)
            group.cancel_scope.cancel()
        [child] = stack.frames[-1].contexts[0].children
        return child

    child = run(main)
    assert names(child)[0] == "sleeper"


# ------------------------------------------------------------ cancel scopes


def test_cancel_scopes(run):
    async def main():
        with anyio.move_on_after(50) as after, anyio.CancelScope(shield=True) as shield:
            before = extract(this_task(run)).frames[-1].contexts
            after.cancel()
            return before + extract(this_task(run)).frames[-1].contexts

    first, second, cancelled, _ = run(main)
    assert re.fullmatch(r"cancel scope: (50\.0|49\.\d) s left", first.description)
    assert second.description == "cancel scope: no deadline, shielded"
    assert re.match(r"cancel scope: (50\.0|49\.\d) s left, cancelled", cancelled.description)


def test_fail_after(run):
    async def main():
        with anyio.fail_after(50):
            return extract(this_task(run)).frames[-1].contexts

    [context] = run(main)
    assert re.fullmatch(r"fail_after\(\.\.\.\): (50\.0|49\.\d) s left", context.description)


def test_no_deadline(run):
    async def main():
        with anyio.move_on_after(None):
            return extract(this_task(run)).frames[-1].contexts

    [context] = run(main)
    assert context.description == "cancel scope: no deadline"


# ------------------------------------------------------------------ threads


class Blocker:
    """A function that blocks in its thread until it is let go."""

    def __init__(self):
        self.started, self.leave = threading.Event(), threading.Event()
        self.thread = None

    def block(self):
        with Manager():
            self.thread = threading.current_thread()
            self.started.set()
            self.leave.wait(20)


def test_to_thread(run):
    blocker = Blocker()
    watched = Watched(run)

    async def call():
        await anyio.to_thread.run_sync(blocker.block)

    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(watched.call, call)
            await until(blocker.started.is_set)
            stack = extract(watched.tasks[0])
            blocker.leave.set()
        return stack

    stack = run(main)
    assert stack.error is None
    assert stack.leaf is None
    shown = names(stack)
    start = shown.index("call", shown.index("call") + 1)
    assert shown[start : start + 4] == ["call", "run_sync", "block", "wait"]
    [frame] = [frame for frame in stack.frames if frame.funcname == "block"]
    # Without the GIL no other thread's frames are read.
    found = [type(context.obj) for context in frame.contexts]
    assert found == ([Manager] if has_gil() else [])


def test_from_thread(run):
    watched = Watched(run)
    inside = []

    def in_thread():
        inside.append(threading.current_thread())
        anyio.from_thread.run(back_in)

    async def back_in():
        inside.append(this_task(run))
        await leave[0].wait()

    async def call():
        await anyio.to_thread.run_sync(in_thread)

    leave = []
    expected = ["in_thread", "back_in"] if run.backend == "asyncio" else ["in_thread"]

    def seen():
        """Whether the thread waits; the task that it waits for may begin before that."""
        return len(inside) == 2 and own(extract(inside[0]))[: len(expected)] == expected

    async def main():
        leave.append(anyio.Event())
        async with anyio.create_task_group() as group:
            group.start_soon(watched.call, call)
            with anyio.move_on_after(60):
                await until(seen)
            await anyio.wait_all_tasks_blocked()
            stacks = extract(watched.tasks[0]), extract(inside[0])
            leave[0].set()
        return stacks

    stack, thread = run(main)
    assert stack.error is None
    assert thread.error is None
    import trio

    if run.backend == "trio" and not hasattr(trio._threads, "Run"):  # up to 0.22
        assert own(stack)[:3] == ["call", "call", "in_thread"]
    else:
        assert own(stack) == ["call", "call", "in_thread", "back_in"]
    assert own(thread)[: len(expected)] == expected


def test_blocking_portal(run):
    leave, stacks = [], []

    async def called():
        leave.append(anyio.Event())
        await leave[0].wait()

    with anyio.from_thread.start_blocking_portal(run.backend) as portal:

        def work():
            portal.call(called)

        thread = threading.Thread(target=work)
        thread.start()
        while not leave:
            thread.join(0.01)
        portal.call(anyio.sleep, 0.05)
        stacks.append(extract(thread))
        portal.call(leave[0].set)
        thread.join()
    [stack] = stacks
    assert stack.error is None
    assert own(stack) == ["work", "called"]


def test_a_portal_as_a_context(run):
    async def called(leave):
        await leave.wait()

    async def main():
        leave = anyio.Event()
        async with anyio.from_thread.BlockingPortal() as portal:
            await anyio.to_thread.run_sync(portal.start_task_soon, called, leave)
            await anyio.wait_all_tasks_blocked()
            await anyio.sleep(0.05)
            contexts = extract(this_task(run), recurse_child_tasks=True).frames[-1].contexts
            leave.set()
        return contexts

    [context] = run(main)
    assert type(context.obj).__name__ == "TaskGroup"
    [child] = context.children
    assert own(child) == ["called"]


def test_wrapped_async_context_manager(run):
    class AsyncManager:
        async def __aenter__(self):
            return self

        async def __aexit__(self, *exc):
            pass

    manager = AsyncManager()
    with anyio.from_thread.start_blocking_portal(run.backend) as portal:
        with portal.wrap_async_context_manager(manager):
            contexts = extract(threading.current_thread()).frames[_index()].contexts
    assert contexts[-1].obj is manager


def _index():
    frame, depth = sys._getframe(1), -1
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


# -------------------------------------------------------------------- waits


def test_lock(run):
    async def main():
        lock = anyio.Lock()

        async def owner():
            async with lock:
                await anyio.sleep(100)

        async def other():
            async with lock:
                pass

        watched = Watched(run)
        await watched.wait_of(owner, other)
        return watched.waiting, lock

    waiting, lock = run(main)
    assert re.fullmatch(
        r"Lock\.acquire\(\): 1 waiter, held by task (\d+ \(owner\)|owner)", str(waiting)
    )


def test_who_holds_what(run):
    """A snapshot knows holders, also of what has no owner by itself; each is named once."""

    async def main():
        def using(thing, name):
            async def use():
                async with thing:
                    await anyio.sleep(100)

            use.__name__ = name
            return use

        found = {}
        for thing in (anyio.Lock(), anyio.Semaphore(1), anyio.CapacityLimiter(1)):
            kind = type(thing).__name__.replace("Adapter", "")
            async with anyio.create_task_group() as group:
                for name in ("first", "second"):
                    group.start_soon(using(thing, name), name=name)
                    await anyio.wait_all_tasks_blocked()
                snapshot = extract_all(threads=False)
                found[kind] = {node.name: node for node in snapshot.tasks()}
                group.cancel_scope.cancel()
        return found

    for kind, nodes in run(main).items():
        first, second = nodes["first"], nodes["second"]
        assert second.waits_for == f"{kind}.acquire()"
        words = str(second.waiting)
        assert words.count("held by task") == 1
        assert words.endswith(("(first)", "held by task first"))
        assert any(task is first.task for task in second.waiting.holders)


def test_words_for_a_function_in_c_in_a_thread(run):
    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.to_thread.run_sync, time.sleep, 0.5, name="call")
            for _ in range(100):
                await anyio.sleep(0.01)
                [node] = [node for node in extract_all().tasks() if node.name == "call"]
                if "in thread" in str(node.waiting):
                    return str(node.waiting)

    words = r"anyio\.to_thread\.run_sync\(\): in thread .+, in time\.sleep\(\)"
    assert re.fullmatch(words, run(main))


def test_words_for_a_call_in_a_thread(run):
    async def main():
        entered, leave = threading.Event(), threading.Event()
        limiter = anyio.CapacityLimiter(1)

        def block():
            entered.set()
            leave.wait(10)

        async def call():
            await anyio.to_thread.run_sync(block, limiter=limiter)

        async def another():
            await anyio.to_thread.run_sync(block, limiter=limiter)

        found = []
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(call, name="call")
                await until(entered.is_set)
                group.start_soon(another, name="another")
                await anyio.wait_all_tasks_blocked()
                nodes = {node.name: node for node in extract_all(threads=False).tasks()}
                found = [str(nodes["call"].waiting), str(nodes["another"].waiting)]
                leave.set()
        finally:
            leave.set()
        return found

    call, another = run(main)
    assert re.fullmatch(r"anyio\.to_thread\.run_sync\(\): in thread .+", call)
    assert re.fullmatch(
        r"anyio\.to_thread\.run_sync\(\): CapacityLimiter\.\w+\(\): 1 of 1 borrowed, 1 waiter.*",
        another,
    )


def test_a_group_that_is_cancelled(run):
    async def main():
        leave = anyio.Event()

        async def stubborn():
            with anyio.CancelScope(shield=True):
                await leave.wait()

        async def owner():
            async with anyio.create_task_group() as group:
                group.start_soon(stubborn)
                await anyio.wait_all_tasks_blocked()
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as outer:
            outer.start_soon(owner, name="owner")
            for _ in range(3):
                await anyio.wait_all_tasks_blocked()
            [node] = [node for node in extract_all(threads=False).tasks() if node.name == "owner"]
            leave.set()
        return node, str(node.waiting)

    node, words = run(main)
    assert re.match(r"end of TaskGroup: 1 task, cancelled", words)
    [frame] = [frame for frame in node.stack.frames if frame.funcname == "owner"]
    [context] = frame.contexts
    assert re.match(r"(nursery|TaskGroup): no deadline, cancelled", context.description)


def test_sleep_and_event(run):
    async def main():
        event = anyio.Event()

        async def sleeping():
            await anyio.sleep(100)

        async def wait():
            await event.wait()

        found = []
        for function in (sleeping, wait):
            watched = Watched(run)
            await watched.wait_of(function)
            found.append(str(watched.waiting))
        return found

    sleeping, wait = run(main)
    assert re.fullmatch(r"anyio\.sleep\(\): \d+\.\d s left", sleeping)
    assert wait == "Event.wait(): 1 waiter"


def test_memory_streams(run):
    async def main():
        send, receive = anyio.create_memory_object_stream(1)

        async def receiving():
            await receive.receive()

        async def sending():
            await send.send(2)

        found = []
        watched = Watched(run)
        await watched.wait_of(receiving)
        found.append(str(watched.waiting))
        send.send_nowait(1)
        watched = Watched(run)
        await watched.wait_of(sending)
        found.append(str(watched.waiting))
        send.close()
        receive.close()
        return found

    receiving, sending = run(main)
    assert receiving == "MemoryObjectReceiveStream.receive(): 0 of 1 items, 1 waiter, 1 sender"
    assert sending == "MemoryObjectSendStream.send(): 1 of 1 items, 1 waiter, 1 receiver"


def test_start(run):
    async def main():
        leave = anyio.Event()

        async def starting(*, task_status):
            await leave.wait()
            task_status.started()

        async def starter():
            async with anyio.create_task_group() as inner:
                await inner.start(starting, name="starting")

        async with anyio.create_task_group() as group:
            group.start_soon(starter, name="starter")
            for _ in range(3):
                await anyio.wait_all_tasks_blocked()
            nodes = {node.name: node for node in extract_all(threads=False).tasks()}
            leave.set()
        return nodes

    nodes = run(main)
    words = r"TaskGroup\.start\(\): (Nursery\.start\(\): )?task \d+ \(starting\)"
    assert re.fullmatch(words, str(nodes["starter"].waiting))
    assert nodes["starting"].task in nodes["starter"].waiting.tasks


def test_other_primitives(run):
    async def main():
        semaphore = anyio.Semaphore(0)
        limiter = anyio.CapacityLimiter(1)
        limiter.acquire_on_behalf_of_nowait("somebody")
        condition = anyio.Condition()

        async def acquire():
            await semaphore.acquire()

        async def borrow():
            async with limiter:
                pass

        async def notified():
            async with condition:
                await condition.wait()

        async def group():
            async with anyio.create_task_group() as inner:
                inner.start_soon(sleeper)
                inner.start_soon(sleeper)

        found = []
        for function in (acquire, borrow, notified, group):
            watched = Watched(run)
            await watched.wait_of(function)
            found.append(str(watched.waiting))
        return found

    acquire, borrow, notified, group = run(main)
    assert acquire == "Semaphore.acquire(): 1 waiter"
    assert borrow == "CapacityLimiter.acquire(): 1 of 1 borrowed, 1 waiter"
    assert notified == "Condition.wait(): 1 waiter"
    assert group == "end of TaskGroup: 2 tasks"


def test_who_is_notified_has_to_get_the_lock_back(run):
    async def main():
        condition = anyio.Condition()

        async def waits():
            async with condition:
                await condition.wait()

        async with anyio.create_task_group() as group:
            group.start_soon(waits, name="waits")
            await anyio.wait_all_tasks_blocked()
            async with condition:
                condition.notify()
                await anyio.wait_all_tasks_blocked()
                found = [
                    node.waiting
                    for node in extract_all(threads=False).tasks()
                    if node.name == "waits"
                ]
            group.cancel_scope.cancel()
        return str(found[0])

    assert run(main).startswith("Condition.wait(): notified, held by task ")


def test_infinity(run):
    async def main():
        watched = Watched(run)

        async def forever():
            with anyio.move_on_after(math.inf):
                await anyio.sleep_forever()

        return await watched.wait_of(forever)

    stack = run(main)
    [frame] = [frame for frame in stack.frames if frame.funcname == "forever"]
    if frame.contexts:
        assert frame.contexts[0].description == "cancel scope: no deadline"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_filter_reaches_the_groups_inside_other_managers(backend):
    """What it leaves out is left out there as well; the snapshot itself stays as it was."""

    @contextlib.asynccontextmanager
    async def service():
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever, name="kept")
            group.start_soon(anyio.sleep_forever, name="left")
            yield
            group.cancel_scope.cancel()

    async def main():
        async with service():
            await anyio.sleep(0.01)
            snapshot = stackscope.extract_all()
            before = str(snapshot)
            text = str(snapshot.filter("name:kept or state:running"))
            assert str(snapshot) == before
            return before, text

    before, text = anyio.run(main, backend=backend)
    assert "(left)" in before
    assert "(left)" not in text
    assert "(kept)" in text
    assert "async with service()" in text
