"""Subclasses whose every method and attribute takes note of being used: none of it is.

The program may hold a lock that such a method waits for. So the objects are looked at by what their
base classes have in C, or by what is stored in them.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import signal
import sys
import threading
from types import FunctionType, GetSetDescriptorType, MethodDescriptorType, WrapperDescriptorType

import pytest

import stackscope

CALLS = []

MACHINERY = ("__new__", "__init__", "__init_subclass__", "__class__", "__del__", "__dict__")
ALSO = ("__bool__", "__len__", "__iter__", "__contains__", "__repr__", "__str__", "__await__")


def is_ours():
    """Whether a method of the program is called by us, and not by a representation or finalizer."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name in ("__del__", "__repr__", "__str__", "_repr_info"):
            return False
        name = frame.f_globals.get("__name__", "")
        if name.startswith("stackscope."):
            return True
        frame = frame.f_back
    return False


def note(cls, name):
    if is_ours():
        CALLS.append(f"{cls}.{name}")


def hostile(base, *, without=()):
    """A class derived from ``base`` in which everything is overridden."""
    label = base.__name__

    def override(name):
        inherited = getattr(base, name)

        def method(self, *args, **kwargs):
            note(label, name)
            return inherited(self, *args, **kwargs)

        return method

    namespace = {}
    for name in {name for cls in base.__mro__ for name in vars(cls)} | set(ALSO):
        if name in MACHINERY or name in without:
            continue
        raw = next((vars(cls)[name] for cls in base.__mro__ if name in vars(cls)), None)
        if isinstance(raw, (property, GetSetDescriptorType)):
            namespace[name] = property(reader_of(label, name, raw), raw.__set__)
        elif isinstance(raw, (FunctionType, MethodDescriptorType, WrapperDescriptorType)):
            namespace[name] = override(name)

    def getattribute(self, name):
        note(label, f"__getattribute__({name})")
        return base.__getattribute__(self, name)

    def hash_(self):
        note(label, "__hash__")
        return id(self) >> 4

    def equal(self, other):
        note(label, "__eq__")
        return self is other

    @property
    def class_(self):
        note(label, "__class__")
        return base

    namespace.update(__getattribute__=getattribute, __hash__=hash_, __eq__=equal, __class__=class_)
    return type(f"Hostile{label}", (base,), namespace)


def reader_of(label, name, raw):
    def get(self):
        note(label, name)
        return raw.__get__(self)

    return get


class Program:
    """Runs one of each, and looks at them from inside with ``look``."""

    def __init__(self, look):
        self.look = look
        self.result = None

    def run(self):
        loop_class = hostile(asyncio.SelectorEventLoop)
        loop = loop_class()
        in_c, in_python = hostile(asyncio.Task), hostile(asyncio.tasks._PyTask)

        def factory(loop, coro, **kwargs):
            # asyncio.timeout() doesn't work in the others everywhere.
            simple = coro.__name__ in ("cancelled", "hold", "wait_for_condition")
            cls = in_python if simple else in_c
            kwargs = {name: kwargs[name] for name in ("context",) if name in kwargs}
            return cls(coro, loop=loop, **kwargs)

        loop.set_task_factory(factory)
        asyncio.set_event_loop(loop)
        executor = hostile(concurrent.futures.ThreadPoolExecutor)(1)
        thread_class = hostile(threading.Thread)
        done = threading.Event()
        thread = thread_class(target=done.wait, daemon=True)
        thread.start()
        try:
            loop.run_until_complete(self.main(loop, executor, done))
        finally:
            done.set()
            executor.shutdown()
            thread.join()
            asyncio.set_event_loop(None)
            loop.close()
        return self.result

    async def main(self, loop, executor, done):
        lock, condition, queue, event, semaphore = (
            hostile(cls)()
            for cls in (
                asyncio.Lock,
                asyncio.Condition,
                asyncio.Queue,
                asyncio.Event,
                asyncio.Semaphore,
            )
        )
        await semaphore.acquire()
        future = hostile(asyncio.Future)(loop=loop)
        py_future = hostile(asyncio.futures._PyFuture)(loop=loop)
        in_pool = hostile(concurrent.futures.Future)()

        async def wait_for_condition():
            async with condition:
                await condition.wait()

        async def hold():
            async with lock:
                await event.wait()

        async def wait_for(thing):
            return await thing

        async def cancelled():
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                await event.wait()

        coroutines = [
            hold(),
            hold(),
            hold(),
            wait_for_condition(),
            wait_for_condition(),
            queue.get(),
            queue.get(),
            semaphore.acquire(),
            semaphore.acquire(),
            wait_for(future),
            wait_for(py_future),
            wait_for(asyncio.wrap_future(in_pool, loop=loop)),
            wait_for(asyncio.shield(future)),
            wait_for(asyncio.gather(future, py_future)),
            asyncio.wait_for(event.wait(), 1000),
            asyncio.wait({future, py_future}, timeout=1000),
            wait_for(loop.run_in_executor(executor, done.wait)),
            cancelled(),
            cancelled(),
        ]
        tasks = [loop.create_task(coroutine) for coroutine in coroutines]
        tasks += [loop.create_task(wait_for(task)) for task in tasks[:4]]
        for _ in range(5):
            await asyncio.sleep(0)
        for task in tasks[17:19]:
            task.cancel()
        for _ in range(3):
            await asyncio.sleep(0)
        if hasattr(asyncio, "TaskGroup"):
            async with asyncio.timeout(1000), hostile(asyncio.TaskGroup)() as group:
                group.create_task(event.wait())
                group.create_task(event.wait())
                await asyncio.sleep(0)
                self.result = self.look()
                event.set()
        else:
            self.result = self.look()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def run_and_note(look):
    CALLS.clear()
    result = Program(look).run()
    return result, list(dict.fromkeys(CALLS))


def test_extraction():
    stackscope.extract_all()
    snapshot, calls = run_and_note(stackscope.extract_all)
    assert calls == []
    [loop] = [loop for loop in snapshot.loops if loop.is_here]
    assert loop.is_running
    tasks = list(snapshot.tasks())
    assert len(tasks) >= 24
    if hasattr(asyncio.Task, "cancelling"):
        assert sum(task.state == "cancelling" for task in tasks) == 2
    names = {thread.name for thread in snapshot.threads}
    assert any(name.startswith("Thread-") for name in names)
    assert all(task.stack.error is None for task in tasks)
    assert all(task.name.startswith(("Task-", "None")) for task in tasks)  # 3.13 takes None for one


def test_drawing():
    _, calls = run_and_note(lambda: str(stackscope.extract_all()))
    assert {call.partition(".")[2] for call in calls} <= {"__repr__", "__str__"}


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals that Windows doesn't have")
def test_dumps(tmp_path):
    with open(tmp_path / "dump.txt", "w+", encoding="utf-8") as file:
        stackscope.register(signal.SIGUSR1, file)
        try:
            _, calls = run_and_note(lambda: signal.raise_signal(signal.SIGUSR1))
        finally:
            stackscope.unregister(signal.SIGUSR1)
        text = (tmp_path / "dump.txt").read_text(encoding="utf-8")
    assert calls == []
    assert "held by " in text
