"""Everything in the process that has a stack: its threads, its event loops, and their tasks as trees.

`extract_all` looks at asyncio and trio only if the program has imported them. It finds the loops and runs
of all threads, also those that are not running now, and puts each task under the task that owns it: the
one whose ``TaskGroup`` or nursery it was started in.

What is told about a task beside its stack is found in `_Asyncio` and `_Trio`, one class per library. A
private attribute that some version lacks costs the detail that it gives, nothing else.
"""

from __future__ import annotations

import functools
import itertools
import os
import sys
import weakref

from stackscope.api import extract
from stackscope.model import Frame, Stack
from stackscope.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from types import CodeType, FrameType, ModuleType
    from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

__all__ = [
    "LoopNode",
    "Snapshot",
    "TaskNode",
    "ThreadNode",
    "extract_all",
    "innermost_user_frame",
    "is_user_frame",
]


@record
class TaskNode:
    """One task, with the tasks that it owns.

    Args:
        task: The task object.
        number: Its number in this process. No other task ever gets the same.
        name: The name that its library knows it by.
        state: ``"running"``, ``"ready"`` (it will run as soon as its loop gets to it), ``"waiting"``,
            ``"cancelling"`` (a cancellation is on its way to it, or it is cleaning up) or ``"done"``.
        waits_for: What a task that isn't running waits for, in words; ``None`` if that is unknown.
        stack: Its stack. That of a task that runs in another thread may be out of date already.
        owner: The ``TaskGroup`` or nursery that it was started in; ``None`` if nothing owns it.
        children: The tasks that were started in this one's task groups or nurseries.
    """

    task: object
    number: int
    name: str
    state: str
    waits_for: Optional[str]
    stack: Stack
    owner: object
    children: List[TaskNode]

    def __init__(
        self,
        task: object,
        number: int,
        name: str,
        state: str,
        waits_for: Optional[str],
        stack: Stack,
        owner: object,
        children: List[TaskNode],
    ) -> None:
        self.task = task
        self.number = number
        self.name = name
        self.state = state
        self.waits_for = waits_for
        self.stack = stack
        self.owner = owner
        self.children = children

    def walk(self) -> Iterator[TaskNode]:
        """This task and all below it, each before its children."""
        todo = [self]
        while todo:
            node = todo.pop()
            yield node
            todo.extend(reversed(node.children))


@record
class LoopNode:
    """An asyncio event loop or a trio run, with its tasks.

    Args:
        loop: The event loop, or trio's object for the run.
        library: ``"asyncio"`` or ``"trio"``.
        thread: The name of the thread that it is running in, as far as that can be found.
        is_running: Whether it is running at all.
        is_here: Whether it is running in the thread that took the snapshot, and so stands still.
        tasks: The tasks that no other task owns.
    """

    loop: object
    library: str
    thread: Optional[str]
    is_running: bool
    is_here: bool
    tasks: List[TaskNode]

    def __init__(
        self,
        loop: object,
        library: str,
        thread: Optional[str],
        is_running: bool,
        is_here: bool,
        tasks: List[TaskNode],
    ) -> None:
        self.loop = loop
        self.library = library
        self.thread = thread
        self.is_running = is_running
        self.is_here = is_here
        self.tasks = tasks

    def walk(self) -> Iterator[TaskNode]:
        """All tasks of the loop, each before its children."""
        for node in self.tasks:
            yield from node.walk()


@record
class ThreadNode:
    """One thread.

    Args:
        thread: The ``Thread``; ``None`` for one that `threading` doesn't know.
        number: Its number in this process. No other thread ever gets the same; 0 without a ``Thread``.
        name: Its name.
        is_here: Whether it is the thread that took the snapshot.
        stack: Its stack. That of another thread may be out of date already.
    """

    thread: Optional[threading.Thread]
    number: int
    name: str
    is_here: bool
    stack: Stack

    def __init__(
        self,
        thread: Optional[threading.Thread],
        number: int,
        name: str,
        is_here: bool,
        stack: Stack,
    ) -> None:
        self.thread = thread
        self.number = number
        self.name = name
        self.is_here = is_here
        self.stack = stack


@record
class Snapshot:
    """What `extract_all` has found.

    It holds the objects that it tells about: let go of it to let go of them.

    Args:
        loops: The event loops and runs; those of the calling thread come first.
        threads: The threads; the calling one comes first.
    """

    loops: List[LoopNode]
    threads: List[ThreadNode]

    def __init__(self, loops: List[LoopNode], threads: List[ThreadNode]) -> None:
        self.loops = loops
        self.threads = threads

    def tasks(self) -> Iterator[TaskNode]:
        """All tasks of all loops, each before its children."""
        for loop in self.loops:
            yield from loop.walk()


