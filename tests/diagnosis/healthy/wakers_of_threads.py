"""Whatever may wake a thread: each of these is the only one who has what the thread waits for.

Most of them are those of `tests.diagnosis.healthy.wakers`, which need no loop.
"""

from __future__ import annotations

import asyncio
import collections
import functools
import itertools
import queue
import socket
import threading
import time

from tests.diagnosis.cases import healthy
from tests.diagnosis.healthy.wakers import FAR, KEEPERS, KEPT
from tests.diagnosis.starting import start_thread

NEED_A_LOOP = (
    "a_callback_of_a_task_that_sleeps",
    "a_chain_of_tasks",
    "a_coroutine_that_is_not_a_task",
    "a_descriptor_that_is_read",
    "a_partial",
    "a_signal_of_the_loop",
    "a_task_that_sleeps",
    "a_task_that_sleeps_and_is_held_by_nobody_else",
    "a_thread",
    "a_thread_that_reads",
    "a_thread_that_waits_for_a_signal",
    "a_timer",
    "a_timer_and_a_function",
    "a_timer_in_a_context",
    "arguments_of_a_thread",
)


def waits(event):
    event.wait()


def woken_by(keep, skip=None):
    """Make ``keep(event)`` a program of the table: who waits for the event is a thread."""

    def program(look):
        event = threading.Event()
        start_thread(waits, event, name="waits")
        keep(event)
        del event
        time.sleep(0.02)
        look()

    program.__name__ = keep.__name__
    program.__module__ = __name__
    return healthy(on="threads", skip=skip)(program)


for name, (keep, skip) in KEEPERS.items():
    if name not in NEED_A_LOOP:
        woken_by(keep, skip)


def started(function, *args):
    """Start a thread that has got so far that it says so."""
    is_there = threading.Event()
    start_thread(function, is_there, *args, name="has")
    is_there.wait()


@woken_by
def a_thread_in_a_call_into_c(event):
    """What ``sorted()`` has been given is in variables of C."""

    def sleeps(event):
        is_there.set()
        time.sleep(FAR)
        return event

    is_there = threading.Event()
    start_thread(functools.partial(sorted, key=sleeps), [event], name="sorts")
    is_there.wait()


@woken_by
def an_iterator_that_a_thread_goes_through(event):
    def goes_through(is_there, boxes):
        for number, one in enumerate(iter(boxes.pop())):
            is_there.set()
            time.sleep(FAR)
            one[number].set()

    started(goes_through, [[[event]]])


@woken_by
def a_suspended_generator_of_a_thread(event):
    def suspended(event):
        yield
        event.set()

    def has(is_there, boxes):
        generator = boxes.pop()
        next(generator)
        is_there.set()
        time.sleep(FAR)
        next(generator)

    started(has, [suspended(event)])


@woken_by
def a_thread_that_waits_for_another(event):
    """It waits for what somebody has, and will go on."""

    def passes_on(mine, following):
        mine.wait()
        following.set()

    for number in range(5):
        earlier = threading.Event()
        start_thread(passes_on, earlier, event, name=f"passes-{number}")
        event = earlier
    timer = threading.Timer(FAR, event.set)
    timer.daemon = True
    timer.start()


@woken_by
def an_attribute_of_a_thread(event):
    """Who has a thread that waits itself has what is stored in it."""

    class Worker(threading.Thread):
        def run(self):
            threading.Event().wait(FAR)

    worker = Worker(daemon=True)
    worker.event = event
    worker.start()


@woken_by
def a_view_of_a_dictionary(event):
    KEPT.append({"event": event}.values())


@woken_by
def a_chain_of_iterators(event):
    KEPT.append(itertools.chain(itertools.islice(itertools.repeat(event), 3), [1]))


@woken_by
def a_deque_and_an_item_getter(event):
    KEPT.append(functools.partial(map, collections.deque([event]).popleft))


@woken_by
def a_thread_that_is_not_known_to_threading(event):
    import _thread

    _thread.start_new_thread(lambda event: time.sleep(FAR), (event,))


@woken_by
def a_context_manager_that_a_thread_is_in(event):
    class Sets:
        def __enter__(self):
            return None

        def __exit__(self, *exc):
            event.set()

    def is_in(is_there, boxes):
        with boxes.pop():
            is_there.set()
            time.sleep(FAR)

    started(is_in, [Sets()])


@woken_by
def a_context_manager_that_a_thread_enters(event):
    class Sets:
        def __enter__(self):
            is_there.set()
            time.sleep(FAR)

        def __exit__(self, *exc):
            event.set()

    def enters(_, boxes):
        with boxes.pop():
            pass

    is_there = threading.Event()
    start_thread(enters, None, [Sets()], name="enters")
    is_there.wait()


@healthy(on="threads")
def workers_at_rest(look):
    """Each waits in a queue of its own, which somebody may put something into."""

    class Worker(threading.Thread):
        def __init__(self):
            super().__init__(daemon=True)
            self.inbox = queue.Queue()

        def run(self):
            while self.inbox.get() is not None:
                pass

    workers = [Worker() for _ in range(3)]
    for worker in workers:
        worker.start()
        worker.inbox.put("work")
    KEPT.append(workers[0])
    KEPT.append(workers[1].inbox.put)
    time.sleep(0.02)
    look()


@healthy(on="threads")
def a_semaphore_that_a_sleeper_releases(look):
    def holds(semaphore):
        semaphore.acquire()
        time.sleep(FAR)
        semaphore.release()

    def wants(semaphore):
        with semaphore:
            pass

    semaphore = threading.Semaphore(1)
    start_thread(holds, semaphore, name="holds")
    time.sleep(0.02)
    start_thread(wants, semaphore, name="wants")
    del semaphore
    time.sleep(0.02)
    look()


@healthy(on="threads")
def a_lock_that_another_thread_releases(look):
    """Anybody may release a lock of `threading`; here it is a timer."""
    lock = threading.Lock()
    lock.acquire()
    timer = threading.Timer(FAR, lock.release)
    timer.daemon = True
    timer.start()
    start_thread(lock.acquire, name="wants")
    del lock
    time.sleep(0.02)
    look()


@healthy(on="beside")
def a_main_thread_that_waits_for_ever(look):
    """Until Ctrl-C."""

    def looks():
        time.sleep(0.05)
        look.and_end()

    start_thread(looks, name="looks")
    threading.Event().wait()


def looked_at_beside(run, main):
    """A program whose main thread runs a loop, which is looked at by another one."""

    def program(look):
        def looks():
            time.sleep(0.05)
            look.and_end()

        start_thread(looks, name="looks")
        run(main)

    program.__name__ = main.__name__
    program.__module__ = __name__
    return healthy(on="beside")(program)


def in_asyncio(main):
    """The decorated function is the main task; nobody has what it waits for but its loop."""
    return looked_at_beside(lambda main: asyncio.run(main()), main)


@in_asyncio
async def a_main_task_that_a_timer_wakes():
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(FAR, event.set)
    await event.wait()


@in_asyncio
async def a_main_task_that_a_descriptor_wakes():
    event = asyncio.Event()
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    asyncio.get_running_loop().add_reader(reading, lambda: event.set() or writing)
    await event.wait()


@in_asyncio
async def a_main_task_that_a_task_wakes():
    async def sets():
        await asyncio.sleep(FAR)
        event.set()

    event = asyncio.Event()
    task = asyncio.ensure_future(sets())
    task.add_done_callback(KEPT.append)
    del task
    await event.wait()
