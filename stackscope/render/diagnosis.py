"""Findings as lines: who is stuck and where, who waits behind them, and what to look at."""

from __future__ import annotations

from stackscope.interpreter.collector import collects_afterwards
from stackscope.model.diagnosis import (
    ABANDONED,
    BLOCKED_LOOP,
    DEADLOCK,
    LIKELY_HOLDERS,
    MAY_HAVE_MOVED,
    ONLY_TRACEBACKS,
    ONLY_USERS,
    Diagnosis,
    Edge,
    Finding,
)
from stackscope.model.saved import is_suspended, type_name_of
from stackscope.model.snapshot import TaskNode, kind_of, nodes_of
from stackscope.model.stacks import Frame, Stack
from stackscope.render.drawing import Layout, Link, plain
from stackscope.render.front_ends import file_of
from stackscope.render.paths import short_path, with_short_paths
from stackscope.render.source import line_text
from stackscope.render.stream import cut_line, wrapped
from stackscope.render.stuck import SIGN
from stackscope.render.waits import wait_pieces
from stackscope.render.words import count, node_title, number_ranges, object_of
from stackscope.safe.text import safe_line, safe_text
from stackscope.snapshot.idle import is_idle_worker
from stackscope.snapshot.inside import contexts_in
from stackscope.snapshot.user_code import innermost_user_frame, library_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Container, Dict, Iterator, List, Optional, Sequence, Tuple

    from stackscope.model.saved import Places
    from stackscope.model.snapshot import Node, ThreadNode
    from stackscope.model.stacks import Context
    from stackscope.model.waiting import Waiting
    from stackscope.render.drawing import Line

    Taken = Tuple[Node, Frame, int]

__all__ = [
    "advice_text",
    "at_place",
    "chain_lines",
    "context_with",
    "counted",
    "finding_lines",
    "finding_text",
    "fitting",
    "format_diagnosis",
    "format_finding",
    "nothing_line",
    "stuck_line",
    "summary_lines",
]

MOST_NODES = 10
"""The most tasks or the like at the heart of a finding that have lines of their own."""

MOST_FINDINGS = 20
"""The most findings that are drawn; of more there is the number."""

MOST_CALLS = 3
"""The most calls that threads are in which are named if nothing is stuck."""

MOST_PROCESSES = 4
"""The most processes that are named because they are waited for."""

INDENT = "  "

KINDS_OF_WAITS = (
    ("a timer", "timers"),
    ("a socket or process", "sockets or processes"),
    ("a call in another thread", "calls in other threads"),
    ("another task", "other tasks"),
    ("a lock", "locks"),
    ("a queue or channel", "queues or channels"),
    ("an event or condition", "events or conditions"),
    ("a future", "futures"),
    ("something else", "something else"),
)
"""What tasks wait for, in the order in which `nothing_line` counts it."""


# --------------------------------------------------------------------- a diagnosis


@collects_afterwards
def format_diagnosis(
    diagnosis: Diagnosis, *, ascii_only: bool, short_paths: bool, width: int, color: bool
) -> List[str]:
    """See `Diagnosis.format`."""
    layout = Layout(ascii_only, width=width)
    places = diagnosis.snapshot.places
    lines: Iterator[Line] = summary_lines(diagnosis)
    if short_paths:
        lines = (with_short_paths(line, places) for line in lines)
    parts = (part for line in lines for part in fitting(line, width))
    parts = (cut_line(part, width, layout.ellipsis) for part in parts)
    return plain(parts, layout, color=color)


def summary_lines(diagnosis: Diagnosis) -> Iterator[Line]:
    """All findings, with an empty line between them; or that there are none."""
    if not diagnosis.findings:
        yield nothing_line(diagnosis)
        yield from process_lines(diagnosis)
        return
    for index, finding in enumerate(diagnosis.findings[:MOST_FINDINGS]):
        if index:
            yield []
        yield from finding_lines(finding, diagnosis.snapshot.places)
    left = len(diagnosis.findings) - MOST_FINDINGS
    if left > 0:
        yield []
        yield [("note", f"{count(left, 'more finding')}")]
    others = list(process_lines(diagnosis))
    if others:
        yield []
        yield from others


