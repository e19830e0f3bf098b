"""What a task waits for.

`describe_wait` puts it together from hooks, which glue registers: `describe_leaf`, for the object
at the end of a stack, and `describe_call`, for a function that is waiting for it. Each of them adds
what it knows to a `Waiting`, the innermost one first.
"""

from __future__ import annotations

import sys
import weakref

from stackscope.extraction.codes import function_dispatch
from stackscope.extraction.extraction import (
    Extraction,
    current_extraction,
    implementation,
    looked_up_once,
)
from stackscope.extraction.registrations import latest_registration, single_dispatch
from stackscope.interpreter.facts import CO_ANY_GENERATOR
from stackscope.interpreter.frames.blocking import (
    LOCK,
    RLOCK,
    UNKNOWN,
    lock_awaited_in,
    tells_locks,
)
from stackscope.model.stacks import Stack
from stackscope.model.waiting import Waiting
from stackscope.safe.interruptions import interrupts
from stackscope.safe.objects import module_of
from stackscope.safe.scoped import Scoped
from stackscope.snapshot.user_code import calls_below_user, is_runtime_frame, name_of_call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

    from stackscope.model.stacks import Frame

__all__ = [
    "ask_about",
    "awaited_object",
    "describe_call",
    "describe_leaf",
    "describe_object",
    "describe_wait",
    "finished_by",
    "is_open",
    "tasks_behind",
]

MOST_LAYERS = 8
"""How many futures that are inside each other are described. The tasks behind more of them are
found all the same."""


@single_dispatch
def awaited_object(item: Any) -> object:
    """Hook: find the object that a stack item waits for, if its stack has no leaf.

    Dispatches on the type of ``item``.

    Args:
        item: The stack item, such as a task.

    Returns:
        The object; ``None`` if it isn't known.

    Example:
        >>> class Order:
        ...     def __init__(self, reply):
        ...         self.reply = reply
        >>> @awaited_object.register(Order)
        ... def reply_to(order):
        ...     return order.reply
        >>> describe_wait(extract(Order("the reply"))).obj
        'the reply'
    """
    return None


@single_dispatch
def describe_unknown(leaf: Any, waiting: Waiting) -> None:
    """Hook: say more of an object at the end of a stack, if nobody else has told anything.

    That may take a look at all others. Dispatches on the type of ``leaf``.

    Args:
        leaf: The object.
        waiting: To be filled in.
    """


@single_dispatch
def finished_by(future: Any) -> Sequence[object]:
    """Hook: what has to finish before a future has a result: tasks, or other futures.

    Dispatches on the type of ``future``.

    Args:
        future: The future, which may be done.

    Returns:
        Those that aren't done; nothing if the future stands for itself.
    """
    return ()


@single_dispatch
def is_open(future: Any) -> bool:
    """Hook: whether anybody who has a future may give it its result.

    Else only the end of what `finished_by` gives does that, or what the future stands for.
    Dispatches on the type of ``future``.

    Args:
        future: What something waits for, such as a task or a future.
    """
    return False


def tasks_behind(futures: Iterable[object]) -> List[object]:
    """For hooks: the tasks that have to finish before futures have a result.

    Args:
        futures: The futures, or tasks.

    Returns:
        What `finished_by` leads to in the end, each of it once. All of this takes linear time
        for the futures of a snapshot, however they are nested. The list for a single future is the
        same whenever it is asked for: it must not be changed.
    """
    futures = list(futures)
    if len(futures) == 1:
        return _behind(futures[0])
    found: Dict[int, object] = {}
    for future in futures:
        for one in _behind(future):
            found[id(one)] = one
    return list(found.values())


def _nothing_known() -> Dict[int, Tuple[object, List[object]]]:
    """The tasks behind futures, by the id of the future, at the beginning of an extraction."""
    return {}


