"""Whatever may wake a task: each of these is the only one who has what the task waits for.

They are programs of asyncio, looked at once by the loop's own thread and once by another one.
Each of the wakers would come later; none of them has to.
"""

from __future__ import annotations

import asyncio
import atexit
import builtins
import concurrent.futures
import contextvars
import ctypes
import datetime as dt
import functools
import gc
import os
import signal
import socket
import sqlite3
import sys
import threading
import time
import weakref
import xml.parsers.expat

from tests.diagnosis.cases import CPYTHON, healthy
from tests.diagnosis.starting import start, start_thread

KEPT = []
KEEPERS = {}
"""The functions that keep an event, by their names; some of them need a loop."""

FAR = 1000
"""Seconds until something happens that the test doesn't wait for."""

no_signals = None if hasattr(signal, "SIGUSR1") else "there are no such signals"


async def waits(event):
    await event.wait()


async def looks_at(look, keep):
    """Start a task that waits for an event which only ``keep(event)`` has, and look."""
    event = asyncio.Event()
    start(waits(event), "waits")
    keep(event)
    del event
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    look()
    await look.beside()


def woken_by(keep, *, on="asyncio", skip=None):
    """Make ``keep(event)`` a program of the table."""

    KEEPERS[keep.__name__] = keep, skip

    @functools.wraps(keep, updated=())
    async def program(look):
        await looks_at(look, keep)

    del program.__wrapped__
    return healthy(on=on, skip=skip)(program)


def woken_by_if(skip):
    """The same, if there is no reason to skip it."""
    return functools.partial(woken_by, skip=skip)


# ------------------------------------------------------- the loop's own


@functools.partial(woken_by, on=("asyncio", "uvloop"))
def a_timer(event):
    asyncio.get_running_loop().call_later(FAR, event.set)


@functools.partial(woken_by, on=("asyncio", "uvloop"))
def a_timer_and_a_function(event):
    def sets():
        event.set()

    asyncio.get_running_loop().call_later(FAR, sets)


@functools.partial(woken_by, on=("asyncio", "uvloop"))
def a_timer_in_a_context(event):
    """Only a context variable in the timer's context has the event."""

    def sets():
        variable.get().set()

    variable = contextvars.ContextVar("variable")
    context = contextvars.copy_context()
    context.run(variable.set, event)
    context.run(asyncio.get_running_loop().call_later, FAR, sets)


@functools.partial(woken_by, on=("asyncio", "uvloop"))
def a_descriptor_that_is_read(event):
    reading, writing = socket.socketpair()
    KEPT.append(writing)
    reading.setblocking(False)
    asyncio.get_running_loop().add_reader(reading, event.set)


@functools.partial(woken_by, on=("asyncio", "uvloop"), skip=no_signals)
def a_signal_of_the_loop(event):
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, event.set)


@woken_by_if(no_signals)
def a_signal(event):
    signal.signal(signal.SIGUSR1, lambda *_: event.set())


@functools.partial(woken_by, on=("asyncio", "uvloop"))
def a_task_that_sleeps(event):
    async def sets():
        await asyncio.sleep(FAR)
        event.set()

    start(sets(), "sets")


@functools.partial(woken_by, on=("asyncio", "uvloop"))
def a_callback_of_a_task_that_sleeps(event):
    start(asyncio.sleep(FAR), "sleeps").add_done_callback(lambda _: event.set())


@functools.partial(woken_by, on=("asyncio", "uvloop"))
def a_task_that_sleeps_and_is_held_by_nobody_else(event):
    async def sets():
        await asyncio.sleep(FAR)
        event.set()

    asyncio.ensure_future(sets())


@woken_by
def a_chain_of_tasks(event):
    """The last of ten tasks that wait for each other has a timer."""

    async def passes_on(mine, following):
        await mine.wait()
        following.set()

    for number in range(10):
        earlier = asyncio.Event()
        start(passes_on(earlier, event), f"passes-{number}")
        event = earlier
    asyncio.get_running_loop().call_later(FAR, event.set)


