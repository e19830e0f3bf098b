"""The entry points: each makes glue ready, and then walks."""

from __future__ import annotations

import sys
from _thread import get_ident
from functools import partial
from types import FrameType

from stackscope.extraction.extraction import Extraction, child_stack, current_extraction
from stackscope.glue import make_ready
from stackscope.interpreter.collector import without_collections
from stackscope.interpreter.running import callers
from stackscope.model.snapshot import Snapshot, ThreadNode
from stackscope.model.stacks import Frame, Stack, StackSlice
from stackscope.safe.loading import TooEarly, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Optional, Union

    from stackscope.model.diagnosis import Diagnosis
    from stackscope.model.stacks import Context, StackItem

__all__ = [
    "diagnose",
    "extract",
    "extract_all",
    "extract_child",
    "extract_outermost",
    "extract_since",
    "extract_until",
    "fill_context",
]


def extract(
    stackitem: StackItem, *, with_contexts: bool = True, recurse_child_tasks: bool = False
) -> Stack:
    """Extract the stack of anything that has one.

    Args:
        stackitem: A coroutine, generator or async generator, or what this returns to be awaited; a
            thread, task or greenlet; a frame, traceback or exception; a `StackSlice`; or anything
            that a hook can unwrap. Any other object is returned as the leaf of a stack without
            frames.
        with_contexts: Find the context managers that are active in each frame.
        recurse_child_tasks: Also extract the stacks of child tasks, such as those in a nursery that
            is among the context managers.

    Returns:
        The stack. If something goes wrong, the exception is in its ``error``, and what was found
        before is kept.

    Example:
        >>> def count():
        ...     yield 1
        >>> counter = count()
        >>> next(counter)
        1
        >>> [frame.funcname for frame in extract(counter)]
        ['count']
    """
    make_ready()
    extraction = Extraction(with_contexts, recurse_child_tasks, sys._getframe(1))
    return extraction.complete(extraction.stack, stackitem)


def extract_since(
    outer_frame: Optional[FrameType],
    *,
    with_contexts: bool = True,
    recurse_child_tasks: bool = False,
) -> Stack:
    """Extract a frame that is running, and all that it is now calling.

    Args:
        outer_frame: The outermost frame; ``None`` for that of the current thread.
        with_contexts: As for `extract`.
        recurse_child_tasks: As for `extract`.

    Returns:
        The stack from ``outer_frame`` to the caller of this function, or to wherever the thread is
        that ``outer_frame`` is running on.

    Raises:
        TypeError: ``outer_frame`` is neither a frame nor ``None``.
    """
    if outer_frame is not None and not isinstance(outer_frame, FrameType):
        raise TypeError(f"'outer_frame' argument must be a frame or None, not {type(outer_frame)}")
    make_ready()
    extraction = Extraction(with_contexts, recurse_child_tasks, sys._getframe(1))
    return extraction.complete(extraction.stack, StackSlice(outer=outer_frame))


def extract_until(
    inner_frame: FrameType,
    *,
    limit: Union[int, FrameType, None] = None,
    with_contexts: bool = True,
    recurse_child_tasks: bool = False,
) -> Stack:
    """Extract a frame and its callers.

    Args:
        inner_frame: The innermost frame.
        limit: At most how many frames, counted from ``inner_frame``, or the frame to start at.
        with_contexts: As for `extract`.
        recurse_child_tasks: As for `extract`.

    Raises:
        RuntimeError: The frame ``limit`` has not called ``inner_frame``, neither directly nor
            indirectly.
        TypeError: ``limit`` is neither a frame nor an integer, or ``inner_frame`` isn't a frame.
    """
    if not isinstance(inner_frame, FrameType):
        raise TypeError(f"'inner_frame' argument must be a frame, not {type(inner_frame)}")
    if limit is None or isinstance(limit, int):
        piece = StackSlice(inner=inner_frame, limit=limit)
    elif not isinstance(limit, FrameType):
        raise TypeError(f"'limit' argument must be a frame or integer, not {type(limit)}")
    elif callers(inner_frame, limit):
        piece = StackSlice(outer=limit, inner=inner_frame)
    else:
        raise RuntimeError(f"{limit!r} is not an indirect caller of {inner_frame!r}")
    make_ready()
    extraction = Extraction(with_contexts, recurse_child_tasks, sys._getframe(1))
    return extraction.complete(extraction.stack, piece)


