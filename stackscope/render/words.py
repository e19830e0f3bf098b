"""What tasks, threads and loops are called, and numbers and times, everywhere."""

from __future__ import annotations

import math
import os
import time

from stackscope.model.saved import coroutine_name_of, type_name_of
from stackscope.model.snapshot import TaskNode, ThreadNode, kind_of
from stackscope.render.drawing import Link
from stackscope.render.errors import error_in_brief
from stackscope.render.front_ends import file_of
from stackscope.render.stream import beginning, end, width_of
from stackscope.safe.text import (
    cut,
    safe_line,
    safe_text,
)
from stackscope.snapshot.identity import TASK, THREAD, identity_of, number_of_item

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Iterable,
        Iterator,
        List,
        Optional,
        Sequence,
        Tuple,
        TypeVar,
        Union,
    )

    from stackscope.glue.describing import Deadline, ScopeState
    from stackscope.model.snapshot import LoopNode, Node, Snapshot
    from stackscope.model.stacks import Frame
    from stackscope.render.drawing import Line

    T = TypeVar("T")

MOST_NOTES = 5
"""The most tasks that failed, and coroutines to begin, that are named of one loop."""

LONGEST_LINE = 80
"""Characters that are shown of a source line in a sentence."""

LONGEST_NAME = 60
"""Characters that are shown of a name where it is not the main thing."""

MOST_RANGES = 10
"""The most ranges of numbers that are shown."""

NO_MATCH = "no match"
"""What is said of a task that a filter didn't find, and that stands above one that it did."""

NO_PYTHON = "runs no Python code"
"""What is said of a thread that has no frames."""

# --------------------------------------------------------------------- numbers


def count(number: float, noun: str, plural: Optional[str] = None) -> str:
    """``1 waiter``, ``2 waiters``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def ordinal(number: int) -> str:
    """``1st``, ``2nd``, ``3rd``, ``4th``."""
    tens = number // 10 % 10
    return f"{number}{'th' if tens == 1 else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def joined(*parts: str) -> str:
    """The parts that are not empty."""
    return ", ".join([part for part in parts if part])


def _runs(numbers: Iterable[int]) -> List[str]:
    """Numbers as ranges: those that follow each other as one."""
    ranges: List[List[int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return [str(first) if first == last else f"{first}-{last}" for first, last in ranges]


def number_ranges(numbers: Iterable[int]) -> str:
    """``2-5, 8, 11``."""
    texts = _runs(numbers)
    more = [count(len(texts) - MOST_RANGES, "more range")] if len(texts) > MOST_RANGES else []
    return ", ".join(texts[:MOST_RANGES] + more)


def number_range(numbers: Sequence[int], ellipsis: str) -> str:
    """``5-9`` for a narrow column, or only the first number if others are in between."""
    texts = _runs(numbers)
    return texts[0] if len(texts) == 1 else f"{numbers[0]}{ellipsis}"


# ------------------------------------------------------------------------ time


def time_left(seconds: float) -> str:
    """How far away a moment is: ``9.5 s left``, ``0.3 s overdue``."""
    # What is due just now is about to be called, and isn't late.
    return f"{abs(seconds):.1f} s left" if seconds > -0.05 else f"{-seconds:.1f} s overdue"


def time_of_day(moment: float) -> str:
    """A moment that ``time.time()`` has given: ``12:03:05``."""
    return time.strftime("%H:%M:%S", time.localtime(moment))


def clock_time(deadline: float, clock: str) -> str:
    """A moment by a clock that is not asked."""
    return f"until {deadline:.1f} by the clock of its {clock}"


def deadline_text(deadline: Optional[Deadline]) -> str:
    """How far away a deadline is: ``4.2 s left``, ``no deadline``."""
    if deadline is None:
        return "no deadline"
    if deadline.seconds_left is None:
        return clock_time(deadline.moment, deadline.clock)
    return time_left(deadline.seconds_left)


def seconds_text(seconds: float) -> str:
    """A length of time: ``5 ms``, ``0.3 s``, ``12 s``, ``15 min``, ``3.5 h``."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def age_bounds(node: Node, snapshot: Snapshot) -> Tuple[Optional[float], Optional[float]]:
    """The age of a task in seconds, and the least that it may be, as far as these are known.

    Args:
        node: The task, thread or greenlet.
        snapshot: What it is in. If it was compared with an earlier one, the task may have been
            there.
    """
    age = node.age if isinstance(node, TaskNode) else None
    if snapshot.compared_to is None or node.was_here is None:
        return age, age
    return age, snapshot.taken_at - snapshot.compared_to if age is None else age


