"""Circles of tasks, threads and greenlets, and what only looks like one."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import sys
import threading
import time

import pytest

from stackscope.api import extract_all
from stackscope.snapshot.liveness import Liveness
from stackscope.snapshot.needs import All, Either
from tests.helpers.rows import IN_TURN
from tests.snapshot.programs import forever, look_at, nodes_by_name, start

tells_locks = pytest.mark.skipif(
    sys.implementation.name == "pypy" or not getattr(sys, "_is_gil_enabled", lambda: True)(),
    reason="there is no telling what a thread waits for",
)


def names(snapshot):
    """The names of those in each circle."""
    return [sorted(node.name for node in circle) for circle in snapshot.cycles]


async def enters(lock):
    async with lock:
        pass


@contextlib.asynccontextmanager
async def locked(lock):
    async with lock:
        yield


async def twice(lock):
    async with lock:
        async with lock:  # noqa: SIM117
            pass


async def through_a_helper(lock):
    async with locked(lock):
        await enters(lock)


async def by_acquire(lock):
    async with lock:
        await lock.acquire()


async def for_a_child(lock):
    async with lock:
        await asyncio.wait_for(asyncio.ensure_future(enters(lock)), 100)


@pytest.mark.parametrize(
    "make",
    [asyncio.Lock, asyncio.Condition, lambda: asyncio.Semaphore(1)],
    ids=["Lock", "Condition", "Semaphore"],
)
@pytest.mark.parametrize("hold", [twice, through_a_helper, by_acquire])
def test_who_has_a_lock_and_waits_for_it_again(make, hold):
    async def main():
        return [await start(hold(make()), "itself")]

    snapshot, text = look_at(main)
    node = nodes_by_name(snapshot)["itself"]
    assert snapshot.cycles == [[node]]
    assert node.waiting.holders == [node.task]
    title = f"task {node.number} (itself)"
    assert f"waiting for itself: {title} > {title}\n" in text


def test_who_waits_for_a_child_that_waits_for_its_lock():
    async def main():
        return [await start(for_a_child(asyncio.Lock()), "parent")]

    snapshot, _ = look_at(main)
    assert [len(circle) for circle in snapshot.cycles] == [2]


def test_a_circle_of_two_out_of_those_that_hang_on_it():
    async def main():
        lock = asyncio.Lock()

        async def waits_for_all():
            async with lock:
                await asyncio.gather(enters(lock), enters(lock), forever())

        tasks = [await start(waits_for_all(), "all"), await start(enters(lock), "outside")]
        await asyncio.sleep(0.01)
        return tasks

    snapshot, _ = look_at(main)
    [circle] = snapshot.cycles
    assert len(circle) == 2
    assert "outside" not in names(snapshot)[0]


def test_no_circle_if_the_first_of_several_is_enough():
    async def main():
        lock, stuck = asyncio.Lock(), asyncio.Lock()

        async def waits_for_any(one):
            async with one:
                others = [asyncio.ensure_future(enters(one)), asyncio.ensure_future(waits(one))]
                await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)

        async def waits(one):
            if one is stuck:
                await enters(one)
            await forever()

        tasks = [await start(waits_for_any(one), "any") for one in (lock, stuck)]
        await asyncio.sleep(0.01)
        return tasks

    snapshot, _ = look_at(main)
    [circle] = snapshot.cycles  # only of the one where all of them are stuck
    assert len(circle) == 3


def test_threads_that_join_each_other():
    threads = []

    def join(number):
        time.sleep(0.1)
        threads[number].join(2)

    threads += [threading.Thread(target=join, args=(1 - n,), name=f"joins-{n}") for n in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    snapshot = extract_all()
    assert all(thread.is_alive() for thread in threads)
    assert [["joins-0", "joins-1"]] == names(snapshot) or sys.implementation.name == "pypy"
    for thread in threads:
        thread.join()


def in_a_process(program):
    """What a program prints that hangs and looks at itself from another thread."""
    import subprocess
    import textwrap

    text = f"""
import asyncio, os, sys, threading, time
import stackscope

def look():
    time.sleep(0.4)
    snapshot = stackscope.extract_all()
    for circle in snapshot.cycles:
        print(sorted(type(node).__name__[0] + " " + node.name for node in circle))
    print("end")
    sys.stdout.flush()
    os._exit(0)

