"""A chain of suspended coroutines, each awaiting the next, read at once.

The collector sees what a suspended coroutine holds: its variables and then its value stack, NULLs
left out. What it awaits is on top of that, and so tells where the rest is. Where something may be
NULL between that and the exit method of a block, or anything else is not as it must be, nothing is
said, and the frame is read one by one.
"""

from __future__ import annotations

import gc
from itertools import repeat
from operator import attrgetter
from types import CoroutineType, MethodType

from stackscope.interpreter.bytecode import analyze
from stackscope.interpreter.facts import STACK_IS_IN_FRAME
from stackscope.interpreter.frames import choosing
from stackscope.interpreter.frames.methods import is_exit_of, manager_of
from stackscope.interpreter.running import at_once
from stackscope.model.stacks import Context, Frame
from stackscope.safe.objects import namespace_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Iterable, Iterator, List, Optional, Sequence, Tuple

    Coroutine = CoroutineType[Any, Any, Any]
    Row = Tuple[Coroutine, FrameType, List[Any], int, Optional[int], object]

__all__ = ["read_chain"]

_frame_of = attrgetter("cr_frame")
_lasti_of = attrgetter("cr_frame.f_lasti")
_line_of = attrgetter("cr_frame.f_lineno")
_awaited_by = attrgetter("cr_await")
_new_frame = Frame.__new__
_new_context = Context.__new__


def read_chain(first: Coroutine, with_contexts: bool) -> Tuple[List[Frame], object]:
    """The frames of a suspended coroutine and of those that it leads to, innermost first.

    Args:
        first: The coroutine.
        with_contexts: Whether to look for contexts. Those of a frame are a list; ``()`` if they are
            not known.

    Returns:
        The frames; none if they can't be read so. And what the last coroutine awaits.
    """
    chain: List[Coroutine] = []
    item: Any = first
    while type(item) is CoroutineType and not item.cr_running:
        chain.append(item)
        item = item.cr_await
    if not chain:
        return [], first
    owners: Iterable[Any] = map(_frame_of, chain) if STACK_IS_IN_FRAME else chain
    # All of it stands where `f_lasti` says, for nothing else happens meanwhile.
    columns: Iterator[Any] = zip(
        chain,
        map(_frame_of, chain),
        map(gc.get_referents, owners) if with_contexts else repeat([]),
        map(_lasti_of, chain),
        map(_line_of, chain),
        map(_awaited_by, chain),
    )
    try:
        rows: List[Row] = at_once(list, columns)
    except AttributeError:
        return [], first  # one has ended, and has no frame any more
    is_exact = with_contexts and choosing.reader() is not None
    frames = []
    expected = item
    for coroutine, pyframe, held, lasti, line, awaited in reversed(rows):
        if awaited is not expected:
            return [], first  # it has been resumed meanwhile
        expected = coroutine
        frame = _new_frame(Frame)  # what isn't set here is as the class says
        frame.pyframe = pyframe
        frame.lineno = line or 0
        frame.origin = coroutine
        if is_exact:
            frame.contexts = _contexts(pyframe, lasti, held, awaited)
        else:
            frame.contexts = () if with_contexts else []
        frames.append(frame)
    return frames, item


def _contexts(
    pyframe: FrameType, lasti: int, held: List[Any], awaited: object
) -> Sequence[Context]:
    """The contexts of a suspended frame, as a list; ``()`` if they can't be told here.

    Args:
        pyframe: The frame.
        lasti: Where it stands.
        held: What the collector sees of it then.
        awaited: What it awaits then.
    """
    analysis = analyze(pyframe.f_code, pyframe.f_globals)
    if not analysis.blocks:
        return []
    plan = analysis.plans.get(lasti) or analysis.plan_at(lasti)
    if not plan.places:
        return [] if plan.is_complete else ()
    if awaited is None or len(held) < 2:
        return ()
    # An exception that is being handled may follow (`gen_traverse` in Objects/genobject.c).
    shift = 0 if held[-1] is awaited else 1
    if held[-2] is awaited if shift == 0 else held[-2] is not awaited:
        return ()
    named: List[int] = []
    if plan.named is not None:
        start, end = plan.named
        named = list(map(id, held[start - shift : end - shift]))
    contexts = []
    for slot, self_slot, exit_name, has_target, is_async, varname, line, find_line in plan.places:
        item = held[slot - shift]
        if self_slot:
            manager = held[self_slot - shift]
            is_known = _is_manager(manager, item, exit_name)
        elif type(item) is MethodType:
            # As `manager_of`, without a call for what is the most usual.
            manager = item.__self__
            is_known = namespace_of(type(manager)).get(exit_name) is item.__func__
            if not is_known:
                is_known, manager = manager_of(item, exit_name)
        else:
            is_known, manager = manager_of(item, exit_name)
        if not is_known or (not has_target and id(manager) in named):
            return ()
        context = _new_context(Context)
        context.obj = manager
        context.is_async = is_async
        context.varname = varname
        if find_line is None:
            context.start_line = line
        else:
            context._late_start_line = find_line  # type: ignore[attr-defined]  # `make_late`
        contexts.append(context)
    return contexts


def _is_manager(manager: object, function: object, name: str) -> bool:
    """Whether two neighbours on the stack are a manager and its exit method (3.14+).

    In the place of the manager there is NULL if its exit is no method. What stands there then is
    the exit itself, which can be called.
    """
    return is_exit_of(function, manager, name) and not callable(manager)