def _behind(future: object) -> List[object]:
    """The tasks behind one future; itself, if there is nothing behind it."""
    known = looked_up_once(_nothing_known)
    todo = [future]
    opened: Dict[int, Sequence[object]] = {}
    while todo:
        top = todo[-1]
        if id(top) in known:
            todo.pop()
            continue
        others = opened.get(id(top))
        if others is None:
            others = _ask(_hook(finished_by, top), top) or ()
            opened[id(top)] = others
            # Those that are open already wait for this one in a circle.
            todo += [one for one in others if id(one) not in known and id(one) not in opened]
            continue
        todo.pop()
        lists = [known[id(one)][1] for one in others if id(one) in known]
        if len(lists) == 1:
            known[id(top)] = (top, lists[0])
        else:
            found = {id(one): one for part in lists for one in part} or {id(top): top}
            known[id(top)] = (top, list(found.values()))
    return known[id(future)][1]


@single_dispatch
def describe_leaf(leaf: Any, waiting: Waiting) -> None:
    """Hook: describe the wait for an object. Dispatches on the type of ``leaf``.

    Args:
        leaf: The object at the end of a stack.
        waiting: The description, with ``leaf`` as its ``obj``. The hook fills it in.

    Example:
        >>> class Ticket:
        ...     place = 2
        >>> @describe_leaf.register(Ticket)
        ... def describe_ticket(ticket, waiting):
        ...     waiting.call, waiting.place, waiting.count = "the counter", ticket.place, 5
        >>> print(describe_object(Ticket()))
        the counter: 2nd of 5 waiters
    """


def _code_of_frame(frame: Frame, waiting: object = None) -> CodeType:
    return frame.pyframe.f_code


@function_dispatch(_code_of_frame)
def describe_call(frame: Frame, waiting: Waiting) -> Optional[bool]:
    """Hook: describe what a function waits for. Dispatches on the code object of the function.

    The call is named after the function, unless the hook sets ``waiting.call``.

    Args:
        frame: The frame of the function.
        waiting: What is known from the calls below. The hook changes it: `Waiting.clear` forgets
            the details, and `Waiting.wrap` makes it the ``inner`` wait.

    Returns:
        ``False`` to leave ``waiting`` as it was, without the name of this call.

    Example:
        >>> import types
        >>> class Gate:
        ...     queue = ["somebody", "somebody else"]
        ...     @types.coroutine
        ...     def enter(self):
        ...         yield
        >>> @describe_call.register(Gate.enter)
        ... def describe_gate(frame, waiting):
        ...     found, gate = stackscope.lowlevel.local_value(frame.pyframe, "self")
        ...     waiting.clear()
        ...     waiting.obj = gate
        ...     waiting.count = len(gate.queue)
        >>> entering = Gate().enter()
        >>> entering.send(None)
        >>> print(describe_wait(extract(entering)))
        Gate.enter(): 2 waiters
        >>> entering.close()
    """


def describe_object(leaf: object) -> Waiting:
    """For hooks: describe the wait for an object, whoever waits.

    Args:
        leaf: The object, such as a future or a task.

    Returns:
        The description by `describe_leaf`, for example for the ``inner`` wait of another one.

    Example:
        >>> import asyncio
        >>> async def main():
        ...     task = asyncio.current_task()
        ...     return describe_object(task).tasks == [task]
        >>> asyncio.run(main())
        True
    """
    waiting = Waiting(obj=leaf)
    layers = _layers.get()
    if layers < MOST_LAYERS:
        _layers.during(layers + 1, _ask, _hook(describe_leaf, leaf), leaf, waiting)
    return waiting


_layers: Scoped[int] = Scoped("layers of waits", 0)
"""How many waits are being described that are inside each other."""


def describe_wait(stack: Stack) -> Optional[Waiting]:
    """Describe what a suspended stack waits for.

    Args:
        stack: The stack of a task, a coroutine or the like.

    Returns:
        The description; ``None`` if it doesn't wait, or if that isn't known.

    Example:
        >>> import asyncio
        >>> async def main():
        ...     task = asyncio.ensure_future(asyncio.Event().wait())
        ...     await asyncio.sleep(0)
        ...     return str(describe_wait(extract(task)))
        >>> asyncio.run(main())
        'Event.wait(): 1 waiter'
    """
    if current_extraction() is None:
        # So that all that is looked up is looked up once.
        extraction = Extraction(False, False, sys._getframe(1))
        return extraction.complete(_describe_wait, stack)
    return _describe_wait(stack)