threading.Thread(target=look, name="looks").start()
{textwrap.dedent(program)}
"""
    done = subprocess.run(
        [sys.executable, "-c", text], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines()[-1:] == ["end"], done.stderr
    return done.stdout.splitlines()[:-1]


@tells_locks
def test_a_thread_that_waits_for_its_own_lock_and_two_that_wait_for_each_other():
    found = in_a_process(
        """
        locks = [threading.Lock() for _ in range(3)]

        def take(first, second):
            with locks[first]:
                time.sleep(0.1)
                with locks[second]:
                    pass

        for name, *args in (("one", 0, 1), ("other", 1, 0), ("itself", 2, 2)):
            threading.Thread(target=take, args=args, name=name).start()
        """
    )
    assert found == ["['T one', 'T other']", "['T itself']"]


@tells_locks
def test_a_thread_waits_for_a_task_that_waits_for_the_thread():
    found = in_a_process(
        """
        lock = threading.Lock()

        def enter():
            threading.current_thread().name = "pool"
            with lock:
                pass

        async def hold():
            with lock:
                await asyncio.get_running_loop().run_in_executor(None, enter)

        async def main():
            task = asyncio.ensure_future(hold())
            task.set_name("holds")
            await task

        asyncio.run(main())
        """
    )
    assert found == ["['T holds', 'T pool']"]


@tells_locks
def test_the_thread_of_a_loop_has_a_lock_around_it():
    found = in_a_process(
        """
        lock = threading.Lock()

        def enter():
            threading.current_thread().name = "pool"
            with lock:
                pass

        async def main():
            asyncio.current_task().set_name("main")
            await asyncio.get_running_loop().run_in_executor(None, enter)

        with lock:
            asyncio.run(main())
        """
    )
    assert found == ["['T MainThread', 'T main', 'T pool']"]


@tells_locks
def test_a_task_that_blocks_its_loop_and_one_that_could_help_it():
    found = in_a_process(
        """
        first, second = threading.Lock(), threading.Lock()

        def take():
            with first:
                with second:
                    pass

        async def hold():
            asyncio.current_task().set_name("holds")
            with second:
                await asyncio.sleep(50)

        async def main():
            asyncio.current_task().set_name("blocks")
            task = asyncio.ensure_future(hold())
            await asyncio.sleep(0.01)
            threading.Thread(target=take, name="takes").start()
            time.sleep(0.1)
            with first:
                pass

        asyncio.run(main())
        """
    )
    assert found == ["['T blocks', 'T holds', 'T takes']"]


@tells_locks
def test_a_pool_whose_workers_all_wait_for_its_queue():
    found = in_a_process(
        """
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(2, "pool")

        def outer():
            time.sleep(0.1)
            pool.submit(int).result()

        pool.submit(outer)
        pool.submit(outer)
        time.sleep(50)
        """
    )
    assert found == ["['T pool_0', 'T pool_1']"]


@tells_locks
def test_a_pool_and_the_loop_that_its_worker_needs():
    found = in_a_process(
        """
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(1, "pool")

        def call(loop):
            return asyncio.run_coroutine_threadsafe(again(loop), loop).result()

        async def again(loop):
            asyncio.current_task().set_name("again")
            await loop.run_in_executor(pool, int)

        async def main():
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(pool, call, loop)

        asyncio.run(main())
        """
    )
    assert found == ["['T again', 'T pool_0']"]


@tells_locks
def test_loops_that_wait_for_each_other():
    found = in_a_process(
        """
        loops = []

        def run(name):
            loop = asyncio.new_event_loop()
            loops.append(loop)
            loop.run_forever()

        for name in ("a", "b"):
            threading.Thread(target=run, args=(name,), name=name, daemon=True).start()
            time.sleep(0.05)

        async def over_there():
            asyncio.current_task().set_name("over there")
            back = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loops[0])
            await asyncio.wrap_future(back)

        async def blocks():
            asyncio.current_task().set_name("blocks")
            asyncio.run_coroutine_threadsafe(over_there(), loops[1]).result()

        asyncio.run_coroutine_threadsafe(blocks(), loops[0]).result()
        """
    )
    assert found == ["['T blocks', 'T over there']"]


@tells_locks
def test_loops_that_block_each_other():
    found = in_a_process(
        """
        loops, both = {}, threading.Barrier(2)

        async def blocks(name, other):
            asyncio.current_task().set_name(name)
            loops[name] = asyncio.get_running_loop()
            both.wait()
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loops[other]).result()

        for pair in (("first", "second"), ("second", "first")):
            threading.Thread(
                target=lambda *pair: asyncio.run(blocks(*pair)), args=pair, daemon=True
            ).start()
        time.sleep(50)
        """
    )
    assert found == ["['T first', 'T second']"]


@tells_locks
def test_a_loop_that_is_waited_for_in_its_own_thread():
    found = in_a_process(
        """
        async def blocks():
            asyncio.current_task().set_name("blocks")
            loop = asyncio.get_running_loop()
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()

        asyncio.run(blocks())
        """
    )
    assert found == ["['T blocks']"]


def test_a_pool_in_which_one_call_waits_for_another_is_no_circle_if_a_worker_is_free():
    leave = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:

        def outer():
            return pool.submit(leave.wait, 10).result()

        pool.submit(outer)
        time.sleep(0.1)
        snapshot = extract_all()
        leave.set()
    assert snapshot.cycles == []


def test_what_goes_on_for_several_reasons_counts_once():
    """Either of two is enough for the first of two things that somebody needs."""
    one, other, stuck = All([]), All([]), All([])
    first = Either([one, other])
    needs_both = All([first, stuck])
    vertices = [one, other, stuck, first, needs_both]
    liveness = Liveness(vertices, lambda vertex: vertex.members)
    assert len(liveness.begin([one, other])) == 3
    assert liveness.stuck() == [stuck, needs_both]
    if_alive = liveness.copy()
    assert if_alive.begin([stuck]) == [stuck, needs_both]
    assert if_alive.stuck() == []
    assert liveness.stuck() == [stuck, needs_both]
    assert liveness.begin([stuck]) == [stuck, needs_both]


@IN_TURN
def test_the_work_is_linear():
    def seconds(number):
        async def main():
            locks = [asyncio.Lock() for _ in range(number)]

            async def take(n):
                async with locks[n]:
                    await asyncio.sleep(0)
                    async with locks[(n + 1) % number]:
                        pass

            tasks = [asyncio.ensure_future(take(n)) for n in range(number)]
            await asyncio.sleep(0.05)
            begin = time.process_time()
            snapshot = extract_all(threads=False)
            found.append(time.process_time() - begin)
            assert [len(circle) for circle in snapshot.cycles] == [number]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

        found = []
        asyncio.run(main())
        return found[0]

    seconds(100)
    few = min(seconds(150) for _ in range(2))
    assert min(seconds(600) for _ in range(2)) < 10 * few
