"""The entry points: each makes glue ready, and then walks."""

from __future__ import annotations

import sys
from _thread import get_ident
from types import FrameType

from stackscope.extraction.extraction import Extraction, child_stack, current_extraction
from stackscope.glue import make_ready
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
        stackitem: A coroutine, generator or async generator, or an awaitable of one; a thread, task
            or greenlet; a frame, traceback or exception; a `StackSlice`; or anything that a hook
            can unwrap. Any other object is returned as the leaf of a stack without frames.
        with_contexts: Find the context managers that are active in each frame.
        recurse_child_tasks: Also extract the stacks of child tasks, such as the tasks of a nursery
            that is among the context managers.

    Returns:
        The stack. If something goes wrong, its ``error`` is the exception, and it has the frames
        that were found before.

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
    """Extract a running frame and what it is calling now.

    Args:
        outer_frame: The outermost frame; ``None`` for that of the current thread.
        with_contexts: As for `extract`.
        recurse_child_tasks: As for `extract`.

    Returns:
        The stack from ``outer_frame`` in to the caller of this function. If ``outer_frame`` runs in
        another thread, the stack goes in to the innermost frame of that thread.

    Raises:
        TypeError: ``outer_frame`` is neither a frame nor ``None``.

    Example:
        >>> import sys
        >>> [frame.funcname for frame in extract_since(sys._getframe())]
        ['<module>']
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
        limit: The most frames to take, counted from ``inner_frame``; or the outermost frame.
            ``None`` takes all.
        with_contexts: As for `extract`.
        recurse_child_tasks: As for `extract`.

    Returns:
        The stack, which ends in ``inner_frame``.

    Raises:
        RuntimeError: ``limit`` is a frame that didn't call ``inner_frame``, directly or indirectly.
        TypeError: ``limit`` is neither a frame nor an integer, or ``inner_frame`` isn't a frame.

    Example:
        >>> import sys
        >>> def inner():
        ...     return extract_until(sys._getframe(), limit=2)
        >>> [frame.funcname for frame in inner()]
        ['<module>', 'inner']
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

    Returns:
        The frame.

    Raises:
        RuntimeError: The item has no frame.
        Exception: The error that kept the frame from being found.

    Example:
        >>> def count():
        ...     yield 1
        >>> extract_outermost(count()).funcname
        'count'
    """
    make_ready()
    extraction = Extraction(with_contexts, recurse_child_tasks, sys._getframe(1))
    return extraction.complete(extraction.first_frame, stackitem)


def extract_child(stackitem: StackItem, *, for_task: bool) -> Stack:
    """For hooks: extract a stack that is part of another one, with the same options.

    Args:
        stackitem: As for `extract`.
        for_task: Whether it is the stack of a child task. Unless the caller of `extract` has asked
            for child tasks, such a stack has only its ``root``.

    Returns:
        The stack. It is filled in later if stacks are deeply nested. It stays empty if it would
        contain itself.

    Raises:
        RuntimeError: No hook is running.

    Example:
        >>> class Pool:
        ...     def __init__(self, *jobs):
        ...         self.jobs = jobs
        ...     def __enter__(self):
        ...         return self
        ...     def __exit__(self, *exc):
        ...         pass
        >>> @elaborate_context.register(Pool)
        ... def show_jobs(pool, context):
        ...     context.children = [extract_child(job, for_task=True) for job in pool.jobs]
        >>> def work():
        ...     with Pool(n for n in range(3)) as pool:
        ...         yield
        >>> working = work()
        >>> next(working)
        >>> [context] = extract(working, recurse_child_tasks=True).frames[0].contexts
        >>> [stack.frames[0].funcname for stack in context.children]
        ['<genexpr>']
        >>> working.close()
    """
    return child_stack(stackitem, for_task)


def fill_context(context: Context) -> None:
    """Run the context hooks on a context, as `extract` does for those that it finds.

    Args:
        context: The context. It is changed.

    Raises:
        Exception: What a hook has raised.

    Example:
        >>> import contextlib, os
        >>> with contextlib.ExitStack() as stack:
        ...     file = stack.enter_context(open(os.devnull))
        ...     context = Context(stack, False)
        ...     fill_context(context)
        >>> [child.obj is file for child in context.children]
        [True]
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

    It can be called in any thread. Other threads keep running. Each task that is alive during the
    whole call is found.

    Args:
        with_contexts: Find the context managers that are active in each frame. Without them, the
            holders of locks aren't found either.
        threads: Extract the stacks of all threads, and of what belongs to threads, such as
            greenlets.
        tasks: Look for event loops, and extract the stacks of their tasks.
        progress: Called twice for each task, with the part of the work that is done, from 0 to 1.
            If it returns ``False``, the search ends. The result has the tasks that were found so
            far; a task that wasn't looked at has the state ``"?"``.

    Returns:
        What was found, each task once.

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

    It can be called in any thread. Other threads keep running; what goes on isn't reported. How it
    works, and what it can't know, is described on the page "why" of the documentation.

    Args:
        snapshot: What to look at; ``None`` takes a snapshot. If a snapshot was read from a file,
            only its graph of waits is used.
        deep: Search the heap for whoever can end a wait, where the graph of waits can't decide.
            This takes as long as a few garbage collections, or a few seconds per million objects if
            there are many different waits. It needs CPython with the GIL.
        progress: Called now and then during the search, with the part of it that is done, from 0 to
            1. It may raise an exception to end the search.

    Returns:
        The findings, the most serious first.

    Example:
        >>> diagnosis = stackscope.diagnose()
        >>> for finding in diagnosis.findings:
        ...     print(finding.kind, finding.text, finding.advice)
    """
    find = load("stackscope.snapshot.diagnosing").diagnose_snapshot
    if snapshot is None:
        make_ready()
        snapshot = load("stackscope.snapshot.taking").take_snapshot(sys._getframe(1))
    diagnosis: Diagnosis = find(snapshot, deep=deep, progress=progress)
    return diagnosis


def _only_this_thread(why: TooEarly, caller: FrameType, with_contexts: bool) -> Snapshot:
    """What `extract_all` gives if it has interrupted the import of what it needs."""
    extraction = Extraction(with_contexts, False, caller)
    stack = extraction.complete(extraction.stack, StackSlice())
    stack.error = why
    return Snapshot([], [ThreadNode(None, 0, "this thread", True, stack, get_ident())])
