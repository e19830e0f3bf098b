"""After `continue` the debugger keeps nothing of the program, whatever was typed before."""

from __future__ import annotations

import asyncio
import gc
import re
import sys
import threading
import weakref
from contextlib import contextmanager

import pytest

COMMANDS = [
    "where --contexts",
    "where --hidden",
    "tasks",
    "tasks wor",
    "threads",
    "thread 1",
    "unfocus",
    "ctx",
    "ctx 1",
    "p thing",
    "unfocus",
    "up",
    "down",
    "frame 0",
    "frame -1",
    "task worker",
    "where -c",
    "ctx",
    "ctx 1",
    "task worker",
    "p thing",
    "thing",
    "display thing",
    "assigned = thing",
    "list",
    "ll",
    "args",
    "exceptions",
    "stack generator",
    "stack given",
    "p thing",
    "unfocus",
    "stack caught",
    "ctx",
    "unfocus",
    "display thing",
    "display",
    "thing",
    "other = [thing]",
    "next",
    "thing",
    "sticky on",
    "up",
    "sticky off",
    "down",
    "whatis thing",
    "source thing",
    "alias show p %1",
    "show thing",
    "debug str(thing)",
    "c",
    "help ctx",
]
if sys.version_info >= (3, 10):
    # Before, the standard debugger's own frame holds the exception, until the collector comes.
    COMMANDS += ["no such thing", "1/0", "p no_such_thing"]
if sys.version_info >= (3, 12):
    COMMANDS += ["$mine = thing", "p $mine", "task worker", "$theirs = thing", "unfocus"]

COMPLETED = [
    "p thi",
    "task w",
    "ctx ",
    "p thing.na",
    "stack generator.g",
    "display thing.",
    "frame ",
]


class Thing:
    name = "a thing"

    def __init__(self, alive):
        alive.add(self)


class Alive:
    """Things that are alive, by weak references."""

    def __init__(self):
        self.references = []

    def add(self, thing):
        self.references.append(weakref.ref(thing))
        return thing

    def names(self):
        found = [reference() for reference in self.references]
        return [type(one).__name__ for one in found if one is not None]


@contextmanager
def lease(alive):
    thing = Thing(alive)
    yield thing


def generate(alive):
    thing = Thing(alive)
    yield thing


def fail(alive):
    with lease(alive) as thing:
        raise KeyError(thing.name)


async def worker(event, alive):
    thing = Thing(alive)
    with lease(alive):
        await event.wait()
    return thing.name


async def program(session, alive):
    thing = Thing(alive)
    event = asyncio.Event()
    task = alive.add(asyncio.ensure_future(worker(event, alive)))
    task.set_name("worker")
    generator = alive.add(generate(alive))
    given = next(generator)
    try:
        fail(alive)
    except KeyError as exc:
        caught = exc
    await asyncio.sleep(0)
    with lease(alive):
        session.stop()
        assert thing
        caught.__traceback__ = None  # it leads to this frame
    event.set()
    await task
    del given
    return task.result()


def completions(session):
    """Before the first prompt: what Tab does for each of the lines."""
    import readline

    def complete(line):
        words = line.rpartition(" ")
        readline.get_line_buffer, readline.get_begidx, readline.get_endidx = (
            lambda: line,
            lambda: len(line) - len(words[2]),
            lambda: len(line),
        )
        return session.pdb.complete(words[2], 0)

    originals = (readline.get_line_buffer, readline.get_begidx, readline.get_endidx)
    try:
        return [complete(line) for line in COMPLETED]
    finally:
        readline.get_line_buffer, readline.get_begidx, readline.get_endidx = originals


@pytest.mark.parametrize("has_breakpoint", [False, True])
def test_nothing_is_kept_after_continue(scripted, has_breakpoint, monkeypatch):
    commands = list(COMMANDS)
    if has_breakpoint:
        # As in the standard debugger, what is displayed is kept for the next stop.
        commands = [line for line in commands if not line.startswith("display")]
        commands += [f"break {generate.__code__.co_firstlineno + 1}"]
    session = scripted(*commands, "c")
    completed = []
    if sys.platform != "win32":
        preloop = session.pdb.preloop

        def complete_first():
            preloop()
            if not completed:
                completed.extend(completions(session))

        session.pdb.preloop = complete_first
    alive = Alive()
    tracer = sys.gettrace()
    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(program(session, alive)) == "a thing"
        traced = sys.gettrace()
        if not has_breakpoint:
            assert traced is None
        assert not re.search(r"\*\*\* \w+ failed, which", session.output)
        assert alive.references
        assert len(session.replies) >= len(commands)
        assert all(completed)
        if sys.implementation.name == "pypy":  # nothing counts references
            for _ in range(3):
                gc.collect()
        assert alive.names() == []
    finally:
        gc.enable()
        session.pdb.clear_all_breaks()
        session.pdb.set_continue()
        sys.settrace(tracer)
        threading.settrace(None)  # type: ignore[arg-type]