def age_range(nodes: Sequence[Node]) -> str:
    """How old tasks are that are alike, if that is known: ``age 3.1 s to 9.4 s``."""
    ages = [node.age for node in nodes if isinstance(node, TaskNode) and node.age is not None]
    if not ages or len(ages) < len(nodes):
        return ""
    first, last = seconds_text(min(ages)), seconds_text(max(ages))
    return f"age {first}" if first == last else f"age {first} to {last}"


def times_text(node: TaskNode) -> str:
    """What is known of the times of a task: ``age 12 s, busy 0.3 s, last ran 4.0 s ago``."""
    return joined(
        "" if node.age is None else f"age {seconds_text(node.age)}",
        "" if node.busy is None else f"busy {seconds_text(node.busy)}",
        "" if not node.last_ran else f"last ran {seconds_text(node.last_ran)} ago",
        created_text(node),
    )


def created_text(node: TaskNode) -> str:
    """Where a task was made: ``made in serve:12 server.py``."""
    if not node.created:
        return ""
    line = node.created[-1]
    where = f":{line.lineno} {os.path.basename(line.filename)}"
    return f"made in {safe_text(line.funcname)}{safe_text(where)}"


def comparison_text(node: Node, snapshot: Snapshot) -> str:
    """Where something was at an earlier look: ``at the same lines 30 s before``."""
    if snapshot.compared_to is None or not node.was_here:
        return ""
    return f"at the same lines {seconds_text(snapshot.taken_at - snapshot.compared_to)} before"


# --------------------------------------------------------------- cancel scopes


def cancellation_text(scope: ScopeState) -> str:
    """That a cancel scope is cancelled, and why; empty if it isn't."""
    if not scope.is_cancelled:
        return ""
    return f"cancelled ({scope.reason})" if scope.reason else "cancelled"


def scope_text(scope: ScopeState) -> str:
    """The state of a cancel scope: ``4.2 s left, shielded, cancelled (deadline)``."""
    if scope.once_entered != math.inf:
        time_text = f"{scope.once_entered:.1f} s once entered"
    else:
        time_text = deadline_text(scope.deadline)
    return joined(time_text, "shielded" if scope.is_shielded else "", cancellation_text(scope))


# ----------------------------------------------------------------------- tasks


def task_title(node: TaskNode) -> str:
    """What a task is called where it is the main thing: ``task 3 (Task-7)``."""
    return f"task {node.number} ({task_name(node)})"


def task_name(node: Union[TaskNode, ThreadNode]) -> str:
    """The name of a task, or what it is about; both if somebody has chosen the name.

    That of a thread is its name.
    """
    subject = None if isinstance(node, ThreadNode) else node.subject
    return safe_text(_named(node.name, subject))


def _named(name: str, subject: Optional[str]) -> str:
    if not subject:
        return name
    # By asyncio, up to 3.15: f"Task-{number}". By anyio: the name of a function inside another.
    counted = name[5:] if name.startswith("Task-") else ""
    return subject if counted.isdecimal() or "<locals>" in name else f"{name}: {subject}"


def task_label(obj: object) -> Optional[str]:
    """What an object is called if it is a task of a library that is known; else ``None``."""
    who = identity_of(obj)
    if who.kind != TASK:
        return None
    name = _named(who.name, who.subject)
    return f"task {who.number} ({cut(safe_text(name), LONGEST_NAME)})"


def thread_label(obj: object) -> Optional[str]:
    """What an object is called if it is a thread: ``thread 2 (worker)``; else ``None``."""
    who = identity_of(obj)
    if who.kind != THREAD:
        return None
    return f"thread {who.number} ({cut(safe_text(who.name), LONGEST_NAME)})"


def item_label(obj: object) -> Optional[str]:
    """What an object is called if it is a greenlet or the like; else ``None``."""
    number = number_of_item(obj)
    return None if number is None else f"{identity_of(obj).kind} {number}"


def node_title(node: Node) -> str:
    """What a task, a thread or a greenlet is called, and its number."""
    if isinstance(node, TaskNode):
        return task_title(node)
    kind = kind_of(node)
    number = f"{kind} {node.number}" if node.number else kind
    return f"{number} ({cut(safe_text(node.name), LONGEST_NAME)})"


