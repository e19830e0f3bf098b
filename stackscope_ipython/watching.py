"""``%stackscope --watch``: the overview again and again, with signs at what has changed."""

from __future__ import annotations

import os
import sys
import threading
import time
import uuid
from contextvars import copy_context

import stackscope
from stackscope.render.stream import is_terminal
from stackscope.render.waits import state_parts
from stackscope.render.words import count, place_text, task_name, time_of_day
from stackscope.safe.interruptions import interrupts
from stackscope.safe.text import cut, describe_exception
from stackscope.snapshot.user_code import innermost_user_frame
from stackscope_ipython.display import publish
from stackscope_ipython.errors import Refused
from stackscope_ipython.looking import look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Tuple, Union

    from IPython.core.interactiveshell import InteractiveShell

    from stackscope import Snapshot, TaskNode, ThreadNode
    from stackscope_ipython.display import Display
    from stackscope_ipython.options import Request

    Key = Tuple[str, int]

NEW, CHANGED = "+", "*"
"""The signs of what is new since the last look, and of what does something else."""

MOST_GONE = 8
"""The most that are named of what is gone."""

MOST_WATCHES = 8
"""The most watches in a notebook at a time."""

LEAST_ROWS = 5
"""The rows that a terminal has at least."""


class Changes:
    """Tells what has changed since the last look. Of a look it keeps numbers and texts only."""

    def __init__(self) -> None:
        self._seen: Dict[Key, Tuple[str, str]] = {}
        self._when = 0.0

    def since_last(self, snapshot: Snapshot) -> Tuple[str, Dict[int, str]]:
        """What has changed.

        Args:
            snapshot: What there is now.

        Returns:
            A line that says how much, and the signs by the ids of the tasks and threads.
        """
        seen: Dict[Key, Tuple[str, str]] = {}
        signs: Dict[int, str] = {}
        for node in _nodes(snapshot):
            key = _key(node)
            seen[key] = (_title(node), _doing(node))
            if key not in self._seen:
                signs[id(_object(node))] = NEW
            elif self._seen[key][1] != seen[key][1]:
                signs[id(_object(node))] = CHANGED
        gone = [title for key, (title, _) in self._seen.items() if key not in seen]
        line = f"Seen at {time_of_day(snapshot.taken_at)}"
        if self._when:
            line += f"; since {time_of_day(self._when)}: {_numbers(signs, gone)}"
        else:
            signs = {}
        self._seen, self._when = seen, snapshot.taken_at
        return line, signs


def _nodes(snapshot: Snapshot) -> Iterator[Union[TaskNode, ThreadNode]]:
    yield from snapshot.tasks()
    yield from snapshot.threads


def _key(node: Union[TaskNode, ThreadNode]) -> Key:
    if isinstance(node, stackscope.ThreadNode):
        return "thread", node.number or node.ident
    return "task", node.number


def _object(node: Union[TaskNode, ThreadNode]) -> object:
    return node.thread if isinstance(node, stackscope.ThreadNode) else node.task


def _title(node: Union[TaskNode, ThreadNode]) -> str:
    kind, number = _key(node)
    return f"{kind} {number} ({cut(task_name(node), 40)})"


def _doing(node: Union[TaskNode, ThreadNode]) -> str:
    """What a task or thread does, and where, without the time that goes by."""
    state = state_parts([node]).without_time()
    return f"{state} {place_text(innermost_user_frame(node.stack))}"


def _numbers(signs: Dict[int, str], gone: List[str]) -> str:
    values = list(signs.values())
    parts = [
        f"{values.count(sign)} {word} ({sign})"
        for sign, word in ((CHANGED, "changed"), (NEW, "new"))
        if sign in values
    ]
    if gone:
        more = f" and {len(gone) - MOST_GONE} more" if len(gone) > MOST_GONE else ""
        parts.append(f"gone: {', '.join(gone[:MOST_GONE])}{more}")
    return ", ".join(parts) or "no change"