def process_lines(diagnosis: Diagnosis) -> Iterator[Line]:
    """The child processes that are waited for, which may be asked as well."""
    found: Dict[int, List[Node]] = {}
    for node in nodes_of(diagnosis.snapshot):
        for layer in node.waiting.layers() if node.waiting is not None else ():
            for pid in layer.processes:
                found.setdefault(pid, []).append(node)
    for pid, nodes in list(found.items())[:MOST_PROCESSES]:
        who = node_title(nodes[0]) if len(nodes) == 1 else counted(nodes)
        verb = "waits" if len(nodes) == 1 else "wait"
        yield [
            ("note", f"{who} {verb} for process {pid}, which may be asked: stackscope why {pid}")
        ]
    left = len(found) - MOST_PROCESSES
    if left > 0:
        yield [("note", f"and {count(left, 'more process', 'more processes')}")]


def nothing_line(diagnosis: Diagnosis) -> Line:
    """That nothing is stuck, and what all those wait for that wait."""
    waiting = [node for node in diagnosis.snapshot.tasks() if node.state == "waiting"]
    counts: Dict[Tuple[str, str], int] = {}
    for node in waiting:
        kind = KINDS_OF_WAITS[_kind_of_wait(node.waiting)]
        counts[kind] = counts.get(kind, 0) + 1
    parts: List[str] = []
    for kind in sorted(counts, key=lambda kind: (-counts[kind], KINDS_OF_WAITS.index(kind))):
        number = counts[kind]
        who = str(number) if parts else f"{count(number, 'task')} wait{'s' * (number == 1)}"
        parts.append(f"{who} for {kind[0] if number == 1 else kind[1]}")
    threads = [
        node
        for node in diagnosis.snapshot.threads
        if node.waiting is not None and not is_idle_worker(node)
    ]
    if threads:
        verb = "waits" if len(threads) == 1 else "wait"
        parts.append(f"{count(len(threads), 'thread')} {verb}")
    parts += _calls_of_threads(diagnosis)
    words = ", ".join(parts)
    return [("text", f"Nothing is stuck: {words}." if words else "Nothing is stuck.")]


def _calls_of_threads(diagnosis: Diagnosis) -> List[str]:
    """In what calls threads are that wait for nobody in this process, as far as is known.

    The threads of loops are described by their tasks.
    """
    loops = {loop.thread for loop in diagnosis.snapshot.loops}
    counts: Dict[str, int] = {}
    for node in diagnosis.snapshot.threads:
        if node.waiting is None and node.calls and node.name not in loops:
            counts[node.calls] = counts.get(node.calls, 0) + 1
    calls = sorted(counts, key=lambda call: -counts[call])
    parts = [
        f"{count(counts[call], 'thread')} {'is' if counts[call] == 1 else 'are'} in {call}"
        for call in calls[:MOST_CALLS]
    ]
    left = sum(counts[call] for call in calls[MOST_CALLS:])
    return [*parts, f"{count(left, 'thread')} in other calls"] if left else parts


def _kind_of_wait(waiting: Optional[Waiting]) -> int:
    """The place of a wait in `KINDS_OF_WAITS`."""
    if waiting is None:
        return 8
    layers = list(waiting.layers())
    name = type_name_of(waiting.obj).rpartition(".")[2]
    tests = (
        any(one.seconds_left is not None or one.deadline is not None for one in layers),
        any(one.resource for one in layers),
        any(one.thread or one.workers or one.ahead for one in layers),
        any(one.tasks for one in layers) and name != "Future",
        waiting.lock is not None,
        any(part in name for part in ("Queue", "Channel", "Stream")),
        any(part in name for part in ("Event", "Condition", "Barrier")),
        "Future" in name,
        True,
    )
    return tests.index(True)


def stuck_line(diagnosis: Diagnosis) -> Optional[Line]:
    """Who is stuck, by numbers, with the sign that marks them; ``None`` if nobody is."""
    if not diagnosis.findings:
        return None
    nodes = [node for finding in diagnosis.findings for node in finding.nodes]
    behind = [node for finding in diagnosis.findings for node in finding.behind]
    words = f"{counted(nodes)}{', and behind: ' + counted(behind) if behind else ''}"
    return [("alert", f"{SIGN} stuck: {words}"), ("note", ": see 'why'")]


