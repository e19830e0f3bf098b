"""Looks again and again whether a program hangs, in a thread of its own, and says so."""

from __future__ import annotations

import _thread
import os
import sys
import time

from stackscope.api import diagnose, extract_all
from stackscope.render.stream import FileBeyondBuffers
from stackscope.safe.text import describe_exception, without_reprs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import FrozenSet, List, Optional, Tuple

    from stackscope.model.diagnosis import Diagnosis
    from stackscope.model.snapshot import Snapshot

    Known = FrozenSet[Tuple[str, int, str]]

__all__ = ["watch_for_hangs"]

WIDTH = 120
"""How wide the text is where stderr is no terminal."""


def watch_for_hangs(seconds: float) -> None:
    """From now on, look again and again, and write to stderr what is stuck.

    What is found in two looks, one after the other, is told, and once only. Where nothing at all
    has moved between them, the heap is searched as well: see `stackscope.diagnose`.

    Args:
        seconds: The time between two looks.
    """
    output = FileBeyondBuffers(2 if sys.stderr is None else sys.stderr, "stderr")
    _thread.start_new_thread(_Watch(seconds, output).run, ())


class _Watch:
    """The looks.

    Args:
        seconds: The time between two of them.
        output: Where what is found goes to.
    """

    def __init__(self, seconds: float, output: FileBeyondBuffers) -> None:
        self._seconds = seconds
        self._output = output
        self._earlier: Optional[Snapshot] = None
        self._suspected: Known = frozenset()
        self._told: Known = frozenset()
        self._has_stood = False

    def run(self) -> None:
        """Look until the process ends."""
        while True:
            time.sleep(self._seconds)
            try:
                lines = without_reprs(self._look)
            except Exception as exc:
                lines = [
                    f"stackscope could not find out what is stuck: {describe_exception(exc)}\n"
                ]
            if lines:
                self._output.write(lines)

    def _look(self) -> List[str]:
        """What there is to tell."""
        snapshot = extract_all()
        snapshot.threads = [node for node in snapshot.threads if not node.is_here]
        stands = self._earlier is not None and _stands(self._earlier, snapshot)
        # Deep once, and not again until something has moved.
        diagnosis = diagnose(snapshot, deep=stands and not self._has_stood)
        self._earlier = _without_objects(snapshot)
        found = _known(diagnosis)
        if stands and self._has_stood:
            return []
        self._has_stood = stands
        new = (found if stands else found & self._suspected) - self._told
        self._suspected = found
        self._told |= new
        return self._report(diagnosis) if new else []

    def _report(self, diagnosis: Diagnosis) -> List[str]:
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        options = {
            "ascii_only": self._output.ascii_only,
            "width": self._output.columns or WIDTH,
        }
        return [
            f"\n+++ stackscope: process {os.getpid()} is stuck, {now} +++\n",
            *diagnosis.format(**options),  # type: ignore[arg-type]
            "\n",
            *diagnosis.snapshot.format(findings=diagnosis.findings, **options),  # type: ignore[arg-type]
            f"+++ end of why process {os.getpid()} is stuck +++\n",
        ]


def _stands(earlier: Snapshot, snapshot: Snapshot) -> bool:
    """Whether nothing has moved."""
    found = earlier.diff(snapshot)
    return not (found.moved or found.new or found.gone)


def _without_objects(snapshot: Snapshot) -> Snapshot:
    """The same, but nothing of the program is kept alive by it."""
    return type(snapshot).from_json(snapshot.to_json())


def _known(diagnosis: Diagnosis) -> Known:
    """What was found, so that it can be told whether it is found again."""
    return frozenset(
        (finding.kind, node.number, node.name)
        for finding in diagnosis.findings
        for node in finding.nodes
    )
