"""What an operation costs, and how that grows."""

from __future__ import annotations

import functools
import gc
import time

SIZES = 4
"""The larger one of two sizes is so many times the smaller one."""

MOST = 6
"""So many times the cost is too much for it; a square would be 16 times as much."""

LOOKS = 10
"""How often a cost that seems too much is measured again: other processes disturb."""

NOISE = 0.002
"""Costs below so many seconds aren't told apart."""


def seconds_of(operation) -> float:
    """The processor's time of a call."""
    start = time.thread_time()
    kept = operation()
    spent = time.thread_time() - start
    del kept
    return spent


def empty_caches() -> None:
    """Have the processor's caches hold something else than what is measured next.

    They can hold few objects and not many, which then cost twice as much each.
    """
    filler().find(b"\0")


@functools.lru_cache(maxsize=None)
def filler() -> bytes:
    """What the caches are filled with. Zeros alone might be one page of memory."""
    return b"\1" * 32_000_000


def costs_of(operations, costs) -> None:
    """Measure each operation once, and keep its least cost.

    Without the collector: what it costs hangs on all that was made before.
    """
    gc.collect()
    gc.disable()
    try:
        for name, operation in operations.items():
            empty_caches()
            costs[name] = min(seconds_of(operation), costs.get(name, 1e9))
    finally:
        gc.enable()


def excess(few, many):
    """The operations that cost too much, with their costs at both sizes."""
    return {
        name: (round(few[name], 4), round(many[name], 4))
        for name in few
        if many[name] > MOST * max(few[name], NOISE)
    }


def what_grows_too_fast(world, operations_in, size):
    """The operations that cost too much in a world of `SIZES` times the size, with both costs.

    Args:
        world: Calls a function while there is as much of something as a number says.
        operations_in: Gives the operations by name, once it is there.
        size: The smaller size.
    """

    def measured(costs):
        def some(operations):
            return {name: one for name, one in operations.items() if name in again or not again}

        return lambda *item: costs_of(some(operations_in(*item)), costs)

    def do_each(*item):
        for operation in operations_in(*item).values():
            operation()

    few, many, again = {}, {}, {}
    world(max(size // SIZES, 2), do_each)  # what is remembered from the first time
    for _ in range(LOOKS):
        world(size, measured(few))
        world(SIZES * size, measured(many))
        again = excess(few, many)
        if not again:
            break
    return again
