"""Threads that never go on.

What proves that nobody else has something is told by counting references, those of the threads'
frames among them. Up to 3.9 the collector doesn't know locks, so that it is only likely then who
has one that was taken by a bare ``acquire()``.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import importlib
import io
import multiprocessing
import queue
import sys
import threading
import time

from tests.diagnosis.cases import CPYTHON, abandoned, deadlock, planted
from tests.diagnosis.starting import start_thread

tells_locks = None if CPYTHON else "there is no telling what a thread waits for"

tells_tracked = tells_locks or (
    "the collector doesn't know locks" if sys.version_info < (3, 10) else None
)


def enters(met, first, second):
    with first:  # @holds
        met.wait()
        with second:  # @enters
            pass


def start_pair(target, *locks):
    """Two threads that take two locks in opposite order, once both have their first one."""
    met = threading.Barrier(2)
    start_thread(target, met, *locks, name="first")
    start_thread(target, met, *locks[::-1], name="second")


@planted(deadlock("first second", "@enters", "@holds"), on="threads", skip=tells_locks)
def two_locks():
    start_pair(enters, threading.Lock(), threading.Lock())


@planted(deadlock("first second", "@enters", "@holds"), on="threads", skip=tells_locks)
def two_locks_that_know_their_owner():
    start_pair(enters, threading.RLock(), threading.RLock())


@planted(deadlock("first second", "@enters", "@holds"), on="threads")
def two_locks_of_multiprocessing():
    start_pair(enters, multiprocessing.Lock(), multiprocessing.Lock())


@planted(deadlock("first second", "@acquires", certain=None), on="threads", skip=tells_locks)
def two_locks_by_acquire():
    def acquires(met, first, second):
        first.acquire()
        met.wait()
        second.acquire()  # @acquires
        second.release()
        first.release()

    start_pair(acquires, threading.Lock(), threading.Lock())


@planted(deadlock("first second", "@gets_it", certain=False), on="threads", skip=tells_locks)
def two_locks_by_a_function():
    """Which function has called ``acquire()`` can't be told; which ones will release them can."""

    def get(lock):
        lock.acquire()  # @gets_it

    def gets(met, first, second):
        get(first)
        met.wait()
        get(second)
        second.release()
        first.release()

    LOCKS.extend([threading.Lock(), threading.Lock()])
    start_pair(gets, *LOCKS)


@planted(deadlock("importer other", "hanging_import/joining.py:14"), on="threads", skip=tells_locks)
def a_module_that_joins_a_thread_that_imports_it():
    """Whoever imports a module has a lock of it."""
    name = "tests.helpers.hanging_import.joining"
    start_thread(importlib.import_module, name, name="importer")


@planted(deadlock("one two three", "@enters"), on="threads", skip=tells_locks)
def three_locks():
    met = threading.Barrier(3)
    a, b, c = (threading.Lock() for _ in range(3))
    start_thread(enters, met, a, b, name="one")
    start_thread(enters, met, b, c, name="two")
    start_thread(enters, met, c, a, name="three")


@planted(deadlock("itself", "@holds_it", "@wants_it"), on="threads", skip=tells_locks)
def one_lock_twice():
    def twice():
        with lock:  # @holds_it
            with lock:  # @wants_it
                pass

    lock = threading.Lock()
    start_thread(twice, name="itself")


@planted(deadlock("itself", "@semaphore_again"), on="threads", skip=tells_locks)
def one_semaphore_twice():
    def twice():
        with semaphore:
            with semaphore:  # @semaphore_again
                pass

    semaphore = threading.Semaphore(1)
    start_thread(twice, name="itself")


@planted(
    deadlock("first second", "each has one of these", "@holds", "@enters", certain=None),
    on="threads",
    skip=tells_locks,
)
def one_semaphore_for_two_that_need_it_twice():
    semaphore = threading.BoundedSemaphore(2)
    start_pair(enters, semaphore, semaphore)