def _describe_wait(stack: Stack) -> Optional[Waiting]:
    # What nothing unwraps is its own leaf, and not what it waits for.
    leaf = None if stack.leaf is stack.root else stack.leaf
    if leaf is None and stack.root is not None:
        leaf = _ask(_hook(awaited_object, stack.root), stack.root)
    waiting = Waiting() if leaf is None else describe_object(leaf)
    is_named = bool(waiting.call) or waiting.thread is not None or bool(waiting.tasks)
    calls = _calls(stack)
    described: Optional[Frame] = None
    has_words = False  # whether the outermost hook so far has named the call itself
    for frame in reversed(calls):
        describe = describe_call.for_code(frame.pyframe.f_code)
        if describe is not None:
            call = waiting.call
            if _ask(describe, frame, waiting) is False:
                continue
            has_words = waiting.call not in ("", call)
            if not has_words:
                waiting.call = name_of_call(frame)
            described = frame
    if leaf is not None and described is None and not is_named:
        _ask(_hook(describe_unknown, leaf), leaf, waiting)
        is_named = bool(waiting.call)
    if calls and described is not calls[0] and (described is not None or not is_named):
        _name_outer_call(waiting, calls[0], described, has_words)
    if leaf is not None and not waiting.call and not waiting.tasks and waiting.thread is None:
        waiting.awaiting = _innermost_suspended(stack)
    return None if leaf is None and not waiting.call else waiting


def describe_thread(stack: Stack, known: Mapping[int, object]) -> Optional[Waiting]:
    """What a thread waits for, as far as that is a lock or something of `threading` or the like.

    Args:
        stack: The stack of the thread.
        known: Objects by their ids, of which some are locks.
    """
    if not stack.frames:
        return None
    innermost = stack.frames[-1]
    if _is_idle_worker(stack):
        return Waiting("work")
    lock = lock_awaited_in(innermost.pyframe, known)
    if lock is None and not _waits_by_itself(innermost):
        return None
    waiting = Waiting()
    if lock is not None:
        waiting.call = "RLock.acquire()" if type(lock) is RLOCK else "Lock.acquire()"
    if type(lock) in (LOCK, RLOCK):
        waiting.obj = waiting.lock = lock
    elif lock is not None and lock is not UNKNOWN:
        waiting.call, waiting.obj = "SimpleQueue.get()", lock
    calls = calls_below_user(stack, _is_described)
    if innermost.hide and innermost not in calls and _is_described(innermost):
        calls.append(innermost)
    described: Optional[Frame] = None
    for frame in reversed(calls):
        describe = describe_call.for_code(frame.pyframe.f_code)
        if describe is not None:
            call = waiting.call
            _ask(describe, frame, waiting)
            if waiting.call in ("", call):
                waiting.call = name_of_call(frame)
            described = frame
    if calls and described is None:
        waiting.call = name_of_call(calls[0])
    elif calls and described is not calls[0]:
        _name_outer_call(waiting, calls[0], described, has_words=False)
    waiting.call = waiting.call.replace(".__enter__()", ".acquire()")
    if waiting.call.endswith(".__exit__()"):
        waiting.call = f"end of {waiting.call[: -len('.__exit__()')]}"
    return waiting if waiting.call else None


_waits_in_c: Dict[int, Tuple[CodeType, bool]] = {}
"""The functions that wait in code without frames, by the ids of their code."""

_worker_loops: Dict[int, CodeType] = {}
"""The functions in which workers of pools wait for work, by the ids of their code."""


def register_wait_in_c(code: CodeType, *, in_lock: bool = False) -> None:
    """Say of a function that a thread whose innermost frame is one of it waits.

    Args:
        code: Its code.
        in_lock: Whether it waits for a lock, so that this has to be known only where there is no
            telling what a thread does with a lock.
    """
    _waits_in_c[id(code)] = code, in_lock


