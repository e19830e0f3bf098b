"""What tasks and threads do and wait for, in words, everywhere."""

from __future__ import annotations

from stackscope.model.saved import type_name_of
from stackscope.model.snapshot import ItemNode, TaskNode, ThreadNode, kind_of
from stackscope.render.drawing import Link
from stackscope.render.source import line_text
from stackscope.render.words import (
    LONGEST_LINE,
    LONGEST_NAME,
    NO_MATCH,
    NO_PYTHON,
    age_range,
    clock_time,
    count,
    item_label,
    joined,
    number_ranges,
    ordinal,
    place_text,
    task_label,
    thread_label,
    time_left,
)
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
        Iterable,
        List,
        Sequence,
        Tuple,
        TypeVar,
        Union,
    )

    from stackscope.model.snapshot import Node
    from stackscope.model.waiting import Amount, Waiting

    T = TypeVar("T")

MOST_HOLDERS = 3
"""The most holders of one lock that are named."""

MOST_LABELLED = 30
"""The most holders of which the first few by their names are looked for."""

MOST_PARTS = 3
"""The most things that something waits for at the same time that are written out."""


class StateParts:
    """What a task or thread does, in parts of which some may be left out.

    Args:
        state: The state, in a word or two.
        detail: The call that it waits in.
        time: For how long.
        holders: Who holds the lock that it waits for: ``held by 8``.
        note: What else there is to say.
        is_call: Whether it waits, and the detail is a call, which says so by itself.
        omits_word: Whether the state is left out before such a call.
    """

    __slots__ = ("detail", "holders", "is_call", "note", "omits_word", "state", "time")

    def __init__(
        self,
        state: str,
        detail: str = "",
        time: str = "",
        holders: str = "",
        note: str = "",
        *,
        is_call: bool = False,
        omits_word: bool = False,
    ) -> None:
        self.state: str = state
        self.detail: str = detail
        self.time: str = time
        self.holders: str = holders
        self.note: str = note
        self.is_call: bool = is_call
        self.omits_word: bool = omits_word

    def __str__(self) -> str:
        first = f"{self.state}: {self.detail}" if self.detail else self.state
        if self.detail and self.is_call and self.omits_word:
            first = self.detail
        return joined(first, self.time, self.holders, self.note)

    def without_time(self) -> StateParts:
        """The same, but for how long is left out, and so is what else there was to say."""
        return self.with_detail(self.detail)

    def with_detail(self, detail: str) -> StateParts:
        """The same with a shorter detail, or without one, and without all that matters less."""
        return StateParts(
            self.state,
            detail,
            "",
            self.holders,
            is_call=self.is_call,
            omits_word=self.omits_word,
        )

    def without_word(self) -> StateParts:
        """The same as ``Lock.acquire()``, not ``waiting: Lock.acquire()``."""
        return StateParts(
            *(self.state, self.detail, self.time, self.holders, self.note),
            is_call=self.is_call,
            omits_word=True,
        )


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
            age_range(nodes),
        ),
        is_call=state == "waiting" and all("()" in wait.call for wait in waits),
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
    """What a holder is called next to something of its kind: by its number alone."""
    kind, number = _kind_and_number(holder)
    return number if kind == kind_of(node) else f"{kind} {number}"


def _kind_and_number(obj: object) -> Tuple[str, str]:
    return identity_of(obj).kind or TASK, str(number_of(obj))


def state_text(node: Node) -> str:
    """The state of a task, the call that it waits in, for how long, and who holds the lock."""
    return str(state_parts([node]))


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
    """A wait inside another one, whose holders are those of the whole."""
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
