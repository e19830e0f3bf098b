"""Programs of threads that go on by themselves, and pools at rest."""

from __future__ import annotations

import concurrent.futures
import logging
import logging.handlers
import multiprocessing
import os
import queue
import signal
import socket
import sys
import threading
import time

from tests.diagnosis.cases import healthy
from tests.diagnosis.starting import start_thread

KEPT = []
FAR = 1000
has_fork = None if sys.platform == "linux" else "processes are started anew, which takes long"


@healthy(on="threads")
def pools_at_rest(look):
    for workers in (1, 3):
        pool = concurrent.futures.ThreadPoolExecutor(workers, "pool")
        list(pool.map(str, range(20)))
        KEPT.append(pool)
    look()


@healthy(on="threads")
def a_pool_that_nobody_has_at_rest(look):
    """Its workers end by themselves when the pool is gone; this one is kept by a thread."""

    def has(pool):
        time.sleep(FAR)

    pool = concurrent.futures.ThreadPoolExecutor(2, "pool")
    list(pool.map(str, range(20)))
    start_thread(has, pool, name="has")
    del pool
    look()


@healthy(on="threads")
def a_busy_pool(look):
    """More calls than workers, and some that wait for others of another pool."""
    pool = concurrent.futures.ThreadPoolExecutor(2, "pool")
    other = concurrent.futures.ThreadPoolExecutor(1, "other")
    futures = [pool.submit(lambda: other.submit(time.sleep, 0.01).result()) for _ in range(10)]
    while not all(future.done() for future in futures):
        look()
    for future in futures:
        future.result()


@healthy(on="threads", skip=has_fork)
def processes(look):
    """A pool of processes at rest and at work, and a process that is joined."""
    context = multiprocessing.get_context("fork")
    pool = concurrent.futures.ProcessPoolExecutor(1, mp_context=context)
    pool.submit(int).result()
    look()
    working = pool.submit(time.sleep, 0.2)
    process = context.Process(target=time.sleep, args=(0.2,))
    process.start()
    joins = start_thread(process.join, name="joins")
    look()
    joins.join()
    working.result()


@healthy(on="threads")
def timers_and_sleepers(look):
    def sleeps():
        time.sleep(FAR)

    for number in range(5):
        start_thread(sleeps, name=f"sleeps-{number}")
        timer = threading.Timer(FAR, print)
        timer.daemon = True
        timer.start()
    time.sleep(0.01)
    look()


@healthy(on="threads")
def waits_with_time_limits(look):
    start_thread(threading.Event().wait, FAR, name="waits")
    start_thread(queue.Queue().get, True, FAR, name="gets")
    lock = threading.Lock()
    lock.acquire()
    start_thread(lock.acquire, True, FAR, name="acquires")
    time.sleep(0.02)
    look()


@healthy(on="threads")
def events_that_somebody_has(look):
    def sets(event):
        time.sleep(FAR)
        event.set()

    def keeps(event):
        local.event = event
        time.sleep(FAR)

    local = threading.local()
    events = [threading.Event() for _ in range(4)]
    for number, event in enumerate(events):
        start_thread(event.wait, name=f"waits-{number}")
    start_thread(sets, events.pop(), name="sets")
    start_thread(keeps, events.pop(), name="keeps")
    KEPT.append(events.pop().set)
    time.sleep(0.02)
    look()
    events.pop().set()  # only the variable of this frame has it


@healthy(on="threads")
def who_waits_for_a_lock_of_a_sleeper(look):
    def holds():
        with lock:
            time.sleep(FAR)

    def wants():
        with lock:
            pass

    lock = threading.Lock()
    start_thread(holds, name="holds")
    time.sleep(0.02)
    for number in range(3):
        start_thread(start_thread(wants, name=f"wants-{number}").join, name=f"joins-{number}")
    time.sleep(0.02)
    look()


@healthy(on="threads")
def a_lock_that_the_looking_thread_has(look):
    def wants():
        with lock:
            pass

    lock = threading.Lock()
    with lock:
        start_thread(wants, name="wants")
        time.sleep(0.02)
        look()


@healthy(on="threads")
def contention_that_moves(look):
    def works():
        for _ in range(30):
            with a:
                with b:
                    time.sleep(0.0005)
                    done.append(1)

    done, a, b = [], threading.Lock(), threading.RLock()
    threads = [start_thread(works, name=f"works-{number}") for number in range(6)]
    while any(thread.is_alive() for thread in threads):
        look()
    look.expect("all have had it", len(done) == 180)


@healthy(on="threads")
def producers_and_consumers(look):
    def produce():
        for item in range(50):
            items.put(item)
        items.put(None)

    def consume():
        while True:
            item = items.get()
            if item is None:
                break
            got.append(item)
            time.sleep(0.0005)

    items, got = queue.Queue(2), []
    threads = [start_thread(produce, name=f"producer-{number}") for number in range(3)]
    threads += [start_thread(consume, name=f"consumer-{number}") for number in range(3)]
    while any(thread.is_alive() for thread in threads):
        look()
    look.expect("all has come", sorted(got) == sorted(list(range(50)) * 3))


@healthy(on="threads")
def a_listener_of_log_records_at_rest(look):
    records = queue.SimpleQueue()
    logging.getLogger("made up").addHandler(logging.handlers.QueueHandler(records))
    listener = logging.handlers.QueueListener(records, logging.NullHandler())
    listener.start()
    KEPT.append(listener)
    del records
    time.sleep(0.02)
    look()


@healthy(on="threads")
def reading_and_waiting_for_the_world(look):
    def reads():
        os.read(reading, 1)

    def accepts():
        listening.accept()

    def waits_for_signal():
        signal.sigwait({signal.SIGTERM})

    reading, writing = os.pipe()
    KEPT.append(writing)
    listening = socket.create_server(("127.0.0.1", 0))
    start_thread(reads, name="reads")
    start_thread(accepts, name="accepts")
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        start_thread(waits_for_signal, name="waits for a signal")
    time.sleep(0.02)
    look()