def extract_all(*, with_contexts: bool = True, threads: bool = True) -> Snapshot:
    """Find all event loops, tasks and threads of the process.

    Other threads may go on running meanwhile.

    Args:
        with_contexts: Find the context managers that are active in each frame.
        threads: Also extract the stack of every thread.

    Example:
        >>> for node in extract_all().tasks():
        ...     print(node.number, node.name, node.state)
    """
    running = _FramesByCode()
    loops = [
        _loop_node(library, loop, running, with_contexts)
        for library in _libraries()
        for loop in library.loops(running)
    ]
    loops.sort(key=lambda node: (not node.is_here, not node.is_running))
    return Snapshot(loops, _thread_nodes(with_contexts) if threads else [])


# ------------------------------------------------------------------------------------------- numbers


class _Numbers:
    """Gives each object a number that no other one ever gets, without keeping the object alive."""

    def __init__(self) -> None:
        self._given: Dict[int, Tuple[weakref.ref[Any], int]] = {}
        self._next = itertools.count(1)

    def known(self, obj: object) -> Optional[int]:
        """The number that ``obj`` already has, if it has one."""
        entry = self._given.get(id(obj))
        return entry[1] if entry is not None and entry[0]() is obj else None

    def of(self, obj: object) -> int:
        """The number of ``obj``, a new one if need be."""
        number = self.known(obj)
        if number is None:
            number = next(self._next)
            key = id(obj)
            self._given[key] = (weakref.ref(obj, lambda ref: self._forget(key, ref)), number)
        return number

    def _forget(self, key: int, ref: weakref.ref[Any]) -> None:
        entry = self._given.get(key)
        if entry is not None and entry[0] is ref:  # else the id belongs to a new object already
            del self._given[key]


_task_numbers = _Numbers()
_thread_numbers = _Numbers()


def _natural_order(name: str) -> Tuple[Tuple[int, str], ...]:
    """A sort key by which Task-2 comes before Task-10."""
    parts = itertools.groupby(name, str.isdecimal)
    return tuple(
        (int(text), "") if is_number else (-1, text)
        for is_number, text in ((key, "".join(group)) for key, group in parts)
    )


# ---------------------------------------------------------------------------------- what the user wrote


_library_folders: List[str] = []


def _find_library_folders() -> List[str]:
    here = os.path.dirname(os.path.abspath(__file__))
    ours = [here, here + "_pdb", here + "_ipython"]
    return [folder + os.sep for folder in [os.path.dirname(os.__file__), *ours]]


_RUNTIMES = ("anyio", "outcome", "trio", "uvloop")
"""Installed packages that tell no more about a task than the standard library does."""


def _library_rank(frame: FrameType) -> int:
    """0 for code of the user's, 1 for an installed library, 2 for asyncio and its like and this package."""
    return _rank_of_file(frame.f_code.co_filename)


@functools.lru_cache(maxsize=4096)
def _rank_of_file(name: str) -> int:
    if name.startswith("<frozen "):
        return 2
    for folder in ("site-packages", "dist-packages"):
        _, found, path = name.partition(f"{os.sep}{folder}{os.sep}")
        if found:
            return 2 if path.startswith(tuple(package + os.sep for package in _RUNTIMES)) else 1
    if not _library_folders:
        _library_folders.extend(_find_library_folders())
    return 2 if name.startswith(tuple(_library_folders)) else 0


def is_user_frame(frame: FrameType) -> bool:
    """Whether a frame's code belongs to neither the standard library nor an installed one."""
    return _library_rank(frame) == 0


def innermost_user_frame(stack: Stack) -> Optional[Frame]:
    """The frame to look at first: the innermost one that is shown and whose code is the user's.

    If there is none, the innermost one of an installed library; if all is asyncio's, or trio's, the
    outermost one, which says what was asked of it.
    """
    shown = [frame for frame in stack.frames if not frame.hide]
    for rank in (0, 1):
        for frame in reversed(shown):
            if _library_rank(frame.pyframe) == rank:
                return frame
    return shown[0] if shown else None


