"""What tasks, loops and waits are called, everywhere."""

from __future__ import annotations

import math
import os
import time

from stackscope.model.saved import coroutine_name_of, type_name_of
from stackscope.model.snapshot import ItemNode, TaskNode, ThreadNode
from stackscope.render.drawing import Link
from stackscope.render.errors import error_in_brief
from stackscope.render.front_ends import file_of
from stackscope.render.source import line_text
from stackscope.render.stream import beginning, end, width_of
from stackscope.safe.text import (
    cut,
    safe_line,
    safe_text,
)
from stackscope.snapshot.identity import TASK, THREAD, identity_of, number_of, number_of_item
from stackscope.snapshot.numbers import natural_order
from stackscope.snapshot.survey import unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Callable,
        Dict,
        FrozenSet,
        Iterable,
        Iterator,
        List,
        Optional,
        Sequence,
        Set,
        Tuple,
        TypeVar,
        Union,
    )

    from stackscope.glue.describing import Deadline, ScopeState
    from stackscope.model.snapshot import LoopNode, Node, Snapshot
    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Amount, Waiting
    from stackscope.render.drawing import Line

    T = TypeVar("T")

MOST_HOLDERS = 3
"""The most holders of one lock that are named."""

MOST_LABELLED = 30
"""The most holders of which the first few by their names are looked for."""

MOST_NOTES = 5
"""The most tasks that failed, and coroutines to begin, that are named of one loop."""

MOST_PARTS = 3
"""The most things that something waits for at the same time that are written out."""

LONGEST_LINE = 80
"""Characters that are shown of a source line in a sentence."""

LONGEST_NAME = 60
"""Characters that are shown of a name where it is not the main thing."""

MOST_COMPARED = 10
"""The most holders of a lock by which greenlets that wait for it are compared."""

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


def _age_range(nodes: Sequence[Node]) -> str:
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
    kind = "thread" if isinstance(node, ThreadNode) else node.kind
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
    kinds = [
        "task"
        if isinstance(node, TaskNode)
        else "thread"
        if isinstance(node, ThreadNode)
        else node.kind
        for node in circle
    ]
    if len(set(kinds)) == 1:
        return [str(node.number) for node in circle]
    return [f"{kind} {node.number}" for kind, node in zip(kinds, circle)]


class StateParts:
    """What a task or thread does, in parts of which some may be left out.

    Args:
        state: The state, in a word or two.
        detail: The call that it waits in.
        time: For how long.
        holders: Who holds the lock that it waits for: ``held by 8``.
        note: What else there is to say.
    """

    __slots__ = ("detail", "holders", "note", "state", "time")

    def __init__(
        self, state: str, detail: str = "", time: str = "", holders: str = "", note: str = ""
    ) -> None:
        self.state: str = state
        self.detail: str = detail
        self.time: str = time
        self.holders: str = holders
        self.note: str = note

    def __str__(self) -> str:
        first = f"{self.state}: {self.detail}" if self.detail else self.state
        return joined(first, self.time, self.holders, self.note)

    def without_time(self) -> StateParts:
        """The same, but for how long is left out, and so is what else there was to say."""
        return StateParts(self.state, self.detail, "", self.holders)

    def with_detail(self, detail: str) -> StateParts:
        """The same with a shorter detail, or without one, and without all that matters less."""
        return StateParts(self.state, detail, "", self.holders)


def state_parts(nodes: Sequence[Union[TaskNode, ThreadNode, ItemNode]]) -> StateParts:
    """What tasks that are alike do, or threads. What differs among them is left out.

    Args:
        nodes: The tasks or threads, one at least.
    """
    waits = [node.waiting for node in nodes if node.waiting is not None]
    state = _common([plain_state(node) for node in nodes])
    if not isinstance(nodes[0], ThreadNode) and nodes[0].is_only_above:
        return StateParts(joined(state, NO_MATCH))
    return StateParts(
        state,
        _in_brief(waits),
        _time_range([time for wait in waits for time in _times(wait)[:1]]),
        _held_by(waits, lambda holder: _number_of_holder(holder, nodes[0]), lambda name: name),
        joined(
            _common([number for number in map(_number_of_thread, waits) if number]),
            _age_range(nodes),
        ),
    )


def _number_of_thread(waiting: Waiting) -> str:
    """The thread in which a call is that is waited for, where the call has another name."""
    layers = [one for one in waiting.layers() if one.thread]
    threads = _threads_among(layers[-1].workers) if layers else []
    if len(threads) != 1 or not layers[-1].call:  # else the thread is in the text
        return ""
    return f"in thread {number_of(threads[0])}"


