"""The overview: tasks, who waits for whom, and the threads that aren't idle."""

from __future__ import annotations

from stackscope.render.items import item_lines
from stackscope.render.stuck import SIGN, is_stuck, stuck_by
from stackscope.render.tasks import task_lines
from stackscope.render.threads import is_idle, thread_lines
from stackscope.render.words import count, number_ranges
from stackscope.safe.text import safe_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import AbstractSet, Iterator, Mapping, Sequence, Tuple

    from stackscope import Finding, Snapshot, ThreadNode
    from stackscope.render.drawing import Line
    from stackscope_ipython.looking import View
    from stackscope_pdb.output.console import Console

    Changes = Mapping[int, str]
    Stuck = AbstractSet[Tuple[str, int]]

HINT = " ('%stackscope --filter TEXT' finds them)"
"""What is said where tasks or threads are left out of a table."""


MOST_FINDINGS = 5
"""The most things that are stuck and mentioned."""


def overview_lines(view: View, console: Console, changes: Changes) -> Iterator[Line]:
    """The lines that show what everything does.

    Args:
        view: What there is.
        console: What it is drawn on.
        changes: The signs of what has changed, by the ids of the tasks and threads.
    """
    snapshot = view.snapshot
    items = [node for top in snapshot.items for node in top.walk()]
    stuck = stuck_by(view.findings)
    yield from task_lines(snapshot, None, console, hint=HINT, changes=changes, stuck=stuck)
    yield from item_lines(items, console, hint=HINT, stuck=stuck)
    if not any(True for _ in snapshot.tasks()) and not items:
        yield [("note", _no_task(view))]
    yield from _threads(snapshot, console, changes, stuck)
    yield from _findings(view.findings)
    if view.incomplete:
        yield [("alert", view.incomplete)]
    own = own_line(view)
    if own:
        yield [("guide", console.ellipsis + " "), ("note", own)]


def _no_task(view: View) -> str:
    if view.filter is not None:
        return f"No task matches the filter {view.filter!r}."
    return f"No task {'of yours ' if view.tasks else ''}is alive in this process."


def _threads(
    snapshot: Snapshot, console: Console, changes: Changes, stuck: Stuck
) -> Iterator[Line]:
    """The threads that aren't idle, but for those whose loops are shown above."""
    names = [node.name for node in snapshot.threads]
    of_loops = {loop.thread for loop in snapshot.loops if names.count(loop.thread or "") == 1}
    rest = [node for node in snapshot.threads if node.name not in of_loops or _has_wait(node)]
    busy = [node for node in rest if node.is_here or not is_idle(node) or is_stuck([node], stuck)]
    if busy:
        noun = "thread" if len(rest) == len(snapshot.threads) else "other thread"
        yield [("header", f"{count(len(busy), noun)}:")]
        yield from thread_lines(
            busy, None, (), console, hint=HINT, at_stop=False, changes=changes, stuck=stuck
        )
    idle = len(rest) - len(busy)
    if idle:
        shown = set(map(id, busy))
        numbers = number_ranges(one.number for one in rest if id(one) not in shown and one.number)
        yield [("text", count(idle, "idle thread")), ("note", f": {numbers}" if numbers else "")]


def _has_wait(node: ThreadNode) -> bool:
    """Whether a thread waits for what somebody holds."""
    return node.waiting is not None and bool(node.waiting.holders)


def _findings(findings: Sequence[Finding]) -> Iterator[Line]:
    """What is stuck, in a line each."""
    for finding in findings[:MOST_FINDINGS]:
        yield [("alert", f"{SIGN} stuck: {safe_line(finding.text)}")]
    if findings:
        left = len(findings) - MOST_FINDINGS
        more = f"{left} more are stuck; " if left > 0 else ""
        yield [("note", f"{more}'%stackscope --why' tells why")]


def own_line(view: View) -> str:
    """How much was left out, since IPython and the kernel run it themselves; empty if nothing."""
    parts = [
        count(number, noun)
        for number, noun in ((view.loops, "loop"), (view.tasks, "task"), (view.threads, "thread"))
        if number
    ]
    if not parts:
        return ""
    words = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
    return f"IPython's own: {words}; --all shows them"
