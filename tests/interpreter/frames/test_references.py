"""The references that waiting frames have are told, each of them, and no others.

Each program has one object that nobody has but the frames of a thread, and what the collector knows
of. So the references that are told and those that the collector tells have to be all that there
are; none is told twice, or when it isn't there.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import operator
import queue
import sys
import threading
import time
from collections import Counter

import pytest

from stackscope.interpreter.frames.blocking import lock_awaited_in
from stackscope.interpreter.frames.references import references_of
from stackscope.interpreter.reachable import counts_references
from stackscope.interpreter.running import own_frames

pytestmark = pytest.mark.skipif(not counts_references(), reason="references aren't counted")


class Waiter:
    """Something to wait for in a thread, and to know when it is waited for."""

    def __init__(self):
        self.lock = threading.Lock()
        self.lock.acquire()
        self.is_there = threading.Event()

    def wait(self):
        self.is_there.set()
        self.lock.acquire()
        self.lock.release()


class Something:
    """The class of the object."""


def in_variables(obj, waiter):
    pair = (obj, [obj])
    again = obj
    waiter.wait()
    return pair, again


def on_the_stack(obj, waiter):
    def third(first, second):
        return first, second

    return third(obj, waiter.wait())


def in_a_loop(obj, waiter):
    for one in [obj]:
        for _ in (obj, one):
            waiter.wait()


def in_a_closure(obj, waiter):
    def inner():
        waiter.wait()
        return obj

    inner()


def in_a_function_that_only_its_frame_has(obj, waiter):
    def make():
        def inner(box=(obj,)):
            waiter.wait()
            return box

        return inner

    make()()


def in_positional_arguments(obj, waiter):
    def inner(first, *others):
        waiter.wait()
        return first, others

    arguments = (obj, obj, obj)
    inner(*arguments)


def in_a_list_that_is_spread(obj, waiter):
    """The call gets a tuple that only it has: some of its references can't be told."""

    def inner(first, *others):
        waiter.wait()
        return first, others

    inner(*[obj, obj])


def in_keywords(obj, waiter):
    def inner(*arguments, **keywords):
        waiter.wait()
        return arguments, keywords

    inner(obj, one=obj, other=[obj])


def through_wrappers(obj, waiter):
    def wrapped(function):
        return functools.wraps(function)(lambda *args, **keywords: function(*args, **keywords))

    @wrapped
    @wrapped
    def inner(first, *, second):
        waiter.wait()
        return first, second

    inner(obj, second=obj)


def in_a_generator(obj, waiter):
    def generate(one):
        pair = (one, [one])
        yield
        waiter.wait()
        yield pair

    for _ in generate(obj):
        pass


def in_a_generator_in_a_call_into_c(obj, waiter):
    def generate(one):
        lock = waiter.lock
        yield one
        waiter.is_there.set()
        lock.acquire()
        lock.release()
        yield one

    list(generate(obj))


def inside_of_a_block(obj, waiter):
    class Manager:
        def __enter__(self):
            return obj

        def __exit__(self, *exc):
            pass

    with Manager() as one, contextlib.ExitStack() as stack:
        stack.callback(print, one)
        waiter.wait()
        stack.pop_all()


def entering_a_block(obj, waiter):
    class Manager:
        def __enter__(self):
            waiter.wait()

        def __exit__(self, *exc):
            return obj

    with Manager():
        pass


def of_a_method(obj, waiter):
    class Calls:
        def call(self, one, *, other):
            waiter.wait()
            return one, other

    Calls().call(obj, other=obj)


def in_an_item_of_a_queue(obj, waiter):
    items = queue.Queue()
    items.put(obj)
    item = items.get()
    waiter.wait()
    return item


def in_operands_that_are_dropped(obj, waiter):
    """The call has come back; the finalizer runs while the rest is dropped, or has been."""

    class Waits:
        def __del__(self):
            waiter.wait()

    operator.is_(obj, Waits())


def in_operands_that_are_dropped_in_another_order(obj, waiter):
    class Waits:
        def __del__(self):
            waiter.wait()

    operator.is_(Waits(), obj)


def of_a_method_that_is_a_value(obj, waiter):
    """Up to 3.10 the slot of the method has its object meanwhile."""

    class Something:
        def call(self, one):
            waiter.wait()
            return one

    call = Something().call
    call(obj)


PROGRAMS = (
    in_operands_that_are_dropped,
    in_operands_that_are_dropped_in_another_order,
    of_a_method_that_is_a_value,
    in_variables,
    on_the_stack,
    in_a_loop,
    in_a_closure,
    in_a_function_that_only_its_frame_has,
    in_positional_arguments,
    in_a_list_that_is_spread,
    in_keywords,
    through_wrappers,
    in_a_generator,
    in_a_generator_in_a_call_into_c,
    inside_of_a_block,
    entering_a_block,
    of_a_method,
    in_an_item_of_a_queue,
)

LEFT_OUT = {
    in_a_list_that_is_spread: 2,
    in_operands_that_are_dropped: 1,
    in_operands_that_are_dropped_in_another_order: 1,
}
"""How many references of a program may not be told."""


def count_references(program, make=Something):
    """How many references there are to the object, and how many are told, while a thread waits."""
    waiter = Waiter()
    boxes = [make()]
    key = id(boxes[0])
    thread = threading.Thread(target=lambda: program(boxes.pop(), waiter), daemon=True)
    thread.start()
    waiter.is_there.wait()
    while not has_got_to_lock(thread, waiter):
        time.sleep(0.001)
    told = Counter()
    frames = own_frames(sys._current_frames()[thread.ident])
    for frame, callee in zip(frames, [*frames[1:], None]):
        told.update(references_of(frame, callee))
    del frame, callee, frames
    objects = gc.get_objects()
    told.update(map(id, gc.get_referents(*objects)))
    [obj] = [one for one in objects if id(one) == key]
    del objects
    alone = make()
    count = sys.getrefcount(obj) - sys.getrefcount(alone)
    del obj
    waiter.lock.release()
    thread.join()
    return count, told[key]


def has_got_to_lock(thread, waiter):
    """Whether a thread has got to the lock, as its frame shows."""
    known = {id(waiter.lock): waiter.lock}
    return lock_awaited_in(sys._current_frames()[thread.ident], known) is waiter.lock


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_all_references_are_told(program):
    there, told = count_references(program)
    assert there - LEFT_OUT.get(program, 0) <= told <= there


class CallsItself:
    """An object whose method is called as a value, or by ``with``, or by its name."""

    def wait(self, waiter):
        waiter.wait()

    def __enter__(self):
        self.waiter.wait()

    def __exit__(self, *exc):
        pass


def as_a_value(obj, waiter):
    call = obj.wait
    call(waiter)


def by_name(obj, waiter):
    obj.wait(waiter)


def by_keyword(obj, waiter):
    obj.wait(waiter=waiter)


def by_with(obj, waiter):
    obj.waiter = waiter
    with obj:
        pass


@pytest.mark.parametrize("program", [as_a_value, by_name, by_keyword, by_with])
def test_none_is_told_that_is_not_there_of_what_a_method_is_called_of(program):
    there, told = count_references(program, CallsItself)
    assert 0 < told <= there
