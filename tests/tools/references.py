"""Whether extractions keep anything: `python -m tests.tools.references --rounds 10000`.

What is looked at is extracted and drawn again and again. Afterwards each object must have as many
references as before, and the collector must know of as many objects of each type.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import gc
import sys
import threading
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import stackscope
from tests.helpers.managers import Manager

WARM_UP = 5
EVERYTHING_EACH = 10


@contextlib.contextmanager
def managed(manager):
    with manager:
        yield manager


def generate(manager):
    with manager as held, managed(manager):
        yield held


async def agenerate(manager):
    async with manager:
        yield manager


async def wait(manager, event):
    with contextlib.ExitStack() as stack:
        stack.enter_context(manager)
        stack.callback(print, manager)
        async with manager as held:
            await event.wait()
        del held
        stack.pop_all()


def fail(manager):
    with manager:
        raise ValueError(manager)


@contextlib.contextmanager
def suspended(manager):
    """A generator, an async generator, and a coroutine that waits in them."""
    generator = generate(manager)
    next(generator)
    agen = agenerate(manager)
    asend = agen.asend(None)
    with contextlib.suppress(StopIteration):
        asend.send(None)
    yield [generator, agen, asend, generator.gi_frame]
    with contextlib.suppress(StopIteration):
        agen.aclose().send(None)
    generator.close()


@contextlib.contextmanager
def failed(manager):
    """An exception, and its traceback."""
    try:
        fail(manager)
    except ValueError as exc:
        caught: List[Any] = [exc, exc.__traceback__]
    yield caught
    caught[0].__traceback__ = None


@contextlib.contextmanager
def thread_that_waits(manager):
    """A thread inside of a `with`."""
    ready, over = threading.Event(), threading.Event()

    def run():
        with manager:
            ready.set()
            over.wait()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield [thread]
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def greenlet_that_waits(manager):
    """A greenlet inside of a `with`, if there are greenlets."""
    try:
        import greenlet
    except ImportError:
        yield []
        return

    def run():
        with manager:
            greenlet.getcurrent().parent.switch()

    one = greenlet.greenlet(run)
    one.switch()
    yield [one]
    one.switch()


def bare(item: Any) -> None:
    """Extract and draw one thing."""
    stack = stackscope.extract(item, recurse_child_tasks=True)
    assert stack.error is None, stack.error
    stack.format()
    stack.format_flat(show_contexts=True)


def everything(item: Any) -> None:
    """Extract and draw what is to be seen from here."""
    with item:
        # Not kept in a variable: it holds this frame, and so would hold itself.
        stackscope.extract(stackscope.StackSlice()).format()
        stackscope.extract_all().format()


def counts() -> Dict[str, int]:
    """How many objects of each type the collector knows, after a collection."""
    gc.collect()
    return collections.Counter(type(obj).__name__ for obj in gc.get_objects())


def held_by(items: List[Any]) -> List[int]:
    return [sys.getrefcount(item) for item in items]


def growth(
    items: List[Any], look: Callable[[Any], None], rounds: int, manager: Optional[Manager] = None
) -> Iterator[str]:
    """Look at items again and again; yields what is more or less than before.

    Args:
        items: What to look at.
        look: How to do so.
        rounds: How often. Without any, this is only for what is imported and remembered once.
        manager: Where to look at `everything` in, now and then.
    """

    def look_at_all(number: int) -> None:
        for item in items:
            look(item)
        if manager is not None and number % EVERYTHING_EACH == 0:
            everything(manager)

    for _ in range(WARM_UP):
        look_at_all(0)
    if not rounds:
        return
    held = items if manager is None else [*items, manager]
    spare_objects, spare_references = counts(), held_by(held)
    objects, references = counts(), held_by(held)
    del spare_objects, spare_references  # counted in place of what holds the figures now
    for number in range(rounds):
        look_at_all(number)
    for item, before, after in zip(held, references, held_by(held)):
        if after != before:
            yield f"{type(item).__name__}: {after - before:+d} references"
    now = counts()
    for name in {*objects, *now}:
        if now[name] != objects[name]:
            yield f"{now[name] - objects[name]:+d} objects of type {name}"


async def look_at_tasks(manager: Manager, rounds: int) -> List[str]:
    """The same for tasks, in their own event loop."""
    asyncio.get_running_loop().slow_callback_duration = 1e6
    event = asyncio.Event()
    tasks = [asyncio.ensure_future(wait(manager, event)) for _ in range(3)]
    await asyncio.sleep(0)
    problems = list(growth(tasks, bare, rounds, manager))
    event.set()
    await asyncio.gather(*tasks)
    return problems


Case = Callable[[Manager], Any]
CASES: Tuple[Case, ...] = (suspended, failed, thread_that_waits, greenlet_that_waits)


def problems(rounds: int) -> Iterator[str]:
    """All that is kept."""
    manager = Manager()
    for case in CASES:
        with case(manager) as items:
            found = list(growth([*items], bare, rounds, manager))
        yield from (f"{case.__name__}: {problem}" for problem in found)
        del items
    yield from (f"tasks: {problem}" for problem in asyncio.run(look_at_tasks(manager, rounds)))


def main() -> int:
    """Print what is kept; return 0 if that is nothing."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.references", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10_000)
    rounds = parser.parse_args().rounds
    list(problems(0))
    found = list(problems(rounds))
    print("\n".join(found) or f"{rounds} rounds: nothing is kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