def _common(texts: Sequence[str]) -> str:
    """What is said of all, or of two of them."""
    return ", ".join(sorted(set(texts))[:2])


def _threads_among(objects: Sequence[object]) -> List[object]:
    return [one for one in objects if identity_of(one).kind == THREAD]


def plain_state(node: Node) -> str:
    """What a task, a thread or a greenlet does, in a word or two."""
    if isinstance(node, ItemNode):
        return node.state if node.waiting is None else "waiting"
    if isinstance(node, ThreadNode):
        if not node.stack.frames and node.stack.error is None:
            return NO_PYTHON
        if node.is_here or node.waiting is not None:
            return "stopped" if node.is_here else "waiting"
        return f"in {safe_text(node.calls)}" if node.calls else "running"
    return node.state if node.starts is None else f"{node.state} {number_of(node.starts)}"


def _number_of_holder(holder: object, node: Union[TaskNode, ThreadNode, ItemNode]) -> str:
    """What a holder is called beside something of its kind: by its number alone."""
    kind, number = _kind_and_number(holder)
    beside = (
        "thread"
        if isinstance(node, ThreadNode)
        else node.kind
        if isinstance(node, ItemNode)
        else "task"
    )
    return number if kind == beside else f"{kind} {number}"


def _kind_and_number(obj: object) -> Tuple[str, str]:
    return identity_of(obj).kind or TASK, str(number_of(obj))


def state_text(node: Node) -> str:
    """The state of a task, the call that it waits in, for how long, and who holds the lock."""
    return str(state_parts([node]))


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


# ----------------------------------------------------------------------- waits


def wait_in_brief(waiting: Waiting) -> str:
    """What matters most of a wait; see `Waiting.text`."""
    while waiting.is_wrapper and waiting.inner is not None:
        if not _name_of_inner(waiting.inner):
            break
        waiting = waiting.inner
    return wait_text(waiting)


def wait_text(waiting: Waiting) -> str:
    """The call that waits, or what is awaited."""
    if waiting.call:
        return safe_text(waiting.call)
    if waiting.thread is not None:
        place = f", in {safe_text(waiting.function)}" if waiting.function else ""
        return f"a call in {_thread_of(waiting)}{place}"
    if waiting.awaiting is not None:
        return _awaiting_text(waiting)
    if waiting.obj is None:
        return ""
    return _label(waiting.obj)


def _awaiting_text(waiting: Waiting) -> str:
    """The line that awaits something of which nothing is known; where it is, if that's not read."""
    frame = waiting.awaiting
    assert frame is not None
    line = safe_line(line_text(frame.pyframe, frame.lineno))
    return (
        f'"{cut(line, LONGEST_LINE)}"'
        if line
        else f"{type_name_of(waiting.obj)} at {place_text(frame)}"
    )


def text_in_brief(waiting: Waiting, *, with_names: bool = True) -> str:
    """The call that waits, and what it waits for in the end, if its name doesn't say that.

    ``AsyncClient.get(): a free connection``, ``a call for another thread: not begun``,
    ``Future.result(): task 3``.

    Args:
        waiting: The wait.
        with_names: Whether to say which task or thread it waits for, if a call does so.
    """
    text = wait_text(waiting)
    layers = list(waiting.layers())
    innermost = layers[-1]
    inner = _innermost_text(innermost) if innermost is not waiting else ""
    if innermost.call:
        is_wanted = not inner.endswith(")") or any(layer.is_time_limit for layer in layers[:-1])
    else:
        is_wanted = with_names
    if inner and is_wanted and inner not in text:
        text = f"{text}: {inner}" if text else inner
    # What a name of a call says of it, notes would only add to.
    is_call = wait_text(innermost).endswith(")")
    more = "" if is_call else joined(*map(safe_text, innermost.notes), _queue(innermost))
    return f"{text}: {more}" if text and more else text


def _innermost_text(waiting: Waiting) -> str:
    """As `wait_text`, but the number is enough of a task or a thread: ``task 3``."""
    text, obj = wait_text(waiting), waiting.obj
    is_name = obj is not None and text in (task_label(obj), thread_label(obj))
    return " ".join(_kind_and_number(obj)) if is_name else text


def _in_brief(waits: Sequence[Waiting]) -> str:
    """The waits of tasks or the like that are alike; no names if they wait for different ones."""
    texts = [text_in_brief(wait) for wait in waits]
    if len(set(texts)) > 1:
        texts = [text_in_brief(wait, with_names=False) for wait in waits]
    return _common(texts)