# ------------------------------------------------------------- threads


@woken_by
def a_thread(event):
    def sets(loop):
        time.sleep(FAR)
        loop.call_soon_threadsafe(event.set)

    start_thread(sets, asyncio.get_running_loop(), name="sets")


@woken_by
def arguments_of_a_thread(event):
    start_thread(lambda loop, event: time.sleep(FAR), asyncio.get_running_loop(), event, name="has")


@woken_by
def a_variable_of_a_thread(event):
    """The function has no other reference to it than one in a variable of its frame."""

    def sets(boxes):
        mine = boxes.pop()
        popped.set()
        time.sleep(FAR)
        return mine

    popped = threading.Event()
    boxes = [event]
    start_thread(sets, boxes, name="sets")
    popped.wait()


@woken_by
def a_thread_local_variable(event):
    def keeps(boxes):
        local.event = boxes.pop()
        popped.set()
        time.sleep(FAR)

    local, popped = threading.local(), threading.Event()
    start_thread(keeps, [event], name="keeps")
    popped.wait()


@woken_by
def a_thread_that_waits_for_a_signal(event):
    def sets(loop):
        getattr(signal, "sigtimedwait", signal.sigwait)({signal.SIGUSR2}, FAR)
        loop.call_soon_threadsafe(event.set)

    if hasattr(signal, "sigtimedwait"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
        start_thread(sets, asyncio.get_running_loop(), name="sets")
    else:
        KEPT.append(event)


@woken_by
def a_thread_that_reads(event):
    def sets(loop):
        os.read(reading, 1)
        loop.call_soon_threadsafe(event.set)

    reading, _ = os.pipe()
    start_thread(sets, asyncio.get_running_loop(), name="sets")


@woken_by
def a_timer_thread(event):
    timer = threading.Timer(FAR, event.set)
    timer.daemon = True
    timer.start()


@woken_by
def a_function_that_a_busy_executor_will_call(event):
    pool = concurrent.futures.ThreadPoolExecutor(1, "pool")
    pool.submit(time.sleep, FAR)
    pool.submit(functools.partial(event.set))


@woken_by
def a_callback_of_a_call_in_an_executor(event):
    pool = concurrent.futures.ThreadPoolExecutor(1, "pool")
    pool.submit(time.sleep, FAR).add_done_callback(lambda _: event.set())


# ------------------------------------------------ what the program holds


@woken_by
def a_global(event):
    KEPT.append(event)


@woken_by
def a_global_of_a_main_program(event):
    """As a debugger or the interactive interpreter would have it."""
    sys.modules["__main__"].found = event


@woken_by
def the_last_value_of_the_interactive_interpreter(event):
    builtins._ = event


@woken_by
def a_module_without_a_file(event):
    sys.modules["made_up"] = module = type(sys)("made_up")
    module.event = event


@woken_by
def an_attribute_of_a_class(event):
    class Holder:
        held = event

    KEPT.append(Holder())


@woken_by
def an_object_with_slots(event):
    class Holder:
        __slots__ = ("held",)

    holder = Holder()
    holder.held = event
    KEPT.append(holder)


@woken_by
def an_attribute_of_a_function(event):
    waits.event = event


@woken_by
def a_default_of_a_function(event):
    def sets(event=event):
        event.set()

    KEPT.append(sets)


@woken_by
def a_closure(event):
    KEPT.append(lambda: event.set())


@woken_by
def a_bound_method(event):
    KEPT.append(event.set)


@woken_by
def a_built_in_method(event):
    KEPT.append([event].append)


@woken_by
def a_partial(event):
    KEPT.append(functools.partial(map, asyncio.Event.set, [event]))


@woken_by
def a_generator(event):
    def sets():
        yield
        event.set()

    generator = sets()
    next(generator)
    KEPT.append(generator)


@woken_by
def a_generator_that_has_not_begun(event):
    def sets(event):
        yield
        event.set()

    KEPT.append(sets(event))


@woken_by
def an_asynchronous_generator(event):
    async def sets(event):
        yield
        event.set()

    KEPT.append(sets(event))


@woken_by
def a_coroutine_that_is_not_a_task(event):
    async def sets():
        event.set()

    KEPT.append(sets())


@woken_by
def a_half_used_iterator(event):
    KEPT.append(iter([1, event]))
    next(KEPT[-1])


@woken_by
def a_cached_result(event):
    @functools.lru_cache(None)
    def cached(number):
        return event

    cached(1)
    KEPT.append(cached)


@woken_by
def a_cell_of_a_garbage_cycle_with_a_finalizer(event):
    """The collector will call it."""

    class Sets:
        def __init__(self):
            self.itself = self

        def __del__(self):
            event.set()

    gc.disable()
    Sets()


@woken_by_if(None if CPYTHON else "there is no telling what the collector will find")
def a_garbage_cycle_with_a_generator(event):
    """The collector closes it, and that runs its ``finally``."""

    def sets(mine):
        try:
            yield
        finally:
            event.set()

    gc.disable()
    mine = []
    generator = sets(mine)
    next(generator)
    mine.append(generator)


@woken_by
def an_object_with_a_finalizer(event):
    class Sets:
        def __del__(self):
            event.set()

    KEPT.append(Sets())


# ------------------------------------------------------ weak references


@woken_by
def a_weak_set(event):
    KEPT.append(weakref.WeakSet([event]))


@woken_by
def a_weak_dictionary(event):
    KEPT.append(weakref.WeakValueDictionary(event=event))


@woken_by
def a_weak_reference(event):
    KEPT.append(weakref.ref(event))


@woken_by
def a_weak_method(event):
    KEPT.append(weakref.WeakMethod(event.set))


@woken_by
def a_callback_of_a_weak_reference(event):
    class Something:
        pass

    KEPT.append(Something())
    KEPT.append(weakref.ref(KEPT[-1], lambda _: event.set()))


@woken_by
def a_finalizer_of_something_else(event):
    class Something:
        pass

    KEPT.append(Something())
    weakref.finalize(KEPT[-1], event.set)


@woken_by
def a_proxy(event):
    KEPT.append(weakref.proxy(event))


# ----------------------------------------------------- what is held in C


@woken_by
def a_function_called_at_exit(event):
    atexit.register(event.set)


@woken_by
def a_function_of_a_database(event):
    connection = sqlite3.connect(":memory:")
    connection.create_function("sets", 0, event.set)
    KEPT.append(connection)


@woken_by
def a_handler_of_a_parser(event):
    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler = lambda *_: event.set()
    KEPT.append(parser)


@woken_by
def a_function_for_c(event):
    KEPT.append(ctypes.CFUNCTYPE(None)(event.set))


@woken_by
def a_reference_that_only_c_has(event):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(event))


@woken_by
def a_time_zone(event):
    """`datetime` has a reference to it that the collector doesn't see."""

    class Zone(dt.tzinfo):
        pass

    zone = Zone()
    zone.event = event
    KEPT.append(dt.datetime(2000, 1, 1, tzinfo=zone))


@woken_by
def a_hook_of_the_interpreter(event):
    def hook(name, arguments):
        if name == "made up":
            event.set()

    sys.addaudithook(hook)


@woken_by
def a_function_that_profiles(event):
    def profile(frame, what, argument):
        if what == "made up":
            event.set()

    threading.setprofile(profile)


@woken_by_if(None if hasattr(gc, "freeze") else "nothing can be frozen")
def something_frozen(event):
    """What is frozen isn't among the objects of the collector, but refers to others."""
    KEPT.append([event])
    gc.freeze()


@woken_by_if(None if hasattr(gc, "freeze") else "nothing can be frozen")
def something_frozen_that_only_c_has(event):
    box = [event]
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(box))
    del box
    gc.freeze()