def _pending_call(stack: Stack) -> Optional[str]:
    """What the user's code is calling, such as ``Lock.acquire()`` or ``trio.sleep()``, if that has a frame."""
    shown = [entry for entry in stack.frames if not entry.hide]
    last = innermost_user_frame(stack)
    index = next((i for i, entry in enumerate(shown) if entry is last), len(shown))
    has_user = last is not None and _library_rank(last.pyframe) < 2
    below = shown[index + 1 :] if has_user else shown[:1]
    while len(below) > 1 and below[0].funcname in ("__aenter__", "__anext__", "__await__"):
        del below[0]
    return _function_name(below[0]) + "()" if below else None


def _function_name(frame: Frame) -> str:
    owner = frame.clsname or (frame.modname or "").partition(".")[0]
    return f"{owner}.{frame.funcname}" if owner else frame.funcname


# ------------------------------------------------------------------------------------------- the runtimes


class _FramesByCode:
    """The frames that are now running in any thread, by code object, for finding loops by their frames."""

    def __init__(self) -> None:
        self.found: Dict[int, List[Tuple[int, FrameType]]] = {}
        for ident, innermost in sys._current_frames().items():
            frame: Optional[FrameType] = innermost
            while frame is not None:
                self.found.setdefault(id(frame.f_code), []).append((ident, frame))
                frame = frame.f_back

    def first_arguments(self, function: object) -> List[Tuple[int, object]]:
        """What the running calls of ``function`` got as their first argument, with the thread's number."""
        from stackscope import model

        code: Optional[CodeType] = getattr(function, "__code__", None)
        found = [(i, model.first_argument(frame)) for i, frame in self.found.get(id(code), ())]
        return [(ident, value) for ident, (is_bound, value) in found if is_bound]


class _Library:
    """One library that has tasks. The methods may raise whatever a strange version makes them raise."""

    name = ""

    def loops(self, running: _FramesByCode) -> List[object]:
        """All event loops or runs that are worth looking at."""
        raise NotImplementedError

    def thread(self, loop: Any, running: _FramesByCode) -> Optional[int]:
        """The number of the thread that ``loop`` runs in."""
        raise NotImplementedError

    def is_running(self, loop: Any) -> bool:
        """Whether ``loop`` runs in any thread."""
        raise NotImplementedError

    def tasks(self, loop: Any) -> List[object]:
        """The tasks of ``loop`` that are not done."""
        raise NotImplementedError

    def current(self, loop: Any) -> object:
        """The task that ``loop`` is running now."""
        raise NotImplementedError

    def task_name(self, task: Any) -> str:
        """The task's name."""
        raise NotImplementedError

    def owner(self, task: Any) -> Tuple[object, object]:
        """The task group or nursery that ``task`` was started in, and the task that opened it."""
        raise NotImplementedError

    def state(self, task: Any, stack: Stack) -> Tuple[str, Optional[str]]:
        """The state of a task that is not the current one, and what it waits for."""
        raise NotImplementedError


class _Asyncio(_Library):
    name = "asyncio"

    def __init__(self, asyncio: ModuleType) -> None:
        self.asyncio = asyncio

    def loops(self, running: _FramesByCode) -> List[object]:
        """Loops from the frames that run them, and from the collector, which knows the idle ones too."""
        base = self.asyncio.AbstractEventLoop
        found = [loop for _, loop in self._run_frames(running)]
        found += _instances(_subclasses(base))
        return _unique([loop for loop in found if self.tasks(loop) or self.is_running(loop)])

    def _run_frames(self, running: _FramesByCode) -> List[Tuple[int, object]]:
        base: Any = getattr(self.asyncio, "BaseEventLoop", None)
        return running.first_arguments(getattr(base, "run_forever", None))

    def thread(self, loop: Any, running: _FramesByCode) -> Optional[int]:
        found = [ident for ident, item in self._run_frames(running) if item is loop]
        if not found and self.asyncio._get_running_loop() is loop:  # uvloop has no frame of its own
            return _this_thread()
        return found[0] if found else None

    def is_running(self, loop: Any) -> bool:
        return bool(loop.is_running())

    def tasks(self, loop: Any) -> List[object]:
        for _attempt in range(20):  # the set that it copies may change while another thread runs
            try:
                return list(self.asyncio.all_tasks(loop))
            except RuntimeError:
                continue
        return []

    def current(self, loop: Any) -> object:
        return self.asyncio.current_task(loop)

    def task_name(self, task: Any) -> str:
        return str(task.get_name())

    def owner(self, task: Any) -> Tuple[object, object]:
        """A task of a TaskGroup reports its end to it (Lib/asyncio/taskgroups.py, 3.11 to 3.15)."""
        for entry in getattr(task, "_callbacks", None) or ():
            callback = entry[0] if type(entry) is tuple else entry
            group = getattr(callback, "__self__", None)
            if getattr(callback, "__name__", "") == "_on_task_done" and group is not None:
                return group, getattr(group, "_parent_task", None)
        return None, None

    def state(self, task: Any, stack: Stack) -> Tuple[str, Optional[str]]:
        if task.done():
            return "done", None
        cancelling = getattr(task, "cancelling", None)
        is_cancelling = bool(cancelling and cancelling()) or getattr(task, "_must_cancel", False)
        waiter = getattr(task, "_fut_waiter", None)
        if waiter is None or waiter.done():
            # up to 3.10, what tells is that the future it waited for was cancelled
            is_cancelling = is_cancelling or (waiter is not None and waiter.cancelled())
            return ("cancelling" if is_cancelling else "ready"), None
        return ("cancelling" if is_cancelling else "waiting"), self._waits_for(waiter, stack)

    def _waits_for(self, waiter: Any, stack: Stack) -> Optional[str]:
        if isinstance(waiter, self.asyncio.Task):
            return f"task {_task_numbers.of(waiter)} ({self.task_name(waiter)})"
        children = getattr(waiter, "_children", None)
        if type(children) is list:
            return f"gather() of {len(children)}"
        return _pending_call(stack) or f"a {type(waiter).__name__}"