def sentence_in_brief(waits: Sequence[Waiting]) -> str:
    """The same of tasks or the like that are alike, with the names of those who hold them up."""
    holders = list(holders_of(waits).values())
    labels = [task_label(holder) for holder in holders[:MOST_LABELLED]]
    if 1 < len(holders) <= MOST_LABELLED and None not in labels:
        by_id = {id(one): (label or "")[len("task ") :] for one, label in zip(holders, labels)}
        held_by = _held_by(waits, lambda holder: by_id[id(holder)], lambda name: name, "tasks ")
    else:
        held_by = _held_by(waits, _label, lambda name: f"task {name}")
    return joined(
        _in_brief(waits),
        _time_range([time for wait in waits for time in _times(wait)[:1]]),
        held_by,
    )


def _thread_of(waiting: Waiting) -> str:
    """The thread that does what is waited for: ``thread pool_0``."""
    name = safe_text(waiting.thread or "")
    number = waiting.thread_number
    return f"thread {name}" if number is None else f"thread {number} ({name})"


def wait_detail(waiting: Waiting) -> str:
    """More about a wait; see `Waiting.detail`."""
    return details_of([waiting])


def wait_sentence(waiting: Waiting) -> str:
    """A wait as a whole: ``Lock.acquire(): 2 waiters, held by task 3 (Task-7)``."""
    return wait_of_all([waiting])


def wait_of_all(waits: Sequence[Waiting]) -> str:
    """The waits of tasks that are alike, as one, with how they differ.

    ``Lock.acquire(): 7 waiters (7×), 2 waiters (2×), held by task 3 (a) (7×), task 4 (b) (2×)``
    """
    return "".join(wait_pieces(waits))


def wait_pieces(waits: Sequence[Waiting]) -> List[str]:
    """The same in pieces, of which each that is the name of a task or the like is a `Link`."""
    text = _common([wait_text(wait) for wait in waits])
    targets = unique([_named_by_text(wait) for wait in waits])
    if len(targets) == 1 and targets[0] is not None:
        text = Link(text, targets[0])
    details = _detail_pieces(waits)
    return [text, ": ", *details] if text and details else [text, *details]


def _named_by_text(waiting: Waiting) -> object:
    """The task or thread that `wait_text` names."""
    if waiting.call:
        return None
    if waiting.thread is not None:
        threads = _threads_among(waiting.workers)
        return threads[0] if len(threads) == 1 else None
    return waiting.obj if waiting.awaiting is None else None


def details_of(waits: Sequence[Waiting]) -> str:
    """More about the waits of tasks that are alike."""
    return "".join(_detail_pieces(waits))


def _detail_pieces(waits: Sequence[Waiting]) -> List[str]:
    if len(waits) == 1:
        details = _detail_without_holders(waits[0])
    else:
        details = joined(
            _counted([_detail_without_holders(wait, is_one=False) for wait in waits], len(waits)),
            _time_range([time for wait in waits for time in _times(wait)[:1]]),
        )
    held_by = held_by_pieces(waits)
    if not details:
        return held_by
    return [details, ", ", *held_by] if held_by else [details]


def _counted(texts: Sequence[str], total: int) -> str:
    """Texts, with how many things each is said of, where it isn't said of all: ``2 (7×), 3 (2×)``.

    Args:
        texts: The texts; those that are empty are not counted.
        total: How many things there are.
    """
    return "".join(_counted_pieces(texts, total))


def _counted_pieces(texts: Sequence[str], total: int) -> List[str]:
    """The same in pieces, of which the texts are some.

    Args:
        texts: The texts; those that are empty are not counted.
        total: How many things there are.
    """
    counts: Dict[str, int] = {}
    for text in texts:
        if text:
            counts[text] = counts.get(text, 0) + 1
    return _most_usual_pieces(counts, total)


def _most_usual_pieces(counts: Dict[str, int], total: int, besides: int = 0) -> List[str]:
    """The same of texts that are counted, with how many more there are that have no text here."""
    by_count = sorted(counts, key=lambda text: (-counts[text], natural_order(text)))
    pieces: List[str] = []
    for text in by_count[:MOST_HOLDERS]:
        times = "" if counts[text] == total else f" ({counts[text]}×)"
        pieces += [*([", "] if pieces else []), text, *([times] if times else [])]
    left = len(by_count) - MOST_HOLDERS + besides
    return [*pieces, f" and {left} more"] if left > 0 else pieces


