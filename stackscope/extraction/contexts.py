"""The contexts active in a frame: what the code says, filled in with what the interpreter holds."""

from __future__ import annotations

import gc
import sys
from functools import partial
from types import (
    AsyncGeneratorType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
)
from typing import Any, FrozenSet, Iterator, List, Optional, Sequence, Tuple

from stackscope.interpreter.bytecode import Block, CodeAnalysis, Exiting, Live, Site, analyze
from stackscope.interpreter.facts import CO_ANY_GENERATOR, FREE_THREADED, IS_CPYTHON, TAGGED_SLOTS
from stackscope.interpreter.frames import choosing
from stackscope.interpreter.frames.base import COROUTINES, METHODS, FrameMoved, Moment, Reader
from stackscope.interpreter.frames.methods import (
    manager_in_exit,
    manager_of,
)
from stackscope.interpreter.frames.variables import (
    content_of,
    first_argument,
    local_value,
    name_of_local,
)
from stackscope.interpreter.running import find_running
from stackscope.interpreter.same_code import same_code
from stackscope.model.records import make_late
from stackscope.model.stacks import Context
from stackscope.safe.objects import MISSING, class_attribute

# How often a frame that keeps moving is looked at before we give up.
TRIES = 50

_new = Context.__new__


class FrameKeepsMoving(RuntimeError):
    """A frame that runs in another thread could not be read between two of its steps."""


def contexts_active_in_frame(
    frame: FrameType, origin: object = None, next_inner: Optional[FrameType] = None
) -> List[Context]:
    """The ``with`` and ``async with`` blocks that are active in a frame, outermost first.

    A block is active from the return of its manager's enter method to the return of its exit
    method. No hook runs: `Context.obj` is the manager itself.

    Args:
        frame: The frame. It may be suspended, or running in this thread or another one.
        origin: The generator, coroutine or async generator that the frame belongs to. It is needed
            only where frames aren't read exactly: see `set_trickery_enabled`.
        next_inner: The frame that ``frame`` is calling. If an exit method is running, its manager
            is found there.

    Returns:
        The contexts.

    Raises:
        RuntimeError: The frame runs in another thread, too fast to be read.

    Example:
        >>> import sys, threading
        >>> lock = threading.Lock()
        >>> with lock:
        ...     [context] = contexts_active_in_frame(sys._getframe())
        >>> context.obj is lock
        True
    """
    analysis = analyze(frame.f_code, frame.f_globals)
    if not analysis.blocks:
        return []
    reader = choosing.reader()
    if reader is None:
        return _suspended_contexts(frame, origin, analysis)
    if FREE_THREADED:
        usual, reader = reader, _reader_without_gil(reader, frame, origin)
        if reader is None:
            return []
        if reader is not usual:
            next_inner = None  # it may run in another thread
    resting = contexts_at_rest(reader, frame, analysis, reader.at_rest(frame, analysis))
    if resting is not None:
        return resting
    for _ in range(TRIES):
        try:
            return _read(reader, frame, analysis, next_inner)
        except FrameMoved:
            continue
    raise FrameKeepsMoving(f"{frame.f_code.co_name}() runs too fast to see its context managers")


def _reader_without_gil(reader: Reader, frame: FrameType, origin: object) -> Optional[Reader]:
    from stackscope.interpreter.frames.freethreaded import reader_for

    return reader_for(reader, frame, origin)


def contexts_at_rest(
    reader: Reader,
    frame: FrameType,
    analysis: CodeAnalysis,
    resting: Optional[Tuple[Site, List[object], Sequence[int]]],
) -> Optional[List[Context]]:
    """The contexts of a frame that leaves no block, from what `Reader.at_rest` says of it.

    Returns:
        ``None`` if that doesn't tell.
    """
    if resting is None:
        return None
    site, found, variables = resting
    managers = len(site.live)
    cells = analysis.cells if site.nameless else ()
    if site.exiting is not None or len(found) != managers + len(cells):
        return None
    contexts = []
    for (block, _, self_slot), item in zip(site.live, found):
        known, manager = (True, item) if self_slot >= 0 else manager_of(item, block.exit_name)
        varname = block.varname
        if known and not block.has_target:
            address = id(manager)
            if address in variables:
                varname = analysis.names[variables.index(address)]
            elif TAGGED_SLOTS and address | 1 in variables:
                varname = analysis.names[variables.index(address | 1)]
            elif cells:
                varname = _name_in_cells(analysis.names, cells, found[managers:], manager)
            elif not analysis.in_slots:
                varname = _name(reader, frame, analysis, manager)
        context = _new(Context)  # what isn't set here is as the class says
        context.obj = manager
        context.is_async = block.is_async
        context.varname = varname
        if block.keywords is None:
            context.start_line = block.line
        else:
            # `make_late`, but faster
            context._late_start_line = block.find_start_line  # type: ignore[attr-defined]
        contexts.append(context)
    return contexts


