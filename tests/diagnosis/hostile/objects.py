"""Objects that mind being looked at, in programs that are stuck and in such that aren't."""

from __future__ import annotations

import asyncio
import gc
import threading
import types

from tests.diagnosis.cases import ASYNCIO, abandoned, deadlock, healthy, planted
from tests.diagnosis.starting import start
from tests.helpers.hostile import ALL, refuse

KEPT = []
cannot_freeze = None if hasattr(gc, "freeze") else "nothing can be frozen"


async def waits(event):
    await event.wait()  # @waits


@planted(abandoned("waits", "@waits_with_them"), on=ASYNCIO)
async def held_by_the_stuck_task():
    async def waits_with(one, some):
        await asyncio.Event().wait()  # @waits_with_them

    start(waits_with(ALL["Everything"](), {name: make() for name, make in ALL.items()}), "waits")


@planted(abandoned("waits", "@waits"), on=ASYNCIO)
async def held_by_the_program():
    KEPT.extend(make() for make in ALL.values())
    start(waits(asyncio.Event()), "waits")


@planted(deadlock("first second", "@enters_second"), on="asyncio")
async def entered_by_stuck_tasks():
    """Managers that mind, around the locks."""

    async def enters(manager, first, second):
        with manager:
            async with first:
                await asyncio.sleep(0)
                async with second:  # @enters_second
                    pass

    a, b = asyncio.Lock(), asyncio.Lock()
    start(enters(ALL["StaticExit"](), a, b), "first")
    start(enters(ALL["ClassExit"](), b, a), "second")


@planted(abandoned("waits", "@awaits_hostile"), on="asyncio")
async def awaited_by_the_stuck_task():
    class Awaitable:
        def __init__(self):
            self.future = asyncio.get_running_loop().create_future()

        def __await__(self):
            return self.future.__await__()

        __eq__ = __hash__ = __bool__ = __repr__ = refuse

    async def waits():
        await Awaitable()  # @awaits_hostile

    start(waits(), "waits")


class FalseModule:
    """Says that it is a module, but has its attributes somewhere else."""

    __slots__ = ("hidden",)
    __class__ = types.ModuleType
    __dict__ = property(refuse)


class HostileModule(types.ModuleType):
    """A module whose attributes mustn't be asked for."""

    __getattribute__ = refuse


def start_kept_by(keep):
    event = asyncio.Event()
    start(waits(event), "waits")
    keep(event)


async def look_at(look, keep):
    start_kept_by(keep)
    await asyncio.sleep(0)
    look()
    await look.beside()


@healthy(on="asyncio")
async def what_says_that_it_is_a_module_has_the_event(look):
    def keep(event):
        module = FalseModule()
        module.hidden = event
        KEPT.append(module)

    await look_at(look, keep)


@healthy(on="asyncio")
async def a_module_that_minds_has_the_event(look):
    def keep(event):
        module = HostileModule("hostile")
        object.__getattribute__(module, "__dict__")["event"] = event
        KEPT.append(module)

    await look_at(look, keep)


@healthy(on="asyncio")
async def what_says_that_it_is_a_task_or_a_lock(look):
    """They are found in the heap, and asked for nothing."""
    for kind in (asyncio.Task, asyncio.Lock, asyncio.Event, threading.Thread, types.FrameType):
        false = type("False", (), {"__class__": kind, "__getattr__": refuse, "__eq__": refuse})
        KEPT.append(false())
        object.__setattr__(KEPT[-1], "held", KEPT)
    await look_at(look, KEPT.append)


@healthy(on="asyncio")
async def an_instance_without_all_attributes_of_its_class(look):
    """As pickle and the like make them: a lock, an event and a queue that are empty shells."""
    import queue

    for kind in (asyncio.Lock, asyncio.Event, asyncio.Queue, threading.Event, queue.Queue):
        KEPT.append(object.__new__(kind))
    await look_at(look, KEPT.append)


@healthy(on="asyncio")
async def deep_and_long_structures(look):
    """Nothing is walked by recursion."""
    event = asyncio.Event()
    nested = [event]
    for _ in range(50_000):
        nested = [nested]
    KEPT.append(nested)
    KEPT.append([(number, [number]) for number in range(10_000)])
    start(waits(event), "waits")
    del event, nested
    await asyncio.sleep(0)
    look()


@healthy(on="asyncio")
async def a_name_that_is_a_trick(look):
    import stackscope

    event = asyncio.Event()
    start(waits(event), "\x1b[2Jfirst\nsecond\ud800")
    await asyncio.sleep(0)
    del event
    diagnosis = stackscope.diagnose()
    text = str(diagnosis)
    look.expect("it is found", [finding.kind for finding in diagnosis.findings] == ["abandoned"])
    look.expect("no control characters", "\x1b" not in text and "\ud800" not in text)
    look.count += 1


# ---------------------------------------------------------- the collector


@planted(deadlock("first second", "@enters_frozen"), on="asyncio", skip=cannot_freeze)
async def all_is_frozen_in_a_deadlock():
    async def enters(first, second):
        async with first:
            await asyncio.sleep(0)
            async with second:  # @enters_frozen
                pass

    a, b = asyncio.Lock(), asyncio.Lock()
    start(enters(a, b), "first")
    start(enters(b, a), "second")
    for _ in range(3):
        await asyncio.sleep(0)
    gc.freeze()


@healthy(on="asyncio", skip=cannot_freeze)
async def all_is_frozen(look):
    start_kept_by(KEPT.append)
    await asyncio.sleep(0)
    gc.freeze()
    look()


@planted(abandoned("waits", "@waits"), on="asyncio")
async def the_collector_is_off():
    gc.disable()
    start(waits(asyncio.Event()), "waits")


@planted(abandoned("waits", "@waits"), on="asyncio")
async def garbage_that_has_the_event():
    """It will be gone, and nothing of it can ever run."""
    gc.disable()
    event = asyncio.Event()
    garbage = [event]
    garbage.append(garbage)
    start(waits(event), "waits")