@planted(deadlock("first second", "@joins"), on="threads", skip=tells_locks)
def threads_that_join_each_other():
    def joins(other):
        known.wait()
        threads[other].join()  # @joins

    known = threading.Event()
    threads = {}
    threads["first"] = start_thread(joins, "second", name="first")
    threads["second"] = start_thread(joins, "first", name="second")
    known.set()


@planted(deadlock("parent child", "@parent_joins", "@child_wants"), on="threads", skip=tells_locks)
def joins_a_child_that_wants_the_lock():
    def wants():
        with lock:  # @child_wants
            pass

    def parent():
        with lock:
            start_thread(wants, name="child").join()  # @parent_joins

    lock = threading.Lock()
    start_thread(parent, name="parent")


LOCKS = []
POOLS = []


@planted(deadlock("pool_0", "@waits_for_inner"), on="threads")
def a_pool_that_waits_for_itself():
    """The only worker waits for what is queued behind it."""

    def outer():
        return pool.submit(int).result()  # @waits_for_inner

    pool = concurrent.futures.ThreadPoolExecutor(1, "pool")
    POOLS.append(pool)
    pool.submit(outer)


@planted(deadlock("pool_0 pool_1", "@both_wait", "use another pool"), on="threads")
def a_pool_of_two_that_waits_for_itself():
    """For any of several calls, none of which can begin."""

    def outer():
        met.wait()
        calls = [pool.submit(int) for _ in range(30)]
        return next(concurrent.futures.as_completed(calls))  # @both_wait

    met = threading.Barrier(2)
    pool = concurrent.futures.ThreadPoolExecutor(2, "pool")
    POOLS.append(pool)
    pool.submit(outer)
    pool.submit(outer)


@planted(abandoned("waits", "@waits_for_future"), on="threads")
def a_future_nobody_has():
    def waits():
        concurrent.futures.Future().result()  # @waits_for_future

    start_thread(waits, name="waits")


@planted(abandoned("waits", "@waits_for_event"), on="threads")
def an_event_nobody_has():
    def waits():
        threading.Event().wait()  # @waits_for_event

    start_thread(waits, name="waits")


@planted(abandoned("waits", "@waits_for_condition"), on="threads")
def a_condition_nobody_notifies():
    def waits():
        condition = threading.Condition()
        with condition:
            condition.wait()  # @waits_for_condition

    start_thread(waits, name="waits")


@planted(abandoned("consumer", "@gets"), on="threads")
def a_queue_nobody_has():
    def consume():
        queue.Queue().get()  # @gets

    start_thread(consume, name="consumer")


@planted(abandoned("producer", "@puts"), on="threads")
def a_full_queue_whose_consumer_has_returned():
    def produce(items):
        while True:
            items.put("item")  # @puts

    items = queue.Queue(1)
    start_thread(items.get, name="consumer")
    start_thread(produce, items, name="producer")


@planted(abandoned("first second", "@waits_for_barrier"), on="threads")
def a_barrier_that_nobody_else_reaches():
    """Who waits at it can't be the one that others wait for."""

    def waits(barrier):
        barrier.wait()  # @waits_for_barrier

    barrier = threading.Barrier(3)
    start_thread(waits, barrier, name="first")
    start_thread(waits, barrier, name="second")


@planted(deadlock("first second", "@waits_for_other"), on="threads", searched=True)
def events_of_each_others():
    def waits_and_sets(mine, others):
        mine.wait()  # @waits_for_other
        others.set()

    a, b = threading.Event(), threading.Event()
    start_thread(waits_and_sets, a, b, name="first")
    start_thread(waits_and_sets, b, a, name="second")


@planted(deadlock("first second", "@enters"), on="threads", skip=tells_locks, behind=2)
def some_wait_behind():
    def wants(lock):
        with lock:
            pass

    def joins(thread):
        thread.join()

    a, b = threading.Lock(), threading.Lock()
    start_pair(enters, a, b)
    time.sleep(0.1)
    thread = start_thread(wants, a, name="wants")
    start_thread(joins, thread, name="joins")