def _detail_without_holders(waiting: Waiting, *, is_one: bool = True) -> str:
    """What there is to say of a wait, but for who has the lock.

    Args:
        waiting: The wait.
        is_one: Whether to say also what differs among many that wait for the same: the place in the
            line, and the time.
    """
    return joined(
        _items_of(waiting),
        safe_text(waiting.resource or ""),
        f"in {_thread_of(waiting)}" if waiting.call and waiting.thread else "",
        f"in {safe_text(waiting.function)}" if waiting.call and waiting.function else "",
        f"in the loop of thread {safe_text(waiting.loop_thread)}" if waiting.loop_thread else "",
        f"a {type_name_of(waiting.obj)}" if waiting.awaiting is not None else "",
        *map(_amount, _amounts_besides_items(waiting)),
        *map(safe_text, waiting.notes),
        _queue(waiting),
        _line(waiting, is_one=is_one),
        "" if waiting.other_end is None else _amount(waiting.other_end),
        _time(waiting) if is_one else "",
        "" if waiting.inner is None else _inner(waiting.inner, is_one=is_one),
        _parts(waiting.parts),
    )


def _queue(waiting: Waiting) -> str:
    """The pool whose workers are all busy: ``queued behind 4 busy workers of pool X``."""
    if waiting.ahead is None:
        return ""
    pool = f" of pool {safe_text(waiting.pool)}" if waiting.pool else ""
    return f"queued behind {_amount(waiting.ahead)}{pool}"


def _parts(parts: Sequence[Waiting]) -> str:
    """What is waited for at the same time; what is said of several is said once."""
    counts: Dict[str, int] = {}
    for text in map(wait_sentence, parts):
        counts[text] = counts.get(text, 0) + 1
    texts = [text if number == 1 else f"{number} × {text}" for text, number in counts.items()]
    more = [f"{len(texts) - MOST_PARTS} more"] if len(texts) > MOST_PARTS else []
    return joined(*texts[:MOST_PARTS], *more)


def _items_of(waiting: Waiting) -> str:
    """The greenlets or the like that something waits for: ``greenlet 3``, ``greenlets 3-5, 8``."""
    numbers = _numbers_of_items(waiting)
    if not numbers:
        return ""
    kind = identity_of(next(iter(numbers.values()))).kind
    return f"{kind}{'s' * (len(numbers) > 1)} {number_ranges(list(numbers))}"


def _numbers_of_items(waiting: Waiting) -> Dict[int, object]:
    if not waiting.tasks or number_of_item(waiting.tasks[0]) is None:
        return {}  # all of them are of one library
    found = {number_of_item(one): one for one in waiting.tasks}
    return {number: one for number, one in found.items() if number is not None}


def _amounts_besides_items(waiting: Waiting) -> List[Amount]:
    """The amounts of a wait, but for how many items it is for, if they are all told."""
    told = (len(_numbers_of_items(waiting)), None)
    return [one for one in waiting.amounts if not told[0] or (one.number, one.total) != told]


def _inner(waiting: Waiting, *, is_one: bool) -> str:
    """A wait inside of another one, whose holders are those of the whole."""
    text, detail = _name_of_inner(waiting), _detail_without_holders(waiting, is_one=is_one)
    return f"{text}: {detail}" if text and detail else text or detail


def _name_of_inner(waiting: Waiting) -> str:
    """As `wait_text`, but nothing for a future of which nothing is known."""
    if waiting.call or waiting.thread is not None:
        return wait_text(waiting)
    return task_label(waiting.obj) or thread_label(waiting.obj) or ""


def _amount(amount: Amount) -> str:
    if amount.total is None:
        return safe_text(count(amount.number, amount.noun, amount.plural))
    return safe_text(f"{amount.number} of {amount.total} {amount.plural or amount.noun + 's'}")


def _line(waiting: Waiting, *, is_one: bool) -> str:
    """The place in the line, or how long that is."""
    if waiting.count is None:
        return ""
    total = count(waiting.count, "waiter")
    return total if waiting.place is None or not is_one else f"{ordinal(waiting.place)} of {total}"


def _time(waiting: Waiting) -> str:
    if waiting.seconds_left is not None:
        return time_left(waiting.seconds_left)
    return "" if waiting.deadline is None else clock_time(waiting.deadline, waiting.clock)


