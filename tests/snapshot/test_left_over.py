"""What a loop has beside its tasks that live: those that failed, coroutines that aren't begun."""

from __future__ import annotations

import asyncio
import sys
import threading
import time

import pytest

from stackscope import extract_all
from tests.helpers.rows import IN_TURN
from tests.snapshot.programs import nodes_by_name


class Secret(Exception):
    def __str__(self):
        raise AssertionError("asked")

    __repr__ = __str__


async def fail(error):
    raise error


class Application:
    def __init__(self):
        self.jobs = []

    async def serve(self):
        self.jobs.append(asyncio.ensure_future(fail(ValueError("of the application"))))
        await asyncio.sleep(1000)


def look(main):
    found = []

    async def inside():
        found.extend(await main())
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.wait(others)

    asyncio.run(inside())
    return found


def test_tasks_that_failed_and_were_not_asked():
    async def main():
        job = asyncio.ensure_future(fail(ValueError("boom")))
        asked, secret = [asyncio.ensure_future(fail(Secret(name))) for name in ("asked", "secret")]
        job.set_name("job")
        application = Application()
        asyncio.ensure_future(application.serve())

        async def waits(*jobs):
            await asyncio.sleep(1000)

        waiting = asyncio.ensure_future(waits([job], {"secret": secret}, [asked]))
        await asyncio.sleep(0.01)
        asked.exception()
        snapshot = extract_all(threads=False)
        (loop,) = snapshot.loops
        text = str(snapshot)
        for task in (job, secret, *application.jobs):
            task.exception()
        return loop.failed, (job, secret, *application.jobs), text

    failed, tasks, text = look(main)
    assert {one.task for one in failed} == set(tasks)
    errors = {one.name: one.error for one in failed}
    assert type(errors["job"]) is ValueError
    number = next(one.number for one in failed if one.name == "job")
    begin = "failed, and nobody has asked for its exception: task"
    assert f"\n{begin} {number} (job): ValueError: boom\n" in text
    assert "Secret: 'secret'\n" in text
    assert text.count(begin) == 3


def test_the_class_of_an_exception_is_shown_however_long_its_message():
    async def main():
        async def waits(job):
            await asyncio.sleep(1000)

        job = asyncio.ensure_future(fail(ValueError("no such thing " * 20)))
        job.set_name("job")
        waiting = asyncio.ensure_future(waits(job))
        await asyncio.sleep(0.01)
        snapshot = extract_all(threads=False)
        text = "".join(snapshot.format(width=80))
        job.exception()
        waiting.cancel()
        return text.splitlines()

    assert any("(job): ValueError" in line and len(line) <= 80 for line in look(main))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TaskGroup came with 3.11")
def test_what_failed_in_a_task_group():
    async def main():
        async def stubborn():
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                await asyncio.sleep(1000)

        async def parent():
            async with asyncio.TaskGroup() as group:
                group.create_task(stubborn())
                group.create_task(fail(ValueError("no such user")))

        asyncio.ensure_future(parent()).set_name("parent")
        await asyncio.sleep(0.01)
        return [str(nodes_by_name(extract_all(threads=False))["parent"].waiting)]

    (words,) = look(main)
    assert words == "end of TaskGroup: 1 task, cancelled, 1 failed: ValueError: no such user"


def test_coroutines_that_are_not_begun():
    entered, leave = threading.Event(), threading.Event()
    loop = asyncio.new_event_loop()

    async def never_begun():
        pass

    def block():
        entered.set()
        leave.wait(10)

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        loop.call_soon_threadsafe(block)
        entered.wait(10)
        future = asyncio.run_coroutine_threadsafe(never_begun(), loop)
        snapshot = extract_all(threads=False)
    finally:
        leave.set()
        future.result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
    (node,) = [node for node in snapshot.loops if node.loop is loop]
    assert [coroutine.__name__ for coroutine in node.to_begin] == ["never_begun"]
    name = "test_coroutines_that_are_not_begun.<locals>.never_begun"
    assert f"\nnot begun: coroutine {name}()\n" in str(snapshot)


def test_tasks_of_another_loop_are_named_but_not_drawn_there():
    other = asyncio.new_event_loop()
    thread = threading.Thread(target=other.run_forever, name="other")
    thread.start()

    async def main():
        future = asyncio.run_coroutine_threadsafe(asyncio.sleep(1000), other)
        time.sleep(0.05)

        async def waits():
            await asyncio.wrap_future(future)

        asyncio.ensure_future(waits()).set_name("waits")
        await asyncio.sleep(0.01)
        snapshot = extract_all(threads=False)
        future.cancel()
        return snapshot, str(snapshot)

    try:
        snapshot, text = look(main)
    finally:
        other.call_soon_threadsafe(other.stop)
        thread.join(10)
        other.run_until_complete(asyncio.sleep(0))
        other.close()
    (task,) = [node for loop in snapshot.loops if loop.loop is other for node in loop.tasks]
    waits = nodes_by_name(snapshot)["waits"]
    assert waits.waiting.tasks == [task.task]
    assert waits.children == []
    words = f"task {task.number} ({task.name}): in the loop of thread other"
    assert f"(waits): waiting for {words}, at " in text


@IN_TURN
def test_chains_of_futures_take_linear_time(monkeypatch):
    # So many are looked through for each task: below that, the time grows faster.
    monkeypatch.setattr("stackscope.glue.asyncio.futures.MOST_WRAPPERS", 10)

    async def leaf():
        await asyncio.Event().wait()

    async def awaits(future):
        await future

    def seconds(number):
        async def main():
            future = asyncio.ensure_future(leaf())
            for _ in range(number):
                asyncio.ensure_future(awaits(future))
                future = asyncio.shield(future)
            last = asyncio.ensure_future(awaits(future))
            await asyncio.sleep(0.01)
            extract_all(threads=False)
            begin = time.process_time()
            snapshot = extract_all(threads=False)
            end = time.process_time()
            (node,) = [node for node in snapshot.tasks() if node.task is last]
            assert len(node.waiting.tasks) == 1
            return [end - begin]

        return min(look(main)[0] for _ in range(3))

    assert seconds(320) < 7 * seconds(80)