# ------------------------------------------------------------------------ one chain

LONGEST_CHAIN = 30
"""The most steps of a chain that are drawn."""


def chain_lines(diagnosis: Diagnosis, node: Node) -> Iterator[Line]:
    """From a task or the like to what could end its wait, a step for each that waits for another.

    Args:
        diagnosis: The diagnosis.
        node: Where to begin.
    """
    edges: Dict[int, List[Edge]] = {}
    for edge in diagnosis.graph.edges:
        edges.setdefault(id(edge.node), []).append(edge)
    stuck = {id(one): finding for finding in diagnosis.findings for one in finding.nodes}
    behind = {id(one) for finding in diagnosis.findings for one in finding.behind}
    stuck_or_behind = {*stuck, *behind}
    seen: Dict[int, Node] = {}
    while id(node) not in seen and len(seen) < LONGEST_CHAIN:
        seen[id(node)] = node
        yield from _node_lines(node, _Heart(stuck.get(id(node), Finding("", False, [node]))))
        step = _next_edge(edges.get(id(node), ()), stuck_or_behind)
        if step is None:
            yield [("text", f"{INDENT}{_end_of_chain(node, stuck.get(id(node)))}")]
            return
        targets = [one for one in step.targets if one is not node] or step.targets
        others = f", or {count(len(targets) - 1, 'other')}" if len(targets) > 1 else ""
        node = _worst(targets, stuck_or_behind)
        how = "which ends with" if step.obj is None else "which is up to"
        likely = "" if step.certain else ", as far as is known"
        yield [("comment", f"{INDENT}{how} "), _name(node), ("comment", f"{others}{likely}:")]
    if id(node) in seen:
        yield [("alert", f"{INDENT}and so on, in a circle back to "), _name(node)]
    else:
        yield [("comment", f"{INDENT}and so on, from "), _name(node)]


def _next_edge(edges: Sequence[Edge], stuck: Container[int]) -> Optional[Edge]:
    """The edge that leads to what is stuck, if one does."""
    worst = [one for one in edges if any(id(target) in stuck for target in one.targets)]
    return next(iter([*worst, *edges]), None)


def _worst(nodes: Sequence[Node], stuck: Container[int]) -> Node:
    return next((node for node in nodes if id(node) in stuck), nodes[0])


def _end_of_chain(node: Node, finding: Optional[Finding]) -> str:
    """What ends the last wait of a chain, or that nothing does."""
    if finding is not None:
        if finding.missing:
            return f"which nothing alive can end: nobody is left who calls {finding.missing}"
        return "which nothing alive can end"
    waiting = node.waiting
    if waiting is None:
        return "which doesn't wait" if getattr(node, "state", "") != "waiting" else "which waits"
    kind = _kind_of_wait(waiting)
    return (
        (
            "which a timer ends",
            "which ends from outside the program",
            "which ends with that call",
        )[kind]
        if kind < 3
        else "which somebody alive may end; who, isn't known"
    )


# ----------------------------------------------------------------------- a finding


class _Heart:
    """What is asked of each at the heart of a finding, looked up once for all of them.

    Args:
        finding: The finding.
    """

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        self._threads: Dict[int, ThreadNode] = {}
        for thread in finding.threads:
            if thread.stack.frames:
                self._threads.setdefault(id(thread.stack.frames[-1].pyframe), thread)
        self._waiters: Dict[int, List[int]] = {}
        for index, node in enumerate(finding.nodes):
            waiting = self.wait_of(node)
            if waiting is not None and waiting.lock is not None:
                self._waiters.setdefault(id(waiting.lock), []).append(index)

    def wait_of(self, node: Node) -> Optional[Waiting]:
        """What a node waits for: of a task that runs, that is what its thread waits for."""
        if node.waiting is not None or not node.stack.frames:
            return node.waiting
        thread = self._threads.get(id(node.stack.frames[-1].pyframe))
        return None if thread is None else thread.waiting

    def taken_by(self, node: Node) -> Optional[Taken]:
        """Who waits for what a node has by a context; the frame and the line that have taken it."""
        nodes = self.finding.nodes
        found: List[Tuple[int, Frame, Context]] = []
        for obj, frame, context in _had_by(node):
            indexes = self._waiters.get(id(obj), ())[:2]
            others = [one for one in indexes if len(nodes) == 1 or nodes[one] is not node]
            found += [(one, frame, context) for one in others[:1]]
        if not found:
            return None
        index, frame, context = min(found, key=lambda one: one[0])
        return (nodes[index], *_of_user(node, frame, _line_of(frame, context)))