def _name_in_cells(
    names: Sequence[str], slots: Sequence[int], cells: Sequence[object], manager: object
) -> Optional[str]:
    """The name of the first variable in a cell that holds ``manager``."""
    for slot, cell in zip(slots, cells):
        found, content = content_of(cell)
        if found and content is manager:
            return names[slot]
    return None


def _name(
    reader: Reader, frame: FrameType, analysis: CodeAnalysis, manager: object
) -> Optional[str]:
    for _ in range(TRIES):
        try:
            moment = reader.moment(frame, frame.f_code)
            if moment is None:
                return None
            return name_of_local(frame, analysis.names, moment, manager)
        except FrameMoved:
            continue
    return None


def _read(
    reader: Reader, frame: FrameType, analysis: CodeAnalysis, next_inner: Optional[FrameType]
) -> List[Context]:
    moment = reader.moment(frame, frame.f_code)
    if moment is None:
        return []
    if not analysis.at(moment.lasti):
        return []
    site = moment.pick(analysis)
    if site is None:
        raise FrameMoved
    if not site.live and site.exiting is None:
        return []
    stack = len(analysis.names)
    asked = next_inner
    if moment.depth < 0:
        next_inner = _running_callee(reader, frame, asked)
    if moment.depth < 0 and next_inner is not None and _is_finalizer(next_inner):
        awaited = -1 if site.exiting is None else site.exiting.awaitable
        known, finalized = _finalized(next_inner)
        moment.note_finalizer(
            next_inner, id(finalized) if known else 0, stack + awaited if awaited >= 0 else -1
        )
        moment.note_newer(partial(_used_inside, reader, frame))
    contexts = []
    for live, (known, manager) in zip(site.live, _managers(moment, site, stack)):
        contexts.append(_context(live.block, manager, False))
        if known and not live.block.has_target:
            contexts[-1].varname = name_of_local(frame, analysis.names, moment, manager)
    if site.exiting is not None and len(contexts) == len(site.live):
        left = _exiting_context(reader, moment, frame, analysis, site, next_inner)
        if left and contexts:
            # In a loop of another thread the frame may stand where it stood before, but one turn
            # later. The managers of then, which are alive, are in their places only if it isn't.
            again = [manager for _, manager in _managers(moment, site, stack)]
            if [id(one.obj) for one in contexts] != [id(manager) for manager in again]:
                raise FrameMoved
        contexts += left
    if moment.depth < 0 and _running_callee(reader, frame, asked) is not next_inner:
        raise FrameMoved
    moment.check()
    return contexts


def _running_callee(
    reader: Reader, frame: FrameType, callee: Optional[FrameType]
) -> Optional[FrameType]:
    """The frame that ``frame`` is calling, if that is no longer ``callee``.

    A frame of another thread may have gone on since its stack was looked at, to another callee, or
    be dropping now what it has on its stack: what that calls tells how far it has come.
    """
    if callee is None or (reader.is_alive(callee) and callee.f_back is frame):
        return callee
    if frame.f_back is None and frame.f_code.co_flags & CO_ANY_GENERATOR:
        return callee  # both are suspended
    running = find_running(frame, sys._getframe(1))
    return running[1] if len(running) > 1 else None


def _used_inside(reader: Reader, frame: FrameType) -> FrozenSet[int]:
    """The addresses of what frames have in use that ``frame`` is calling, directly or not."""
    found: List[int] = []
    for inner in find_running(frame, sys._getframe(1))[1:]:
        try:
            moment = reader.moment(inner, inner.f_code)
            site = None if moment is None else moment.pick(analyze(inner.f_code))
            if moment is not None and site is not None:
                found += moment.addresses(site.used)
        except FrameMoved:  # it goes on
            continue
    return frozenset(found)


