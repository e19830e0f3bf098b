"""What tasks and futures in C tell while other threads run, without the GIL."""

from __future__ import annotations

import asyncio
import threading

import pytest

from stackscope.interpreter.facts import FREE_THREADED, has_gil

pytestmark = pytest.mark.skipif(
    not FREE_THREADED or has_gil(), reason="with the GIL their getters are safe"
)


def test_the_same_is_read_while_other_threads_run():
    """What the collector tells of them is what their getters tell."""
    from stackscope.glue.asyncio.futures import done_callbacks, internal

    def first(future):
        pass

    def second(future):
        pass

    async def wait(future):
        await future

    async def main():
        loop = asyncio.get_running_loop()
        lonely, future = loop.create_future(), loop.create_future()
        future.add_done_callback(first)
        future.add_done_callback(second)
        task = loop.create_task(wait(future), name="named")
        outer = loop.create_task(wait(task))
        unnamed = loop.create_task(wait(future))
        not_begun = loop.create_task(wait(lonely))
        for _ in range(2):
            await asyncio.sleep(0)
        pieces = [lonely, future, task, outer, unnamed, not_begun, asyncio.current_task()]
        plain = [(piece._callbacks or [], getattr(piece, "_fut_waiter", None)) for piece in pieces]
        found = []

        def look():
            found.extend(
                (done_callbacks(piece), internal(piece, "_fut_waiter")) for piece in pieces
            )

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        for (entries, waiter), (callbacks, found_waiter) in zip(plain, found):
            assert callbacks == [callback for callback, _ in entries]
            assert found_waiter is waiter
        future.set_result(None)
        lonely.set_result(None)
        await asyncio.gather(outer, unnamed, not_begun)
        return len(found)

    assert asyncio.run(main()) == 7


def test_a_loop_that_another_thread_runs():
    """No crash while its tasks and futures come and go."""
    import stackscope

    over = threading.Event()

    async def work():
        while not over.is_set():
            await asyncio.gather(*(asyncio.to_thread(int) for _ in range(3)))

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    try:
        for _ in range(15):
            stackscope.extract_all()
    finally:
        over.set()
        thread.join()