class _Looks:
    """The text of one look after another.

    Args:
        request: What was asked for.
        display: Where it is shown.
    """

    def __init__(self, request: Request, display: Display) -> None:
        self.request = request
        self.display = display
        self.changes: Changes = Changes()

    def next(self) -> str:
        """What there is now.

        Raises:
            Refused: The filter isn't one.
        """
        view = look(self.request)
        line, signs = self.changes.since_last(view.snapshot)
        return f"{line}\n{self.display.overview_text(view, signs)}"


class Watches:
    """The watches of a shell.

    Args:
        shell: The shell.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self._running: List[_Watch] = []

    def start(self, request: Request, display: Display) -> None:
        """Begin to watch: in a notebook while other cells run, in a terminal until Ctrl-C.

        Raises:
            Refused: The filter isn't one, or there are too many watches already.
        """
        pause = request.seconds("watch") or 1.0
        looks = _Looks(request, display)
        if not display.is_notebook:
            watch_in_terminal(looks, pause)
            return
        self._running = [one for one in self._running if one.is_alive()]
        if len(self._running) >= MOST_WATCHES:
            raise Refused(f"{MOST_WATCHES} watches are running: '%stackscope --stop' ends them.")
        watch = _Watch(looks, pause)
        self._running.append(watch)
        watch.start()

    def stop(self) -> str:
        """End all watches.

        Returns:
            A sentence that says how many there were.
        """
        running = [one for one in self._running if one.is_alive()]
        self._running = []
        for one in running:
            one.end()
        return f"{count(len(running), 'watch', 'watches')} ended."


class _Watch(threading.Thread):
    """A watch in a notebook: a thread that updates a display."""

    def __init__(self, looks: _Looks, pause: float) -> None:
        super().__init__(name="stackscope --watch", daemon=True)
        self.looks = looks
        self.pause = pause
        self.ends = threading.Event()
        self.display_id = uuid.uuid4().hex
        self.text = looks.next()
        publish({"text/plain": self._with_hint(self.text)}, self.display_id)
        # What a thread shows belongs to the cell that is in its context.
        self.context = copy_context()

    def run(self) -> None:
        self.context.run(self._run)

    def end(self) -> None:
        """Stop, and show so."""
        self.ends.set()
        self.join(self.pause + 5)

    def _run(self) -> None:
        last = "Ended."
        while not self.ends.wait(self.pause):
            try:
                self.text = self.looks.next()
                self._show(self._with_hint(self.text))
            except Exception as exc:
                last = f"Ended: {describe_exception(exc)}"
                break
        try:
            self._show(f"{self.text}\n{last}")
        except Exception:  # the kernel is shutting down: nobody is there to be told
            return

    def _with_hint(self, text: str) -> str:
        return f"{text}\nLooks again every {self.pause:g} s, until '%stackscope --stop'."

    def _show(self, text: str) -> None:
        publish({"text/plain": text}, self.display_id, update=True)


def watch_in_terminal(looks: _Looks, pause: float) -> None:
    """Show one look after another, in the place of the one before, until Ctrl-C."""
    drawn = 0
    try:
        while True:
            lines = looks.next().split("\n")
            if is_terminal(sys.stdout):
                lines = [*_fitting(lines, looks.display.console.ellipsis), "Ctrl-C ends this."]
                back = f"\x1b[{drawn}A\r\x1b[J" if drawn else ""
                drawn = len(lines)
            else:
                back, lines = "", [*lines, ""]
            sys.stdout.write(back + "\n".join(lines) + "\n")
            sys.stdout.flush()
            time.sleep(pause)
    except BaseException as exc:
        if not interrupts(exc) or not isinstance(exc, KeyboardInterrupt):
            raise
        print("Ended.")


def _fitting(lines: List[str], ellipsis: str) -> List[str]:
    """As many lines as there is room for above the prompt."""
    try:
        rows = os.get_terminal_size(sys.stdout.fileno()).lines
    except (AttributeError, ValueError, OSError):
        return lines
    most = max(rows, LEAST_ROWS) - 3
    if len(lines) <= most:
        return lines
    return [*lines[:most], f"{ellipsis} {count(len(lines) - most, 'more line')}"]