def _context(block: Block, manager: object, is_exiting: bool) -> Context:
    context = Context(manager, block.is_async, is_exiting, block.varname)
    note_start_line(context, block)
    return context


def note_start_line(context: Context, block: Block) -> None:
    """Say where the statement of a context begins. If the source tells that, it is read later."""
    if block.keywords is None:
        context.start_line = block.line
    else:
        make_late(context, "start_line", block.find_start_line)


def _managers(moment: Moment, site: Site, stack: int) -> List[Tuple[bool, object]]:
    """For each live block: whether its manager is known, and the manager.

    Upper blocks that the frame has left already, although ``f_lasti`` says otherwise, are left out.
    """
    live: Tuple[Live, ...] = site.live
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
    # NULL stands beside a callable that is no method of the manager's class (LOAD_SPECIAL; see
    # `_PyObject_LookupSpecialMethod` in Objects/object.c). What that is bound to may be anything.
    return [(manager is not None, manager) for manager in selves]


def _exiting_context(
    reader: Reader,
    moment: Moment,
    frame: FrameType,
    analysis: CodeAnalysis,
    site: Site,
    next_inner: Optional[FrameType],
) -> List[Context]:
    """The context that is being left, in a list; none if that has failed and the frame unwinds."""
    exiting = site.exiting
    assert exiting is not None
    stack = len(analysis.names)
    if moment.depth >= 0 and not moment.leaves(frame, site, next_inner):
        return []
    found: Tuple[bool, object] = (False, None)
    proved = moment.depth >= 0
    for slot in (exiting.slot, exiting.awaitable):
        # Operands of the call may have moved into the callee's frame (3.14+).
        last = max(slot, exiting.self_slot) if slot == exiting.slot else slot
        moved = 0 <= moment.depth <= stack + last
        if moved:
            next_inner = _running_callee(reader, frame, next_inner)
            if next_inner is not None and not moment.calls(next_inner):
                return []  # the method has ended, and something else was called from C
        if slot >= 0 and not moved and not found[0]:
            in_use, item, found = _exiting_manager(moment, stack, exiting, slot, next_inner)
            proved |= item is not None
            if not in_use or _has_ended(item):
                return []
            if moment.depth < 0 and _is_over(item, exiting, frame, next_inner):
                return []
        elif 0 <= slot == exiting.awaitable and not moved:
            _, awaitable = moment.peek(stack + slot, COROUTINES)
            if _has_ended(awaitable):  # others have closed it, such as the collector
                return []
    if not found[0] and next_inner is not None:
        if not proved and _is_finalizer(next_inner):
            # Either the exit method has failed and the frame unwinds, or the collector came while
            # the method was being called; the manager is in the method's place then.
            _, found = _object_in_place(moment, stack, exiting, next_inner)
            if not found[0] and exiting.block.is_async and exiting.awaitable < 0:
                # 3.8: it is awaited in a slot that depends on the way that led here.
                found = _manager_in_callee(reader, moment, frame, next_inner, exiting.block)
            if not found[0] and (moment.may_unwind(site) or _is_of_manager(next_inner, exiting)):
                return []
        else:
            found = _manager_in_callee(reader, moment, frame, next_inner, exiting.block)
    known, manager = found
    context = _context(exiting.block, manager, True)
    if known and not exiting.block.has_target:
        context.varname = name_of_local(frame, analysis.names, moment, manager)
    return [context]


def _exiting_manager(
    moment: Moment, stack: int, exiting: Exiting, slot: int, next_inner: Optional[FrameType]
) -> Tuple[bool, object, Tuple[bool, object]]:
    """What a slot says that leads to the manager.

    Returns:
        Whether it is in use, what it holds if that was to be expected, and the manager.
    """
    name = exiting.block.exit_name
    if slot == exiting.awaitable:
        in_use, awaitable = moment.peek(stack + slot, COROUTINES)
        inner = _frame_of_awaitable(awaitable)
        found = (False, None) if inner is None else manager_in_exit(inner, name)
        return in_use, awaitable, found
    if exiting.self_slot >= 0:
        [manager] = moment.nullable([stack + exiting.self_slot])
        if manager is not None:
            return True, manager, (True, manager)
    in_use, exit_callable = moment.peek(stack + slot, METHODS)
    if not in_use:
        is_there, found = _object_in_place(moment, stack, exiting, next_inner)
        return is_there, None, found
    found = manager_of(exit_callable, name) if exiting.self_slot < 0 else (False, None)
    return in_use, exit_callable, found


