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
from types import CellType, CoroutineType, MethodType

from stackscope.extraction.contexts import note_start_line
from stackscope.interpreter.bytecode import analyze
from stackscope.interpreter.facts import STACK_IS_IN_FRAME
from stackscope.interpreter.frames import choosing
from stackscope.interpreter.frames.methods import is_exit_of, manager_in_exit, manager_of
from stackscope.interpreter.frames.variables import content_of
from stackscope.interpreter.running import at_once
from stackscope.model.stacks import Context, Frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

    from stackscope.interpreter.bytecode import Block

    Coroutine = CoroutineType[Any, Any, Any]
    State = Tuple[FrameType, int, Optional[int], object]
    """The frame of a coroutine, the instruction and the line where it is, and what it awaits."""
    Row = Tuple[Coroutine, State, List[Any]]
    Proved = Dict[str, Dict[int, type]]
    """For each name of an exit method: the class that a function is known to be that of, by its id.
    """

__all__ = ["read_chain"]

_frame_of = attrgetter("cr_frame")
_state_of = attrgetter("cr_frame", "cr_frame.f_lasti", "cr_frame.f_lineno", "cr_await")
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
        map(_state_of, chain),
        map(gc.get_referents, owners) if with_contexts else repeat([]),
    )
    try:
        rows: List[Row] = at_once(list, columns)
    except AttributeError:
        return [], first  # one has ended, and has no frame any more
    is_exact = with_contexts and choosing.reader() is not None
    frames = []
    proved: Proved = {"__exit__": {}, "__aexit__": {}}
    expected = item
    for coroutine, (pyframe, lasti, line, awaited), held in reversed(rows):
        if awaited is not expected:
            return [], first  # it has been resumed meanwhile
        expected = coroutine
        frame = _new_frame(Frame)  # what isn't set here is as the class says
        frame.pyframe = pyframe
        frame.lineno = line or 0
        frame.origin = coroutine
        if is_exact:
            frame.contexts = _contexts(pyframe, lasti, held, awaited, proved)
        else:
            frame.contexts = () if with_contexts else []
        frames.append(frame)
    return frames, item


def _contexts(
    pyframe: FrameType, lasti: int, held: List[Any], awaited: object, proved: Proved
) -> Sequence[Context]:
    """The contexts of a suspended frame, as a list; ``()`` if they can't be told here.

    Args:
        pyframe: The frame.
        lasti: Where it stands.
        held: What the collector sees of it then.
        awaited: What it awaits then.
        proved: What is known of the exit methods in this chain so far.
    """
    analysis = analyze(pyframe.f_code, pyframe.f_globals)
    if not analysis.blocks:
        return []
    plan = analysis.plans.get(lasti) or analysis.plan_at(lasti)
    if not plan.is_complete:
        return ()
    places = plan.places
    leaving = plan.leaving
    if not places and leaving is None:
        return []
    if awaited is None or len(held) < 2:
        return ()
    # An exception that is being handled may follow (`gen_traverse` in Objects/genobject.c).
    if held[-1] is not awaited:
        held = held[:-1]
        if held[-1] is not awaited:
            return ()
    elif held[-2] is awaited:
        return ()
    named: List[int] = []
    if plan.named is not None:
        first, last = plan.named
        variables = held[first:last]
        named = list(map(id, variables))
        if plan.in_cells:
            named += _ids_in_cells(variables)
    contexts = []
    for slot, self_slot, exit_name, has_target, is_async, varname, line, find_line in places:
        item = held[slot]
        if self_slot:
            manager = held[self_slot]
            function = item
        elif type(item) is MethodType:
            manager = item.__self__
            function = item.__func__
        else:
            manager = function = None
        cls = type(manager)
        if proved[exit_name].get(id(function)) is not cls:
            if self_slot:
                is_known = _is_manager(manager, item, exit_name)
            else:
                is_known, manager = manager_of(item, exit_name)
            if not is_known:
                return ()
            if function is not None:
                proved[exit_name][id(function)] = cls
        if not has_target and id(manager) in named:
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
    if leaving is not None:
        left = _context_left(leaving, awaited, named)
        if left is None:
            return ()
        contexts.append(left)
    return contexts


def _ids_in_cells(variables: List[Any]) -> List[int]:
    """The ids of what is in the cells among some values."""
    contents = [content_of(one) for one in variables if type(one) is CellType]
    return [id(content) for found, content in contents if found]


def _context_left(block: Block, awaited: object, named: Sequence[int]) -> Optional[Context]:
    """The context whose exit method is awaited; ``None`` if it can't be told by its coroutine."""
    pyframe = awaited.cr_frame if type(awaited) is CoroutineType else None
    if pyframe is None:
        return None
    is_known, manager = manager_in_exit(pyframe, block.exit_name)
    if not is_known or (not block.has_target and id(manager) in named):
        return None
    context = Context(manager, block.is_async, True, block.varname)
    note_start_line(context, block)
    return context


def _is_manager(manager: object, function: object, name: str) -> bool:
    """Whether two neighbours on the stack are a manager and its exit method (3.14+).

    In the place of the manager there is NULL if its exit is no method. What stands there then is
    the exit itself, which can be called.
    """
    return is_exit_of(function, manager, name) and not callable(manager)