def extract_outermost(
    stackitem: StackItem, *, with_contexts: bool = True, recurse_child_tasks: bool = False
) -> Frame:
    """Extract only the outermost frame of a stack.

    Args:
        stackitem: As for `extract`.
        with_contexts: As for `extract`.
        recurse_child_tasks: As for `extract`.

    Raises:
        Exception: What was raised in looking for the frame, if there is none.
        RuntimeError: There is no frame.
    """
    make_ready()
    extraction = Extraction(with_contexts, recurse_child_tasks, sys._getframe(1))
    return extraction.complete(extraction.first_frame, stackitem)


def extract_child(stackitem: StackItem, *, for_task: bool) -> Stack:
    """Extract a stack that is part of another one. To be called in hooks.

    Args:
        stackitem: As for `extract`.
        for_task: Whether it is the stack of a child task. If these were not asked for, the result
            has nothing but its ``root``.

    Returns:
        The stack, with the options that the stack around it is extracted with. It is filled in
        later if a lot of stacks contain each other, and remains empty if it would contain itself.

    Raises:
        RuntimeError: No hook is running.
    """
    return child_stack(stackitem, for_task)


def fill_context(context: Context) -> None:
    """Run the context hooks on a context, so that it looks as those that `extract` finds.

    Args:
        context: The context, to be changed.

    Raises:
        Exception: Whatever a hook raises.
    """
    extraction = current_extraction()
    if extraction is not None:
        extraction.fill(context)
        return
    make_ready()
    extraction = Extraction(True, False, sys._getframe(1))
    extraction.complete(extraction.fill, context)


def extract_all(
    *,
    with_contexts: bool = True,
    threads: bool = True,
    tasks: bool = True,
    progress: Optional[Callable[[float], object]] = None,
) -> Snapshot:
    """Find everything in the process that has a stack: event loops, tasks, threads, greenlets.

    Can be called from any thread. Other threads may keep running meanwhile. Each task that is alive
    during the whole call is found.

    Args:
        with_contexts: Find the context managers that are active in each frame. Without them, who
            holds a lock isn't found either.
        threads: Extract the stacks of all threads, and of what belongs to threads, such as
            greenlets.
        tasks: Look for event loops, and extract the stacks of their tasks.
        progress: Called for each task, twice, with how much of the work is done, from 0 to 1. If it
            returns ``False``, no further tasks are looked at, and the result has those found so
            far. What a task does is ``"?"`` then, if it hasn't been found out.

    Returns:
        All that was found, each task once.

    Example:
        >>> for node in extract_all().tasks():
        ...     print(node.number, node.name, node.state)
    """
    try:
        take = load("stackscope.snapshot.taking").take_snapshot
    except TooEarly as exc:
        return _only_this_thread(exc, sys._getframe(1), with_contexts)
    make_ready()
    snapshot: Snapshot = take(sys._getframe(1), with_contexts, threads, tasks, progress=progress)
    return snapshot


def diagnose(
    snapshot: Optional[Snapshot] = None,
    *,
    deep: bool = True,
    progress: Optional[Callable[[float], object]] = None,
) -> Diagnosis:
    """Find out what can never continue by itself, and why.

    Can be called from any thread. Other threads may keep running; what moves is not reported.
    See :doc:`why` for how it is done, and what it can't know.

    Args:
        snapshot: What to look at; ``None`` takes a snapshot now. One that was read from a file is
            judged by its graph of waits alone.
        deep: Where the graph of waits can't decide, search the heap for whoever could end a wait.
            That takes as long as a few garbage collections, or a few seconds per million objects
            if much waits for different things. It needs CPython with the GIL.
        progress: Called from time to time during the search, with how much of it is done, from 0
            to 1. It may raise an exception to end the search.

    Returns:
        The findings, the most serious first; none for a healthy program.

    Example:
        >>> diagnosis = stackscope.diagnose()
        >>> for finding in diagnosis.findings:
        ...     print(finding.kind, finding.text, finding.advice)
    """
    find = load("stackscope.snapshot.diagnosing").diagnose_snapshot
    if snapshot is None:
        make_ready()
        snapshot = load("stackscope.snapshot.taking").take_snapshot(sys._getframe(1))
    look = partial(find, snapshot, deep=deep, progress=progress)
    diagnosis: Diagnosis = without_collections(look)
    return diagnosis


def _only_this_thread(why: TooEarly, caller: FrameType, with_contexts: bool) -> Snapshot:
    """What `extract_all` gives if it has interrupted the import of what it needs."""
    extraction = Extraction(with_contexts, False, caller)
    stack = extraction.complete(extraction.stack, StackSlice())
    stack.error = why
    return Snapshot([], [ThreadNode(None, 0, "this thread", True, stack, get_ident())])
