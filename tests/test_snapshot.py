from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading

import pytest

from stackscope.snapshot import extract_all, innermost_user_frame, is_user_frame


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
        "import sys, threading, stackscope.snapshot as s; found = s.extract_all(); "
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
    gc.collect()
    assert len(refs) == 4
    assert [ref() for ref in refs] == [None] * 4
