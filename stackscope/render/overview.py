"""The beginning of a drawn snapshot: what everything does, and where; without the stacks.

That is a table of the tasks of each loop, what a loop that is stuck stands in, who waits for each
other in a circle, a table of the threads, and one of the greenlets.
"""

from __future__ import annotations

from stackscope.model.stacks import Stack
from stackscope.render.front_ends import file_of
from stackscope.render.items import item_lines
from stackscope.render.paths import short_path
from stackscope.render.stuck import NOBODY, is_stuck
from stackscope.render.tasks import LoopTable
from stackscope.render.threads import thread_lines
from stackscope.render.waits import holders_of
from stackscope.render.words import (
    circle_pieces,
    count,
    joined,
    loop_title,
    number_ranges,
    task_title,
)
from stackscope.safe.text import safe_text
from stackscope.snapshot.folding import for_each_function, holds_users
from stackscope.snapshot.idle import is_idle_worker
from stackscope.snapshot.user_code import (
    calls_below_user,
    innermost_user_frame,
    is_machinery,
    library_of,
    name_of_call,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Callable, Dict, Iterable, Iterator, List, Mapping, Optional

    from stackscope.model.saved import Places
    from stackscope.model.snapshot import LoopNode, Snapshot, TaskNode, ThreadNode
    from stackscope.render.drawing import Layout, Line
    from stackscope.render.stuck import Stuck

__all__ = [
    "circle_lines",
    "idle_line",
    "is_idle_worker",
    "item_table",
    "loop_lines",
    "tasks_in_c",
    "thread_table",
]

LATE = 0.1
"""Seconds that a loop has to be late to be said to have stood for them."""


def loop_lines(
    snapshot: Snapshot,
    layout: Layout,
    max_alike: Optional[int],
    stuck: Stuck = NOBODY,
    keys: Optional[Mapping[int, int]] = None,
) -> Iterator[Line]:
    """The table of the tasks of each loop; above it what a loop that is stuck stands in."""
    for loop in snapshot.loops:
        line = headline(loop, snapshot.threads, snapshot.places)
        if line is not None:
            yield line
        yield loop_title(loop)
        passed = {} if max_alike is None else _of_libraries(loop, stuck)
        table = LoopTable(
            loop,
            layout,
            most_alike=max_alike,
            passed=passed,
            of_libraries=max_alike is None,
            has_sources=False,
            stuck=stuck,
            keys=keys,
        )
        yield from table.lines()
        if passed:
            numbers = number_ranges(node.number for node in passed.values())
            words = (
                f"{count(len(passed), 'more task')} with nothing but code of libraries: {numbers}"
            )
            yield [("guide", f"  {layout.guides.more}"), ("note", words)]


def _of_libraries(loop: LoopNode, stuck: Stuck) -> Dict[int, TaskNode]:
    """The tasks of a loop that need no row: libraries have them, and nobody waits for what they do.

    If there are no others, all need one.
    """
    nodes = list(loop.walk())
    is_librarys = for_each_function(lambda frame: is_machinery(frame) or library_of(frame) != "")
    held = holders_of([node.waiting for node in nodes if node.waiting is not None])
    found = {
        id(node): node
        for node in nodes
        if node.state == "waiting"
        and id(node.task) not in held
        and not (node.waiting is not None and node.waiting.holders)
        and not is_stuck([node], stuck)
        and _is_of_libraries(node.stack, is_librarys)
    }
    return found if len(found) < len(nodes) else {}


def _is_of_libraries(stack: Stack, is_librarys: Callable[[FrameType], bool]) -> bool:
    """Whether no frame of a stack is the user's, nor holds a context manager of the user's."""
    return all(
        is_librarys(frame.pyframe) and not holds_users(frame)
        for frame in stack.frames
        if not frame.hide
    )


def headline(
    loop: LoopNode, threads: List[ThreadNode], places: Optional[Places] = None
) -> Optional[Line]:
    """What a loop stands in, if it has stood for some time, or runs something just now.

    Where a filter has left tasks out, it may be one of these.
    """
    late = loop.seconds_late or 0
    if loop.left_out or not loop.is_running or (loop.is_here and late < LATE):
        return None
    node = next((one for one in loop.walk() if one.state == "running"), None)
    if node is not None:
        name, stack = task_title(node), node.stack
    else:
        callback = _callback_in(loop, threads) if late >= LATE else None
        if callback is None:
            return None
        name, stack = "a callback", callback
    verb = "has stood in" if late >= LATE else "is in"
    parts = [f"the loop {verb} {name}{_place(stack, places)}", _call(stack, loop, threads)]
    if late >= LATE:
        parts.append(f"for about {late:.1f} s")
    return [("alert", joined(*parts))]


def _callback_in(loop: LoopNode, threads: List[ThreadNode]) -> Optional[Stack]:
    """What runs below the functions of a loop, as far as it is the user's."""
    found = [node for node in threads if node.name == loop.thread]
    if len(found) != 1:
        return None
    frames = found[0].stack.frames
    start = max(
        [index + 1 for index, frame in enumerate(frames) if is_machinery(frame.pyframe)], default=0
    )
    inner = frames[start:]
    is_users = any(not library_of(frame.pyframe) for frame in inner if not frame.hide)
    return Stack(None, inner) if start and is_users else None


def _place(stack: Stack, places: Optional[Places]) -> str:
    """Where the innermost line of the user's is."""
    frame = innermost_user_frame(stack)
    if frame is None or not frame.lineno:
        return ""
    return f" at {short_path(safe_text(file_of(frame)), places)}:{frame.lineno}"


def _call(stack: Stack, loop: LoopNode, threads: List[ThreadNode]) -> str:
    """What the user's innermost line calls, or what it waits for."""
    thread = _thread_at(stack, threads)
    if thread is not None and thread.waiting is not None:
        return f"waiting for {thread.waiting}"
    below = calls_below_user(stack, lambda _: False)
    call = name_of_call(below[0]) if below else loop.calls
    return f"in {safe_text(call)}" if call else ""


def _thread_at(stack: Stack, threads: List[ThreadNode]) -> Optional[ThreadNode]:
    """The thread whose innermost frame is that of a stack."""
    if not stack.frames:
        return None
    innermost = stack.frames[-1].pyframe
    for node in threads:
        if node.stack.frames and node.stack.frames[-1].pyframe is innermost:
            return node
    return None


def circle_lines(snapshot: Snapshot) -> Iterator[Line]:
    """Who waits for each other."""
    for circle in snapshot.cycles:
        yield [("alert", piece) for piece in circle_pieces(circle)]


def thread_table(
    snapshot: Snapshot, layout: Layout, max_alike: Optional[int], stuck: Stuck = NOBODY
) -> Iterator[Line]:
    """The table of the threads, but for those that run a loop, whose tables tell of them."""
    names = [node.name for node in snapshot.threads]
    of_loops = {loop.thread for loop in snapshot.loops if names.count(loop.thread or "") == 1}
    of_tasks = {id(frame.pyframe) for node in snapshot.tasks() for frame in node.stack.frames}
    in_c = tasks_in_c(snapshot.tasks())
    threads = [
        node
        for node in snapshot.threads
        if node.name not in of_loops
        and id(node.thread) not in in_c
        and (
            node.waiting is not None
            or not any(id(frame.pyframe) in of_tasks for frame in node.stack.frames)
        )
    ]
    idle = [node for node in threads if is_idle_worker(node)]
    known = set(map(id, idle))
    busy = [node for node in threads if id(node) not in known]
    if busy:
        noun = "thread" if len(threads) == len(snapshot.threads) else "other thread"
        yield [("header", f"{count(len(busy), noun)}:")]
        yield from thread_lines(
            busy, None, (), layout, most_alike=max_alike, hint="", at_stop=False, stuck=stuck
        )
    if idle:
        yield [("text", "  "), *idle_line(idle)]


def tasks_in_c(tasks: Iterable[TaskNode]) -> Dict[int, TaskNode]:
    """The tasks for which threads are in a function in C, by the identities of the threads.

    Such a function has no frame, which would be a part of the task's stack.
    """
    found: Dict[int, TaskNode] = {}
    for node in tasks:
        for layer in node.waiting.layers() if node.waiting is not None else ():
            if layer.function and len(layer.workers) == 1:
                found.setdefault(id(layer.workers[0]), node)
    return found


def item_table(
    snapshot: Snapshot, layout: Layout, max_alike: Optional[int], stuck: Stuck = NOBODY
) -> Iterator[Line]:
    """The table of the greenlets and the like."""
    nodes = [node for top in snapshot.items for node in top.walk()]
    yield from item_lines(
        nodes, layout, most_alike=max_alike, hint="", has_sources=False, stuck=stuck
    )


def idle_line(nodes: List[ThreadNode]) -> Line:
    """The line that stands for workers of pools that have nothing to do."""
    numbers = number_ranges(node.number for node in nodes if node.number)
    noun = "threads" if len(nodes) > 1 else "thread"
    return [
        ("root", count(len(nodes), "idle pool worker")),
        ("comment", f": {noun} {numbers}" if numbers else ""),
    ]