def _held_by(
    waits: Sequence[Waiting],
    label: Callable[[object], str],
    label_of_name: Callable[[str], str],
    noun: str = "",
) -> str:
    """Who has what is waited for, surely or probably: ``held by 2 (7×), 3 (2×)``."""
    return "".join(_held_by_pieces(waits, label, label_of_name, noun))


def _held_by_pieces(
    waits: Sequence[Waiting],
    label: Callable[[object], str],
    label_of_name: Callable[[str], str],
    noun: str = "",
) -> List[str]:
    """The same in pieces, of which each name is a `Link`."""
    pieces: List[str] = []
    for are_likely, words in ((False, "held by "), (True, "probably held by ")):
        some = [wait for wait in waits if wait.holders_are_likely == are_likely]
        counted, besides = _counted_holders(some)
        counts: Dict[str, int] = {}
        for holder, times in counted:
            link = Link(label(holder), holder)
            counts[link] = counts.get(link, 0) + times
        for name in [name for wait in some if not wait.holders for name in wait.holder_names]:
            text = label_of_name(cut(safe_text(name), LONGEST_NAME))
            counts[text] = counts.get(text, 0) + 1
        if counts:
            begin = f"{', ' if pieces else ''}{words}{noun}"
            pieces += [begin, *_most_usual_pieces(counts, len(waits), besides)]
    return pieces


def holders_of(waits: Iterable[Waiting]) -> Dict[int, object]:
    """Those who have what is waited for, by their ids. Waits for the same have one list of them."""
    lists = {id(wait.holders): wait.holders for wait in waits}
    return {id(holder): holder for holders in lists.values() for holder in holders}


def _counted_holders(waits: Sequence[Waiting]) -> Tuple[List[Tuple[object, int]], int]:
    """Those named, with how many of the waits are for what each of them has; and how many others.

    Those of most waits are named. Very many may wait for the same, and have it: then it is asked
    of each of them, and may not take longer for that.
    """
    times: Dict[int, int] = {}
    for wait in waits:
        times[id(wait.holders)] = times.get(id(wait.holders), 0) + 1
    lists = {id(wait.holders): wait.holders for wait in waits}
    if len(lists) == 1:
        [(key, holders)] = lists.items()
        named = [(holder, times[key]) for holder in holders[:MOST_LABELLED]]
        return named, len(holders) - len(named)
    found: Dict[int, Tuple[object, int]] = {}
    for key, holders in lists.items():
        for holder in holders:
            found[id(holder)] = holder, times[key] + found.get(id(holder), (None, 0))[1]
    counted = list(found.values())
    if len(counted) > MOST_LABELLED:
        counted.sort(key=lambda pair: -pair[1])
    return counted[:MOST_LABELLED], max(len(counted) - MOST_LABELLED, 0)


def held_by_pieces(waits: Sequence[Waiting]) -> List[str]:
    """Who has what is waited for, in pieces, of which each name is a `Link`."""
    return _held_by_pieces(waits, _label, lambda name: f"task {name}")


def _label(obj: object) -> str:
    """What a holder is called in a sentence."""
    found = task_label(obj) or thread_label(obj) or item_label(obj)
    return f"a {type_name_of(obj)}" if found is None else found


def _times(waiting: Waiting) -> List[float]:
    """The seconds left, as far as they are known."""
    return [one.seconds_left for one in waiting.layers() if one.seconds_left is not None]


def _time_range(times: Sequence[float]) -> str:
    """The time left of one or more: ``9.5 s left``, ``4.6 to 999.6 s left``."""
    if not times:
        return ""
    first, last = time_left(min(times)), time_left(max(times))
    if first == last:
        return first
    # The unit, and whether it is left or overdue, are the same at the end of both.
    begin, _, unit = first.partition(" ")
    return f"{begin if last.endswith(unit) else first} to {last}"


def tasks_named_in(waiting: Waiting) -> List[object]:
    """The tasks that the words about a wait call by their names."""
    awaited = [one.obj for one in waiting.layers() if not one.call and one.thread is None]
    return [*awaited, *waiting.holders[:MOST_HOLDERS]]


# ----------------------------------------------------------------- many alike