def format_finding(finding: Finding) -> str:
    """A finding as text, without the newline at its end."""
    lines = (with_short_paths(line) for line in finding_lines(finding))
    return "".join(plain(lines, Layout())).rstrip("\n")


def finding_text(finding: Finding) -> str:
    """See `Finding.text`."""
    return "".join([text for _, text in title_of(finding)])


def advice_text(finding: Finding) -> str:
    """See `Finding.advice`."""
    return "\n".join(["".join([text for _, text in line]) for line in advice_lines(finding)])


def finding_lines(finding: Finding, places: Optional[Places] = None) -> Iterator[Line]:
    """A finding: its title, a line for each at its heart, and what to look at."""
    yield [("alert", text) for _, text in title_of(finding)]
    heart = _Heart(finding)
    for node in finding.nodes[:MOST_NODES]:
        yield from _node_lines(node, heart)
    if len(finding.nodes) > MOST_NODES:
        left = finding.nodes[MOST_NODES:]
        yield [("note", f"{INDENT}{counted(left)} more")]
    if finding.reason:
        yield [("note", f"{INDENT}{_reason(finding)}")]
    if finding.behind:
        verb = "are" if len(finding.behind) > 1 else "is"
        words = f"{counted(finding.behind)} {verb} stuck behind"
        yield [("note", f"{INDENT}{words}{' them' if len(finding.nodes) > 1 else ' it'}")]
    for line in advice_lines(finding, places):
        yield [("comment", INDENT), *line]


def title_of(finding: Finding) -> Line:
    """What is the matter, in a sentence."""
    nodes = finding.nodes
    if finding.kind == BLOCKED_LOOP:
        seconds = "" if finding.seconds is None else f", for {finding.seconds:.1f} s at least"
        line = [("text", "Blocked loop: "), _name(nodes[0])]
        waiting = _Heart(finding).wait_of(nodes[0])
        pieces = [safe_text(finding.call)] if waiting is None else wait_pieces([waiting])
        line += [("text", piece) for piece in (" stands in ", *pieces)]
        return [*line, ("text", seconds)]
    likely = "" if finding.certain else "Likely "
    if finding.kind == ABANDONED:
        title = "Abandoned: " if finding.certain else "Likely abandoned: "
        if len(nodes) == 1:
            words = " waits, and nothing alive can end that"
            return [("text", title), _name(nodes[0]), ("text", words)]
        who: Line = [("text", counted(nodes))]
        if len(nodes) == 2:
            who = [_name(nodes[0]), ("text", " and "), _name(nodes[1])]
        return [("text", title), *who, ("text", " wait, and nothing alive can end that")]
    line = [("text", f"{likely}{'deadlock' if likely else 'Deadlock'}")]
    if len(nodes) == 1:
        return [*line, ("text", ": "), _name(nodes[0]), ("text", " waits for itself")]
    if len(nodes) == 2:
        both = [_name(nodes[0]), ("text", " and "), _name(nodes[1])]
        return [*line, ("text", ": "), *both, ("text", " wait for each other")]
    line.append(("text", f" of {counted(nodes, numbers=False)}, each waiting for the next: "))
    shown = nodes[:MOST_NODES]
    for index, node in enumerate([*shown, nodes[0]]):
        if index:
            is_cut = index == len(shown) and len(nodes) > MOST_NODES
            line.append(("text", " > … > " if is_cut else " > "))
        line.append(_name(node))
    return line


def _name(node: Node) -> Tuple[str, str]:
    return "root", Link(node_title(node), object_of(node))


def counted(nodes: Sequence[Node], *, numbers: bool = True) -> str:
    """``3 tasks (2, 5-6) and 1 thread (4)``; without their numbers ``3 tasks and 1 thread``."""
    kinds: Dict[str, List[int]] = {}
    for node in nodes:
        kinds.setdefault(kind_of(node), []).append(node.number)
    parts = [
        count(len(found), kind) + (f" ({number_ranges(found)})" if numbers else "")
        for kind, found in kinds.items()
    ]
    return " and ".join(parts)