def _has_ended(awaitable: object) -> bool:
    """Whether the coroutine of an exit method has returned or raised."""
    is_known = type(awaitable) is CoroutineType or type(awaitable) is GeneratorType
    return is_known and _frame_of_awaitable(awaitable) is None


def _has_failed(method: MethodType, caller: FrameType) -> bool:
    """Whether a method has been called and has raised an exception that is on its way now.

    The traceback holds its frame then. Else the collector came while it was being called.
    """
    code = method.__func__.__code__
    return any(
        type(found) is FrameType and same_code(code, found.f_code) and found.f_back is caller
        for found in gc.get_referrers(method.__self__)
    )


def _is_over(
    item: object, exiting: Exiting, frame: FrameType, next_inner: Optional[FrameType]
) -> bool:
    """Whether ``item`` can't be the exit method that a frame is calling, or the awaitable of one.

    An exit may have failed and the frame be unwinding. Then the slot is stale, and ``item`` may
    have come to the same address later on: what the frame drops may run code, and that enters and
    leaves blocks of its own.

    Args:
        item: what a slot of the frame holds that may be stale; `None` for nothing known.
        exiting: what the frame is calling by its instruction.
        frame: the frame.
        next_inner: the frame that it is calling.
    """
    if next_inner is None or item is None:
        return False
    if type(item) is MethodType:
        function, code = item.__func__, next_inner.f_code
        if type(function) is FunctionType and function.__code__.co_flags & CO_ANY_GENERATOR:
            return False  # nothing that is called can fail yet
        # An asynchronous exit may be awaited by now.
        is_awaited = exiting.block.is_async and code.co_flags & CO_ANY_GENERATOR
        is_called = type(function) is not FunctionType or same_code(code, function.__code__)
        if is_called or is_awaited or not _is_finalizer(next_inner):
            return False
        return (
            type(function) is not FunctionType
            or not manager_of(item, exiting.block.exit_name)[0]
            or _has_failed(item, frame)
        )
    if type(item) is CoroutineType:
        inner, is_running = item.cr_frame, item.cr_running
    elif type(item) is GeneratorType:
        inner, is_running = item.gi_frame, item.gi_running
    else:
        return False
    return inner is not next_inner and (inner is None or is_running or _is_finalizer(next_inner))


def _object_in_place(
    moment: Moment, stack: int, exiting: Exiting, next_inner: Optional[FrameType]
) -> Tuple[bool, Tuple[bool, object]]:
    """Whether an argument stands where the exit callable was, and the manager if it is that.

    While a bound method or a `functools.partial` is called, its first argument does
    (``method_vectorcall`` in Objects/classobject.c, ``partial_vectorcall`` in
    Modules/_functoolsmodule.c).
    """
    slot = stack + exiting.slot
    if exiting.slot < 0 or not moment.may_use(slot):
        return False, (False, None)
    manager = moment.tracked(slot)
    exit_method = class_attribute(type(manager), exiting.block.exit_name, MISSING)
    if exit_method is not MISSING:
        is_known = type(exit_method) is FunctionType
        return True, (is_known, manager if is_known else None)
    known, first = (False, None) if next_inner is None else first_argument(next_inner)
    return known and moment.addresses(slot + 1)[slot] == id(first), (False, None)


def _manager_in_callee(
    reader: Reader, moment: Moment, frame: FrameType, callee: FrameType, block: Block
) -> Tuple[bool, object]:
    """The manager that ``callee`` is the exit method of, if it is one that ``frame`` now calls."""
    found = manager_in_exit(callee, block.exit_name)
    # A callee that is still at work has been called from here all the time. One that has ended may
    # belong to an exit before this one.
    if found[0] and callee.f_back is frame and reader.is_alive(callee):
        return found
    return False, None


def _is_finalizer(frame: FrameType) -> bool:
    """Whether a frame that was called from C is rather a finalizer than a method that was called.

    Only asked where nothing in the caller's stack shows that its call is still going on: it may
    have failed, and the caller be unwinding.
    """
    code = frame.f_code
    if code.co_flags & CO_ANY_GENERATOR or code.co_name == "__del__":
        return True
    return any(code is callback for callback in _callbacks())