class _Trio(_Library):
    name = "trio"

    def __init__(self, module: ModuleType) -> None:
        self.run = module

    def loops(self, running: _FramesByCode) -> List[object]:
        runner_type = self.run.Runner
        found = [loop for _, loop in self._run_frames(running)] + _instances([runner_type])
        return _unique([loop for loop in found if isinstance(loop, runner_type) and loop.tasks])

    def _run_frames(self, running: _FramesByCode) -> List[Tuple[int, object]]:
        return running.first_arguments(getattr(self.run, "unrolled_run", None))

    def thread(self, loop: Any, running: _FramesByCode) -> Optional[int]:
        if getattr(self.run.GLOBAL_RUN_CONTEXT, "runner", None) is loop:
            return _this_thread()
        found = [ident for ident, item in self._run_frames(running) if item is loop]
        return found[0] if found else None

    def is_running(self, loop: Any) -> bool:
        return bool(loop.tasks)

    def tasks(self, loop: Any) -> List[object]:
        for _attempt in range(20):
            try:
                tasks = list(loop.tasks)
            except RuntimeError:  # the set changed while another thread runs
                continue
            return [task for task in tasks if not self._is_plumbing(loop, task)]
        return []

    def _is_plumbing(self, loop: Any, task: Any) -> bool:
        """Whether it is one of the tasks that every run has: the root task, and the one for TrioToken."""
        code = getattr(task.coro, "cr_code", None)
        module = os.sep + os.path.join("trio", "_core", "_entry_queue.py")
        return task is loop.init_task or (code is not None and code.co_filename.endswith(module))

    def current(self, loop: Any) -> object:
        context = self.run.GLOBAL_RUN_CONTEXT
        if getattr(context, "runner", None) is loop:
            return getattr(context, "task", None)
        return next((task for task in self.tasks(loop) if _coroutine_runs(task)), None)

    def task_name(self, task: Any) -> str:
        return str(task.name)

    def owner(self, task: Any) -> Tuple[object, object]:
        nursery = task.parent_nursery
        return nursery, (nursery.parent_task if nursery is not None else None)

    def state(self, task: Any, stack: Stack) -> Tuple[str, Optional[str]]:
        status = getattr(task, "_cancel_status", None)
        is_cancelling = getattr(status, "effectively_cancelled", False)
        if getattr(task, "_next_send_fn", None) is not None:  # set while it is in the run queue
            return ("cancelling" if is_cancelling else "ready"), None
        waits_for = _pending_call(stack)
        return ("cancelling" if is_cancelling else "waiting"), waits_for


def _libraries() -> Iterator[_Library]:
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and hasattr(asyncio, "all_tasks"):  # else it is half imported
        yield _Asyncio(asyncio)
    trio = sys.modules.get("trio._core._run")
    if trio is not None and hasattr(trio, "GLOBAL_RUN_CONTEXT"):
        yield _Trio(trio)


def _coroutine_runs(task: Any) -> bool:
    return any(getattr(task.coro, name, False) for name in ("cr_running", "gi_running"))


def _subclasses(base: type) -> List[type]:
    found: List[type] = [base]
    for cls in found:
        derived: List[type] = type.__subclasses__(cls)
        found += [one for one in derived if not any(one is old for old in found)]
    return found