@planted(abandoned("waits", "@wants_lock_of_ended"), on="threads", skip=tells_locks)
def a_lock_whose_holder_has_ended():
    """Only the thread that has such a lock can release it, and that one is gone.

    One that begins later may get the same number, and so the lock.
    """

    def waits():
        is_taken.wait()
        with lock:  # @wants_lock_of_ended
            pass

    lock, is_taken = threading.RLock(), threading.Event()
    start_thread(waits, name="waits")
    start_thread(lock.acquire, name="takes").join()
    is_taken.set()


@planted(abandoned("waits", "@wants_lost_lock"), on="threads", skip=tells_tracked)
def a_lock_that_nobody_has_any_more():
    def waits(lock):
        with lock:  # @wants_lost_lock
            pass

    lock = threading.Lock()
    lock.acquire()
    start_thread(waits, lock, name="waits")


@planted(abandoned("waits", "@acquires_lost_lock"), on="threads", skip=tells_tracked)
def a_lock_that_is_acquired_twice():
    def waits():
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()  # @acquires_lost_lock

    start_thread(waits, name="waits")


@planted(abandoned("joins", "@joins_queue"), on="threads")
def a_queue_that_is_joined_without_task_done():
    def joins():
        items = queue.Queue()
        items.put("item")
        items.get()
        items.join()  # @joins_queue

    start_thread(joins, name="joins")


@planted(abandoned("consumer", "@gets_simply"), on="threads", skip=tells_locks)
def a_simple_queue_nobody_has():
    def consume():
        queue.SimpleQueue().get()  # @gets_simply

    start_thread(consume, name="consumer")


@planted(abandoned("waits", "@waits_for_all"), on="threads")
def futures_nobody_has():
    def waits():
        concurrent.futures.wait([concurrent.futures.Future()])  # @waits_for_all

    start_thread(waits, name="waits")


@planted(abandoned("waits", "@waits_for_next"), on="threads")
def completions_nobody_has():
    def waits():
        for _ in concurrent.futures.as_completed([concurrent.futures.Future()]):  # @waits_for_next
            pass

    start_thread(waits, name="waits")


@planted(abandoned("waits", "@through_a_wrapper"), on="threads")
def an_event_through_a_wrapper():
    """What is passed on with ``*args`` and ``**kwargs`` is in tuples and dictionaries of frames."""

    def wrapped(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    @wrapped
    @wrapped
    def waits(event, *, other):
        with other:
            event.wait()  # @through_a_wrapper

    start_thread(lambda: waits(threading.Event(), other=threading.Condition()), name="waits")


@planted(abandoned("waits", "@waits_in_manager"), on="threads")
def an_event_that_a_context_manager_waits_for():
    class Waits:
        def __init__(self):
            self.event = threading.Event()

        def __enter__(self):
            self.event.wait()  # @waits_in_manager

        def __exit__(self, *exc):
            pass

    def waits():
        with Waits():
            pass

    start_thread(waits, name="waits")


@planted(deadlock("first second", "@wants_other"), on="threads", skip=tells_locks)
def two_semaphores():
    def wants(met, mine, other):
        with mine:
            met.wait()
            with other:  # @wants_other
                pass

    start_pair(wants, threading.Semaphore(1), threading.Semaphore(1))


@planted(abandoned("consumer", "@gets_results"), on="threads")
def a_queue_whose_producer_has_failed():
    """Its exception is printed, and gone with what its frames had."""

    def produce(items):
        items.put(1 // 0)

    def consume(items):
        items.get()  # @gets_results

    items = queue.Queue()
    with contextlib.redirect_stderr(io.StringIO()):
        start_thread(produce, items, name="producer").join()
    start_thread(consume, items, name="consumer")


KEPT = []


@planted(abandoned("waits", "@waits_for_failed", certain=False), on="threads")
def an_event_in_a_frame_of_an_exception_that_is_kept():
    """Somebody could take it out of the traceback, which hardly anybody does."""

    def waits(event):
        event.wait()  # @waits_for_failed

    def fails(event):
        raise ValueError

    def starts():
        event = threading.Event()
        start_thread(waits, event, name="waits")
        fails(event)

    try:
        starts()
    except ValueError as error:
        KEPT.append(error)
