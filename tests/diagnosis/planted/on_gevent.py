"""Greenlets of gevent that never go on.

gevent itself raises ``LoopExit`` in the main greenlet if nothing at all can happen any more; here
the main greenlet looks, so that others may be stuck.
"""

from __future__ import annotations

import importlib.util
import threading

from tests.diagnosis.cases import abandoned, deadlock, planted

needs_gevent = None if importlib.util.find_spec("gevent") else "gevent is not installed"

KEPT = []


def spawn(function, *args, name):
    """Start a greenlet with a name."""
    import gevent

    greenlet = gevent.spawn(function, *args)
    greenlet.name = name
    KEPT.append(greenlet)
    return greenlet


def enters(first, second):
    import gevent

    with first:  # @holds
        gevent.sleep(0.001)
        with second:  # @enters
            pass


def settle():
    import gevent

    for _ in range(5):
        gevent.sleep(0.005)


@planted(deadlock("first second", "@enters", "@holds"), on="gevent")
def two_semaphores():
    from gevent.lock import BoundedSemaphore

    a, b = BoundedSemaphore(), BoundedSemaphore()
    spawn(enters, a, b, name="first")
    spawn(enters, b, a, name="second")
    settle()


@planted(deadlock("one two three", "@enters"), on="gevent")
def three_locks():
    from gevent.lock import RLock

    a, b, c = RLock(), RLock(), RLock()
    spawn(enters, a, b, name="one")
    spawn(enters, b, c, name="two")
    spawn(enters, c, a, name="three")
    settle()


@planted(deadlock("itself", "@enters"), on="gevent")
def one_semaphore_twice():
    from gevent.lock import Semaphore

    semaphore = Semaphore()
    spawn(enters, semaphore, semaphore, name="itself")
    settle()


@planted(deadlock("first second", "@joins"), on="gevent")
def greenlets_that_join_each_other():
    def joins(other):
        greenlets[other].join()  # @joins

    greenlets = {}
    greenlets["first"] = spawn(joins, "second", name="first")
    greenlets["second"] = spawn(joins, "first", name="second")
    settle()


@planted(abandoned("waits", "@waits"), on="gevent")
def an_event_nobody_has():
    def waits():
        from gevent.event import Event

        Event().wait()  # @waits

    spawn(waits, name="waits")
    settle()


@planted(deadlock("first second", "@waits_for_other"), on="gevent", searched=True)
def events_of_each_others():
    from gevent.event import Event

    def waits_and_sets(mine, others):
        mine.wait()  # @waits_for_other
        others.set()

    a, b = Event(), Event()
    spawn(waits_and_sets, a, b, name="first")
    spawn(waits_and_sets, b, a, name="second")
    settle()


@planted(abandoned("gets", "@gets"), on="gevent")
def a_queue_nobody_has():
    def gets():
        from gevent.queue import Queue

        Queue().get()  # @gets

    spawn(gets, name="gets")
    settle()


@planted(abandoned("gets_result", "@gets_result"), on="gevent")
def a_result_nobody_has():
    def gets_result():
        from gevent.event import AsyncResult

        AsyncResult().get()  # @gets_result

    spawn(gets_result, name="gets_result")
    settle()


@planted(abandoned("acquires", "@acquires_lost"), on="gevent")
def a_semaphore_nobody_has():
    def acquires(semaphore):
        semaphore.acquire()  # @acquires_lost

    from gevent.lock import Semaphore

    spawn(acquires, Semaphore(0), name="acquires")
    settle()


@planted(deadlock("one two", "@spawns_in_its_pool"), on="gevent")
def a_pool_full_of_its_own_waiters():
    import gevent.pool

    def outer():
        gevent.sleep(0)
        pool.spawn(int).get()  # @spawns_in_its_pool

    pool = gevent.pool.Pool(2)
    for name in ("one", "two"):
        pool.spawn(outer).name = name
    settle()


@planted(
    deadlock("joins wants", "@joins_group", "@wants_lock_of_parent", certain=None), on="gevent"
)
def a_group_whose_child_wants_the_lock():
    import gevent.lock
    import gevent.pool

    def wants():
        with lock:  # @wants_lock_of_parent
            pass

    def joins():
        with lock:
            group.spawn(wants).name = "wants"
            group.join()  # @joins_group

    lock, group = gevent.lock.BoundedSemaphore(1), gevent.pool.Group()
    spawn(joins, name="joins")
    settle()


@planted(deadlock("MainThread holds", "@blocks_the_hub"), on="beside", skip=needs_gevent)
def a_lock_that_blocks_the_hub():
    """It isn't one of gevent's: who has it can't go on, as its thread waits for it."""
    import gevent

    def holds():
        with lock:
            gevent.sleep(0.001)

    def wants():
        with lock:  # @blocks_the_hub
            pass

    lock = threading.Lock()
    spawn(holds, name="holds")
    spawn(wants, name="wants")
    gevent.sleep(1)


@planted(abandoned("waits", "@waits_in_patched_thread"), on="gevent")
def an_event_in_a_thread_that_is_a_greenlet():
    """The ``Thread`` is known to all, and knows what its function has been given."""
    from gevent import monkey

    def waits(event):
        event.wait()  # @waits_in_patched_thread

    monkey.patch_thread()
    threading.Thread(target=waits, args=(threading.Event(),), name="waits").start()
    settle()