def alike_keys(nodes: Iterable[TaskNode]) -> Dict[int, int]:
    """By the id of a node: equal for tasks that stand at the same lines, and so do all below them.

    They are in the same call. How their waits differ otherwise is what `wait_of_all` says.

    Args:
        nodes: All nodes, each before its children.
    """
    known: Dict[Tuple[object, ...], int] = {}
    keys: Dict[int, int] = {}
    every = list(nodes)
    awaited = _Awaited(every)
    for node in reversed(every):  # children come after their parents
        frames = tuple([(id(f.pyframe.f_code), f.lineno) for f in node.stack.frames])
        below = tuple(sorted({keys.get(id(child), -1) for child in node.children}))
        text = "" if node.waiting is None else node.waiting.text
        seen = (node.is_only_above, node.was_here)
        key = (node.state, frames, below, text, awaited.elsewhere(node), seen)
        keys[id(node)] = known.setdefault(key, len(known))
    return keys


class _Awaited:
    """Which tasks others wait for.

    Args:
        nodes: All nodes of a loop.
    """

    def __init__(self, nodes: Sequence[TaskNode]) -> None:
        self.tasks: Set[int] = {id(node.task) for node in nodes}
        self.counts: Dict[int, int] = {}
        """How many waits have a list in common, by its id."""
        self.known: Dict[Tuple[int, ...], Tuple[int, FrozenSet[int]]] = {}
        self.numbers: Dict[FrozenSet[int], int] = {}
        for node in nodes:
            for layer in () if node.waiting is None else node.waiting.layers():
                self.counts[id(layer.tasks)] = self.counts.get(id(layer.tasks), 0) + 1

    def elsewhere(self, node: TaskNode) -> Tuple[object, ...]:
        """Equal for those that wait for the same tasks, but for those drawn below them.

        Args:
            node: The task that waits.
        """
        if node.waiting is None:
            return ()
        lists = [layer.tasks for layer in node.waiting.layers() if layer.tasks]
        number, awaited = self._all_of(lists)
        below = awaited.intersection([id(child.task) for child in node.children])
        if not below:
            return (number,)
        if len(below) < len(awaited) and all(self.counts[id(tasks)] > 1 for tasks in lists):
            return (number, below)  # what is left would be as long for each that waits for them
        return (self._number_of(awaited - below),)

    def _all_of(self, lists: Sequence[List[object]]) -> Tuple[int, FrozenSet[int]]:
        """The tasks in some lists, with a number that stands for them."""
        key = tuple(map(id, lists))
        if key not in self.known:
            found = {id(task) for tasks in lists for task in tasks}
            awaited = frozenset(found & self.tasks)
            self.known[key] = self._number_of(awaited), awaited
        return self.known[key]

    def _number_of(self, awaited: FrozenSet[int]) -> int:
        return self.numbers.setdefault(awaited, len(self.numbers))


def ids_of_holders(waiting: Waiting) -> List[int]:
    """Equal for waits for what the same ones have."""
    if len(waiting.holders) > MOST_COMPARED:
        return [id(waiting.holders)]  # those who wait for the same lock have one list of them
    return list(map(id, waiting.holders))


def item_key(node: ItemNode) -> Tuple[object, ...]:
    """Equal for greenlets or the like that stand at the same lines and wait for the same thing.

    Those that have others below them are like nothing else.
    """
    frames = [(id(frame.pyframe.f_code), frame.lineno) for frame in node.stack.frames]
    waiting = node.waiting
    if waiting is None:
        awaited: Tuple[object, ...] = ()
    else:
        held = ids_of_holders(waiting)
        awaited = (waiting.text, id(waiting.lock), *held, *map(id, waiting.tasks))
    seen = (node.is_only_above, node.was_here, id(node) if node.children else 0)
    return (node.state, node.thread, tuple(frames), awaited, *seen)


def groups_of_alike(
    nodes: Sequence[T], key: Callable[[T], object], most_alone: int
) -> List[List[T]]:
    """The nodes in groups, in the order of the first ones.

    Args:
        nodes: The nodes.
        key: Gives what is equal for nodes that are alike.
        most_alone: More than that with the same key are one group; others are groups of one.
    """
    by_key: Dict[object, List[T]] = {}
    keys = [key(node) for node in nodes]
    for node, same in zip(nodes, keys):
        by_key.setdefault(same, []).append(node)
    groups: List[List[T]] = []
    for node, same in zip(nodes, keys):
        group = by_key[same]
        if len(group) <= most_alone:
            groups.append([node])
        elif group[0] is node:
            groups.append(group)
    return groups


# --------------------------------------------------------------------- columns


def shortened(text: str, width: int, ellipsis: str) -> str:
    """``text``, or its beginning and its end in at most ``width`` columns."""
    if width_of(text) <= width:
        return text
    room = max(width - width_of(ellipsis), 0)
    return beginning(text, room - room // 2) + ellipsis + end(text, room // 2)