def _node_lines(node: Node, heart: _Heart) -> Iterator[Line]:
    """What one at the heart of a finding waits for, where, and what it has."""
    frame = innermost_user_frame(node.stack)
    line: Line = [("comment", INDENT), _name(node)]
    waiting = heart.wait_of(node)
    if waiting is not None:
        line.append(("comment", " waits for "))
        line += [("comment", piece) for piece in wait_pieces([waiting])]
    yield [*line, *_place(frame)]
    source = _source_of(frame)
    if source:
        yield [("comment", INDENT * 2), ("source", source)]
    taken = heart.taken_by(node)
    if taken is not None:
        other, frame, lineno = taken
        whom = "it" if other is node else _short(other)
        words = f"holds {_what_is_held(heart.wait_of(other))} {whom} waits for"
        yield [("comment", f"{INDENT * 2}{words}, since "), *_at(frame, lineno)]


def _of_user(node: Node, frame: Frame, lineno: int) -> Tuple[Frame, int]:
    """The user's line that has led to one of a library; if there is none, the one it leads to."""
    if not library_of(frame.pyframe):
        return frame, lineno
    frames = node.stack.frames
    index = next((i for i, one in enumerate(frames) if one.pyframe is frame.pyframe), 0)
    for other in (*reversed(frames[:index]), *frames[index:]):
        if not other.hide and not library_of(other.pyframe):
            return other, other.lineno
    return frame, lineno


def _what_is_held(waiting: Optional[Waiting]) -> str:
    """``the Lock that``; ``what``, if more than one may hold something of it."""
    name = "" if waiting is None else type_name_of(waiting.lock).rpartition(".")[2]
    return f"the {name} that" if name.lower().endswith("lock") else "what"


def _short(node: Node) -> str:
    return f"{kind_of(node)} {node.number}"


def _place(frame: Optional[Frame]) -> Line:
    if frame is None or not frame.lineno:
        return []
    return [("comment", ", at "), *_at(frame, frame.lineno)]


def _at(frame: Frame, lineno: int) -> Line:
    return [
        ("path", safe_text(file_of(frame))),
        ("comment", f":{lineno} in {safe_text(frame.funcname)}"),
    ]


def _source_of(frame: Optional[Frame]) -> str:
    return "" if frame is None else safe_line(line_text(frame.pyframe, frame.lineno))


def context_with(node: Node, waiting: Optional[Waiting]) -> Optional[Tuple[Frame, Context]]:
    """The context by which a node has what is waited for, with the frame that it is in."""
    if waiting is None or waiting.lock is None:
        return None
    for obj, frame, context in _had_by(node):
        if obj is waiting.lock:
            return frame, context
    return None


def _had_by(node: Node) -> Iterator[Tuple[object, Frame, Context]]:
    """What a node has by its contexts, each with its frame, outermost first.

    It may be inside an exit stack, or of a manager that is a generator: that one's context is
    given.
    """
    for frame in node.stack.frames:
        for context in frame.contexts:
            outer = Stack(None, [Frame(frame.pyframe, frame.lineno, contexts=[context])])
            for one in contexts_in(outer):
                if not one.is_exiting:
                    yield one.obj, frame, context


def _reason(finding: Finding) -> str:
    """Why a finding is only likely."""
    if finding.reason == ONLY_USERS:
        users, nodes = finding.users, {id(node) for node in finding.nodes}
        if len(users) > 1 and all(id(user) in nodes for user in users):
            return "likely: as far as variables show, nobody else could end these waits"
        name = node_title(users[0]) if len(users) == 1 else counted(users)
        they = "it waits" if len(users) == 1 else "they wait"
        return f"likely: as far as variables show, only {name} could end this, and {they}, too"
    if finding.reason == LIKELY_HOLDERS:
        return "likely: it isn't proved that nobody else has what they wait for"
    if finding.reason == ONLY_TRACEBACKS:
        return "likely: only the traceback of an exception that is kept leads to what is waited for"
    if finding.reason == MAY_HAVE_MOVED:
        return "likely: whenever they were looked at, threads stood at the same place"
    return "likely: the heap was not searched for others who could end the waits"