def register_worker_loop(code: CodeType) -> None:
    """Say of a function that the workers of a pool wait for work in it, and do it."""
    _worker_loops[id(code)] = code


def _waits_by_itself(frame: Frame) -> bool:
    found = _waits_in_c.get(id(frame.pyframe.f_code))
    return found is not None and not (found[1] and tells_locks())


def _is_idle_worker(stack: Stack) -> bool:
    """Whether a thread is a worker of a pool, and does nothing but wait in a queue or the like."""
    for frame in reversed(stack.frames):
        if id(frame.pyframe.f_code) in _worker_loops:
            return True
        if module_of(frame.pyframe) not in ("queue", "threading"):
            return False
    return False


def _calls(stack: Stack) -> List[Frame]:
    """What waits, outermost first: the calls below the innermost frame of the user's.

    Where a task waits for what another thread does, that is the call that has handed it to the
    thread, even if it is hidden.
    """
    frames = stack.frames
    index = len(frames) - 1
    while index > 0 and not _is_suspended(frames[index]):
        index -= 1
    if not frames or not _is_suspended(frames[index]):
        return calls_below_user(stack, _is_described)
    last = frames[index]
    calls = calls_below_user(Stack(stack.root, frames[: index + 1]), _is_described)
    return [*calls, last] if last.hide and _is_described(last) else calls


def _is_described(frame: Frame) -> bool:
    """Whether a hook says what a frame's call waits for."""
    return describe_call.for_code(frame.pyframe.f_code) is not None


def _is_suspended(frame: Frame) -> bool:
    """Whether a frame waits in a coroutine or generator, and not in a call in a thread."""
    return frame.origin is not None and bool(frame.pyframe.f_code.co_flags & CO_ANY_GENERATOR)


def _innermost_suspended(stack: Stack) -> Optional[Frame]:
    """The frame that awaits the leaf of a stack."""
    for frame in reversed(stack.frames):
        if not frame.hide:
            return frame if _is_suspended(frame) else None
    return None


def _name_outer_call(
    waiting: Waiting, outer: Frame, described: Optional[Frame], has_words: bool
) -> None:
    """Say that ``outer`` is what the user has called, where a frame below it was described."""
    if has_words and is_runtime_frame(outer.pyframe):
        return  # the words of a hook say more than its name
    if waiting.call == name_of_call(outer):
        return
    # A private function does the work of the one that is named, such as wait() and _wait().
    if described is not None and (has_words or not described.funcname.startswith("_")):
        waiting.wrap()
    waiting.call = name_of_call(outer)


_hooks: Dict[Tuple[int, int], Tuple[weakref.ref[type], object, Any]] = {}


def _hook(hook: Any, item: object) -> Optional[Callable[..., Any]]:
    """The implementation of a hook for the type of ``item``, remembered: it is slow to find."""
    cls = type(item)
    key = (id(hook), id(cls))
    known = _hooks.get(key)
    registration = latest_registration()
    if known is not None and known[0]() is cls and known[1] is registration:
        return known[2]  # type: ignore[no-any-return]
    found = implementation(hook, cls)
    if len(_hooks) > 500:  # there may be classes that are made all the time
        _hooks.clear()
    _hooks[key] = (weakref.ref(cls), registration, found)
    return found  # type: ignore[no-any-return]


def ask_about(hook: Any, item: object) -> Any:
    """What a hook that dispatches on a type says of an object; ``None`` if it fails.

    No code of the object runs, as that of ``__class__`` would if the hook were called.
    """
    return _ask(_hook(hook, item), item)


def _ask(hook: Optional[Callable[..., Any]], *args: Any) -> Any:
    """What a hook gives. What it raises costs what it would have told."""
    if hook is None:
        return None
    try:
        return hook(*args)
    except BaseException as exc:
        if interrupts(exc):
            raise
        return None