def _instances(types: Sequence[type]) -> List[object]:
    """The objects of exactly these types, as far as the garbage collector knows them.

    By identity of the type: comparing or hashing would run code of strange metaclasses.
    """
    import gc

    wanted = {id(cls) for cls in types}
    return [obj for obj in gc.get_objects() if id(type(obj)) in wanted]


def _unique(objects: Iterable[object]) -> List[object]:
    return list({id(obj): obj for obj in objects}.values())


# ------------------------------------------------------------------------------------------- the trees


def _loop_node(
    library: _Library, loop: object, running: _FramesByCode, with_contexts: bool
) -> LoopNode:
    ident = _or(None, library.thread, loop, running)
    return LoopNode(
        loop,
        library.name,
        None if ident is None else _thread_name(ident),
        _or(False, library.is_running, loop),
        ident is not None and ident == _this_thread(),
        _task_nodes(library, loop, with_contexts),
    )


def _task_nodes(library: _Library, loop: object, with_contexts: bool) -> List[TaskNode]:
    """The tasks of a loop as trees, numbered in the order in which they are drawn."""
    tasks = _unique(library.tasks(loop))
    names = {id(task): _or("?", library.task_name, task) for task in tasks}
    owners = {id(task): _or((None, None), library.owner, task) for task in tasks}
    below: Dict[int, List[object]] = {}
    for task in tasks:
        parent = owners[id(task)][1]
        below.setdefault(id(parent) if id(parent) in names else 0, []).append(task)
    for siblings in below.values():
        siblings.sort(key=lambda task: (_creation_order(task), _natural_order(names[id(task)])))
    order = _in_drawing_order(below)
    for task in order:
        _task_numbers.of(task)
    current = _or(None, library.current, loop)
    nodes = {
        id(task): _task_node(library, task, task is current, names, owners, with_contexts)
        for task in order
    }
    for task in order:
        nodes[id(task)].children.extend(nodes[id(child)] for child in below.get(id(task), ()))
    return [nodes[id(task)] for task in below.get(0, ())]


def _creation_order(task: object) -> float:
    """Tasks that were seen before stay in the order in which they were numbered; new ones follow."""
    return _task_numbers.known(task) or float("inf")


def _in_drawing_order(below: Dict[int, List[object]]) -> List[object]:
    order: List[object] = []
    seen: Set[int] = set()
    todo = list(reversed(below.get(0, ())))
    while todo:
        task = todo.pop()
        if id(task) not in seen:
            seen.add(id(task))
            order.append(task)
            todo.extend(reversed(below.get(id(task), ())))
    return order


def _task_node(
    library: _Library,
    task: object,
    is_current: bool,
    names: Dict[int, str],
    owners: Dict[int, Tuple[object, object]],
    with_contexts: bool,
) -> TaskNode:
    stack = extract(task, with_contexts=with_contexts)
    state, waits_for = (
        ("running", None) if is_current else _or(("?", None), library.state, task, stack)
    )
    number = _task_numbers.of(task)
    return TaskNode(task, number, names[id(task)], state, waits_for, stack, owners[id(task)][0], [])


def _thread_nodes(with_contexts: bool) -> List[ThreadNode]:
    """All threads that Python code runs in, the calling one first, then the oldest first."""
    from stackscope.model import StackSlice

    nodes = []
    for ident, frame in sys._current_frames().items():
        thread = _thread(ident)
        is_here = ident == _this_thread()
        item = StackSlice() if is_here else (thread or StackSlice(inner=frame))
        number = _thread_numbers.of(thread) if thread is not None else 0
        stack = extract(item, with_contexts=with_contexts)
        nodes.append(ThreadNode(thread, number, _thread_name(ident), is_here, stack))
    nodes.sort(key=lambda node: (not node.is_here, node.number or float("inf")))
    return nodes


def _thread(ident: int) -> Optional[threading.Thread]:
    """The thread with that number, without the lock of threading.enumerate(), which may be held."""
    known = getattr(sys.modules.get("threading"), "_active", {})
    return known.get(ident)  # type: ignore[no-any-return]


def _thread_name(ident: int) -> str:
    thread = _thread(ident)
    return thread.name if thread is not None else f"thread {ident:#x}"


def _this_thread() -> int:
    from _thread import get_ident

    return get_ident()


def _or(default: Any, function: Callable[..., Any], *args: object) -> Any:
    """What ``function`` gives; ``default`` if it can't."""
    try:
        return function(*args)
    except Exception:
        return default