def _callbacks() -> Iterator[CodeType]:
    """The code of what the interpreter calls before and after it drops something."""
    for callback in (sys.get_asyncgen_hooks().finalizer, *gc.callbacks):
        code = _code_of(callback)
        if code is not None:
            yield code


def _code_of(callback: Any) -> Optional[CodeType]:
    """The code of a function or a bound method."""
    function = callback.__func__ if type(callback) is MethodType else callback
    return function.__code__ if type(function) is FunctionType else None


def _finalized(finalizer: FrameType) -> Tuple[bool, object]:
    """What a finalizer that is a function is called for, and whether that is known."""
    code = finalizer.f_code
    if code.co_name == "__del__":
        return first_argument(finalizer)
    hook = sys.get_asyncgen_hooks().finalizer
    if _code_of(hook) is not code:
        return False, None
    if type(hook) is not MethodType:
        return first_argument(finalizer)
    # The first argument is what the method is bound to.
    return local_value(finalizer, code.co_varnames[1]) if code.co_argcount > 1 else (False, None)


def _is_of_manager(finalizer: FrameType, exiting: Exiting) -> bool:
    """Whether a finalizer is that of the manager, which is dropped when its exit has returned."""
    if finalizer.f_code.co_flags & CO_ANY_GENERATOR:
        return False
    known, finalized = first_argument(finalizer)
    return (
        known and class_attribute(type(finalized), exiting.block.exit_name, MISSING) is not MISSING
    )


def _frame_of_awaitable(awaitable: object) -> Optional[FrameType]:
    if type(awaitable) is CoroutineType:
        return awaitable.cr_frame
    if type(awaitable) is GeneratorType:
        return awaitable.gi_frame
    return None


def _suspended_contexts(frame: FrameType, origin: object, analysis: CodeAnalysis) -> List[Context]:
    """What public interfaces tell of CPython's suspended frames where memory can't be read."""
    if not IS_CPYTHON:
        return []  # the managers that PyPy's frames refer to aren't told from others by that alone
    from stackscope.interpreter.frames.public_only import exits_in
    from stackscope.interpreter.resumable import is_alone

    # Another thread may resume it meanwhile. Without the GIL it may have gone round a loop, and be
    # back.
    more_looks = 0 if is_alone() else 3
    owner = frame if origin is None else origin
    for _ in range(TRIES):
        position = frame.f_lasti
        sites: Tuple[Site, ...] = analysis.at(position)
        active = max((len(site.live) for site in sites), default=0)
        exiting = next((site.exiting for site in sites if site.exiting is not None), None)
        # An exit method that an exception has called is still there.
        is_kept = exiting is not None and exiting.slot >= 0
        found = exits_in(owner, frame)
        left = _left_in(owner, frame, exiting.block) if exiting and not is_kept else []
        stays = all(
            frame.f_lasti == position and _are_same(exits_in(owner, frame), found)
            for _ in range(more_looks)
        )
        if stays and frame.f_lasti == position:
            count = active + is_kept
            contexts = [
                Context(manager, is_async)
                for manager, is_async in (found[-count:] if count else ())
            ]
            if is_kept and len(contexts) == count:
                contexts[-1].is_exiting = True
            return contexts + left
    raise FrameKeepsMoving(f"{frame.f_code.co_name}() runs too fast to see its context managers")


def _left_in(owner: object, frame: FrameType, block: Block) -> List[Context]:
    """The context whose exit method a suspended frame awaits, by what it awaits."""
    from stackscope.interpreter.frames.public_only import manager_awaited
    from stackscope.interpreter.resumable import awaited_by, frame_of, is_alone

    awaited: object = None
    if not is_alone() and owner is not frame:
        awaited = awaited_by(owner, frame)  # type: ignore[arg-type]
    elif type(owner) is CoroutineType:
        awaited = owner.cr_await
    elif type(owner) is AsyncGeneratorType:
        awaited = owner.ag_await
    inner = frame_of(awaited)
    manager = None if inner is None else manager_awaited(awaited, inner, block.exit_name)
    return [Context(manager, block.is_async, True)]


def _are_same(some: Sequence[Tuple[object, bool]], others: Sequence[Tuple[object, bool]]) -> bool:
    return [id(manager) for manager, _ in some] == [id(manager) for manager, _ in others]
