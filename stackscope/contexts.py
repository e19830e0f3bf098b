"""The contexts active in a frame: what the code says, filled in with what the interpreter holds."""

from __future__ import annotations

from types import CoroutineType, FrameType, GeneratorType
from typing import List, Optional, Tuple

from stackscope.bytecode import Block, CodeAnalysis, Exiting, Live, Site, analyze
from stackscope.frames import gate
from stackscope.frames.base import Moment, Reader
from stackscope.frames.memory import FrameMoved
from stackscope.frames.methods import manager_in_exit, manager_of
from stackscope.frames.variables import name_of_local
from stackscope.model import Context

# How often a frame that keeps moving is looked at before we give up.
TRIES = 50


class FrameKeepsMoving(RuntimeError):
    """A frame that runs in another thread could not be read between two of its steps."""


def contexts_active_in_frame(
    frame: FrameType, origin: object = None, next_inner: Optional[FrameType] = None
) -> List[Context]:
    """The ``with`` and ``async with`` blocks that are active in a frame, outermost first.

    A block is active from the return of its manager's enter method to the return of its exit
    method. No hook runs: `Context.obj` is the manager itself.

    Args:
        frame: the frame. It may be running, in this thread or another one, or suspended.
        origin: the generator, coroutine or async generator that the frame belongs to; needed only
            where frames are not read exactly (see `set_trickery_enabled`).
        next_inner: the frame that ``frame`` is calling. It leads to a manager whose exit method is
            running.

    Raises:
        RuntimeError: the frame runs in another thread and did not hold still.

    Example:
        >>> import sys, threading
        >>> lock = threading.Lock()
        >>> with lock:
        ...     [context] = contexts_active_in_frame(sys._getframe())
        >>> context.obj is lock
        True
    """
    analysis = analyze(frame.f_code)
    if not analysis.blocks:
        return []
    reader = gate.reader()
    if reader is None:
        return _suspended_contexts(frame, origin, analysis)
    for _ in range(TRIES):
        try:
            return _read(reader, frame, analysis, next_inner)
        except FrameMoved:
            continue
    raise FrameKeepsMoving(f"{frame.f_code.co_name}() runs too fast to see its context managers")


def _read(
    reader: Reader, frame: FrameType, analysis: CodeAnalysis, next_inner: Optional[FrameType]
) -> List[Context]:
    moment = reader.moment(frame, frame.f_code)
    if moment is None:
        return []
    sites = analysis.at(moment.lasti)
    if not sites:
        return []
    site = moment.pick(sites)
    if site is None:
        raise FrameMoved
    if not site.live and site.exiting is None:
        return []
    stack = len(analysis.names)
    contexts = []
    for live, (known, manager) in zip(site.live, _managers(moment, site.live, stack)):
        contexts.append(_context(live.block, manager, False))
        if known and not live.block.has_target:
            contexts[-1].varname = name_of_local(frame, analysis.names, moment, manager)
    if site.exiting is not None and len(contexts) == len(site.live):
        found = _exiting_manager(reader, moment, frame, site.exiting, stack, next_inner)
        block = site.exiting.block
        contexts.append(_context(block, found[1], True))
        if found[0] and not block.has_target:
            contexts[-1].varname = name_of_local(frame, analysis.names, moment, found[1])
    return contexts


def _context(block: Block, manager: object, is_exiting: bool) -> Context:
    return Context(manager, block.is_async, is_exiting, block.varname, block.start_line)


def _managers(
    moment: Moment, live: Tuple[Live, ...], stack: int
) -> List[Tuple[bool, object]]:
    """For each live block: whether its manager is known, and the manager.

    Upper blocks that the frame has left already, although ``f_lasti`` says otherwise, are left out.
    """
    if moment.depth >= 0:
        used = moment.depth - stack
        live = tuple(block for block in live if max(block.slot, block.self_slot) < used)
    if not live:
        return []
    if live[0].self_slot < 0:
        exits = moment.exits([stack + block.slot for block in live])
        return [
            manager_of(exit_callable, block.block.exit_name)
            for exit_callable, block in zip(exits, live)
        ]
    selves = moment.nullable([stack + block.self_slot for block in live])
    return [
        (True, manager)
        if manager is not None
        else _bound_manager(moment, stack + block.slot, block.block)
        for manager, block in zip(selves, live)
    ]


def _bound_manager(moment: Moment, slot: int, block: Block) -> Tuple[bool, object]:
    [exit_callable] = moment.objects([slot])
    return manager_of(exit_callable, block.exit_name)


def _exiting_manager(
    reader: Reader,
    moment: Moment,
    frame: FrameType,
    exiting: Exiting,
    stack: int,
    next_inner: Optional[FrameType],
) -> Tuple[bool, object]:
    """The manager whose exit method is running, and whether it is known."""
    block = exiting.block
    if exiting.self_slot >= 0:
        [manager] = moment.nullable([stack + exiting.self_slot])
        if manager is not None:
            return True, manager
    if exiting.slot >= 0:
        found = _bound_manager(moment, stack + exiting.slot, block)
        if found[0]:
            return found
    if exiting.awaitable >= 0:
        [awaitable] = moment.nullable([stack + exiting.awaitable])
        inner = _frame_of_awaitable(awaitable)
        found = (False, None) if inner is None else manager_in_exit(inner, block.exit_name)
        if found[0]:
            return found
    if next_inner is not None:
        found = manager_in_exit(next_inner, block.exit_name)
        # A frame that is still at work has been called from here all the time. One that has ended
        # may belong to an exit before this one.
        if found[0] and next_inner.f_back is frame and reader.is_alive(next_inner):
            moment.objects(())
            return found
    return False, None


def _frame_of_awaitable(awaitable: object) -> Optional[FrameType]:
    if type(awaitable) is CoroutineType:
        return awaitable.cr_frame
    if type(awaitable) is GeneratorType:
        return awaitable.gi_frame
    return None


def _suspended_contexts(
    frame: FrameType, origin: object, analysis: CodeAnalysis
) -> List[Context]:
    """What public interfaces tell, on interpreters whose frames can't be read."""
    from stackscope.frames.safe import exits_in

    sites: Tuple[Site, ...] = analysis.at(frame.f_lasti)
    active = max((len(site.live) for site in sites), default=0)
    found = exits_in(frame if origin is None else origin, frame)
    return [Context(manager, is_async) for manager, is_async in found[-active:] if active]