def circle_pieces(circle: Sequence[Node]) -> List[str]:
    """Who waits for each other: ``… each other: task 2 (a) > task 3 (b) > task 2 (a)``.

    It comes in pieces, of which each name is a `Link`.
    """
    waits = [node.waiting for node in circle if node.waiting is not None]
    probably = "probably " if any(wait.holders_are_likely for wait in waits) else ""
    whom = "each other" if len(circle) > 1 else "itself"
    pieces = [f"{probably}waiting for {whom}: "]
    for index, node in enumerate([*circle, circle[0]]):
        pieces += [*([" > "] if index else []), Link(node_title(node), object_of(node))]
    return pieces


def object_of(node: Node) -> object:
    """The task, thread or greenlet that a node tells of; the node itself if there is no such."""
    if isinstance(node, TaskNode):
        return node.task
    if isinstance(node, ThreadNode):
        return node if node.thread is None else node.thread
    return node.item


def numbers_in_circle(circle: Sequence[Node]) -> List[str]:
    """What those are called beside a table that wait for each other: ``2``, or ``thread 2``."""
    kinds = list(map(kind_of, circle))
    if len(set(kinds)) == 1:
        return [str(node.number) for node in circle]
    return [f"{kind} {node.number}" for kind, node in zip(kinds, circle)]


def place_parts(frame: Optional[Frame]) -> Tuple[str, str]:
    """Where a frame stands: the function, and the line and file: ``transfer``, ``:52 bank.py``."""
    if frame is None:
        return "", ""
    where = f":{frame.lineno} {os.path.basename(file_of(frame))}"
    return safe_text(frame.funcname), safe_text(where)


def place_text(frame: Optional[Frame]) -> str:
    """Where a frame stands, without the folder: ``transfer:52 service.py``."""
    return "".join(place_parts(frame))


def loop_title(loop: LoopNode, *, at_stop: bool = False, seen_at: str = "") -> Line:
    """The line above the tasks of a loop.

    Args:
        loop: The loop.
        at_stop: Whether the program has stopped in a debugger, so that a loop in this thread stands
            still.
        seen_at: When a loop was looked at that goes on since then.
    """
    where = f" in {safe_text(loop.thread)}" if loop.thread else ""
    if not loop.is_running:
        status = ", not running"
    elif not at_stop:
        status = ""
    elif loop.is_here:
        status = ", stopped"
    else:
        status = ", running" + (f" (seen at {seen_at})" if seen_at else "")
    number = sum(1 for _ in loop.walk())
    total = count(number, "task")
    if loop.left_out:
        total = f"{number} of {count(number + loop.left_out, 'task')}"
    return [("header", f"{safe_text(loop.noun)}{where}{status}: "), ("text", total)]


def filter_line(snapshot: Snapshot) -> Iterator[Line]:
    """The line that says what a filter has left out, if it has."""
    if not snapshot.filtered_by:
        return
    counts = [count(number, kind) for kind, number in snapshot.left_out.items() if number]
    words = ", ".join(counts) or "nothing"
    text = cut(safe_line(snapshot.filtered_by), LONGEST_LINE)
    yield [("note", f"left out by the filter {text}: {words}")]


def loop_notes(loop: LoopNode) -> List[Line]:
    """What there is to say of a loop beside its tasks that live, one line each."""
    notes: List[Line] = []
    for task in loop.failed[:MOST_NOTES]:
        title = f"task {task.number} ({cut(safe_text(task.name), LONGEST_NAME)})"
        cls, *message = error_in_brief(task.error).partition(": ")
        words = f"failed, and nobody has asked for its exception: {title}: {cls}"
        # Where there is no room, it is the message that gives way.
        notes.append([("text", words), ("note", "".join(message))])
    if len(loop.failed) > MOST_NOTES:
        left = len(loop.failed) - MOST_NOTES
        words = count(left, "more task has", "more tasks have")
        notes.append([("note", f"{words} failed")])
    notes += [
        [("note", f"not begun: coroutine {_coroutine_name(one)}")]
        for one in loop.to_begin[:MOST_NOTES]
    ]
    if len(loop.to_begin) > MOST_NOTES:
        left = len(loop.to_begin) - MOST_NOTES
        words = count(left, "more coroutine is", "more coroutines are")
        notes.append([("note", f"{words} not begun")])
    return notes


def _coroutine_name(coroutine: object) -> str:
    name = coroutine_name_of(coroutine)
    return f"a {type_name_of(coroutine)}" if name is None else f"{safe_text(name)}()"


# --------------------------------------------------------------------- columns


def shortened(text: str, width: int, ellipsis: str) -> str:
    """``text``, or its beginning and its end in at most ``width`` columns."""
    if width_of(text) <= width:
        return text
    room = max(width - width_of(ellipsis), 0)
    return beginning(text, room - room // 2) + ellipsis + end(text, room // 2)
