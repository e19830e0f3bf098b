"""What functions have acquired without a ``with`` statement, where they stand."""

from __future__ import annotations

import pytest

from stackscope.interpreter.bytecode.acquires import acquired_in
from stackscope.interpreter.bytecode.instructions import decode

held = unheld = some = None
"""The functions below load the first where the lock is held, and the second where it isn't."""


async def usual(lock):
    unheld()
    await lock.acquire()
    try:
        held()
        await held()
    finally:
        lock.release()
    await unheld()


def inside_of_try(lock):
    try:
        unheld()
        lock.acquire()
        held()
    finally:
        lock.release()
        unheld()


async def by_attributes(self):
    await self.part.lock.acquire()
    try:
        while some():
            with held:
                await held()
    finally:
        self.part.lock.release()
        unheld()


async def as_argument(lock):
    await some(lock.acquire(), 4)
    await held()
    lock.release()
    await unheld()


def condition(lock):
    if not lock.acquire(False):
        unheld()
        return
    held()
    lock.release()
    unheld()


def in_a_loop(lock):
    while not lock.acquire(timeout=4):
        unheld()
    held()
    lock.release()


def perhaps(lock):
    if some:
        lock.acquire()
    unheld()
    lock.release()


def result_in_a_variable(lock):
    got = lock.acquire(timeout=4)
    unheld()
    if got:
        lock.release()


def another_lock(lock):
    lock.acquire()
    held()
    lock = some
    unheld()
    lock.release()


def for_the_caller(lock):
    lock.acquire()
    unheld()  # as far as this function goes: somebody else will release it


def two(first, second):
    first.acquire()
    held()
    second.acquire()
    first.release()
    held()
    second.release()
    unheld()


@pytest.mark.parametrize(
    "function",
    [
        usual,
        inside_of_try,
        by_attributes,
        as_argument,
        condition,
        in_a_loop,
        perhaps,
        result_in_a_variable,
        another_lock,
        for_the_caller,
        two,
    ],
    ids=lambda function: function.__name__,
)
def test_where_a_lock_is_held(function):
    found = acquired_in(function.__code__)
    loads = [
        (ins.value, len(found.at(ins.offset)))
        for ins in decode(function.__code__)
        if ins.op == "LOAD_GLOBAL" and ins.value in ("held", "unheld")
    ]
    assert loads
    # The code of a ``finally`` is there twice. Up to 3.8 the way into it is not known.
    assert {number for name, number in loads if name == "held"} <= {1}
    assert {number for name, number in loads if name == "unheld"} <= {0, 1}
    assert 0 in {number for name, number in loads if name == "unheld"} or function is inside_of_try


def test_what_a_context_manager_holds():
    class Manager:
        def __init__(self, lock):
            self.lock = lock

        async def __aenter__(self):
            await self.lock.acquire()
            return self

        async def __aexit__(self, *args):
            self.lock.release()

    entering, leaving = map(acquired_in, (Manager.__aenter__.__code__, Manager.__aexit__.__code__))
    assert entering.at_end == leaving.released == {("self", "lock")}
    assert not leaving.at_end
    assert not acquired_in(test_where_a_lock_is_held.__code__).at_end