# -------------------------------------------------------------------------- advice


def advice_lines(finding: Finding, places: Optional[Places] = None) -> Iterator[Line]:
    """What to look at: what to do about it, and the places that matter, one of a kind."""
    heart = _Heart(finding)
    title = "; ".join(_what_to_do(heart))
    yield [("header", f"Look at{f' ({title})' if title else ''}:")]
    seen: List[str] = []
    for node in _with_own_code(finding):
        line = _places_of(node, heart, places)
        text = "".join([part for _, part in line])
        if text and text not in seen:
            seen.append(text)
            if len(seen) > MOST_NODES:
                yield [("note", f"{INDENT}and more places")]
                return
            yield [("comment", INDENT), *line]


def _with_own_code(finding: Finding) -> List[Node]:
    """Those at the heart that run code of the user's; if none does, those behind them that do.

    If a library starts a task, such as one for ``run_coroutine_threadsafe(queue.get(), loop)``,
    there is nothing of the user's in it.
    """
    for nodes in (finding.nodes, finding.behind):
        frames = [(node, innermost_user_frame(node.stack)) for node in nodes]
        found = [node for node, frame in frames if frame and not library_of(frame.pyframe)]
        if found:
            return found
    return finding.nodes


def _what_to_do(heart: _Heart) -> Iterator[str]:
    """What would mend it, as far as the kind of the finding tells."""
    finding = heart.finding
    if finding.kind == BLOCKED_LOOP:
        yield "await something that doesn't block, or call it in a thread"
    elif finding.missing:
        yield f"nobody is left who calls {finding.missing}"
    waits = [wait for wait in map(heart.wait_of, finding.nodes) if wait is not None]
    if finding.kind == DEADLOCK and any(map(_waits_for_pool, waits)):
        yield "what runs in a pool waits for calls that this pool can't begin: use another pool"
    taken = [heart.taken_by(node) for node in finding.nodes]
    if finding.kind == DEADLOCK and all(one is not None for one in taken):
        if len(taken) == 1:
            yield "it has what it waits for"
        elif len({id(wait.lock) for wait in waits}) == 1:
            yield "each has one of these, and waits for another one"
        else:
            yield "take them in the same order everywhere"


def _waits_for_pool(waiting: Waiting) -> bool:
    """Whether something waits for what a pool has not begun with."""
    layers = list(waiting.layers())
    return any(layer.ahead for layer in layers) or any(
        _waits_for_pool(part) for layer in layers for part in layer.parts
    )


def _places_of(node: Node, heart: _Heart, places: Optional[Places]) -> Line:
    """Where one took what another one waits for, and where it waits: ``a.py:3, then a.py:5``."""
    taken = heart.taken_by(node)
    found = [] if taken is None else [at_place(*taken[1:], places)]
    found += [at_place(frame, frame.lineno, places) for frame in _frames_waiting(node)]
    line: Line = found[0] if found else []
    for before, place in zip(found, found[1:]):
        if place != before:
            line = [*line, ("comment", ", then "), *place]
    return line


def _frames_waiting(node: Node) -> List[Frame]:
    """The innermost frame of the user's, and before it that of the task, if that is another one.

    The stack of a task that waits for a call in a thread goes on with that.
    """
    frame = innermost_user_frame(node.stack)
    if frame is None or not frame.lineno:
        return []
    if isinstance(node, TaskNode) and not is_suspended(frame.origin):
        for own in reversed(node.stack.frames):
            if is_suspended(own.origin) and not library_of(own.pyframe) and not own.hide:
                return [own, frame]
    return [frame]


def _line_of(frame: Frame, context: Context) -> int:
    return context.start_line or frame.lineno


def at_place(frame: Frame, lineno: int, places: Optional[Places] = None) -> Line:
    """Where a line is: ``a.py:3``."""
    return [("path", short_path(safe_text(file_of(frame)), places)), ("lineno", f":{lineno}")]


def fitting(line: Line, width: int) -> Iterator[Line]:
    """A line as it is drawn in some columns: on several lines, unless it is source text."""
    if any(kind == "source" for kind, _ in line):
        yield line  # which is cut where it is drawn
    else:
        yield from wrapped(line, width)
