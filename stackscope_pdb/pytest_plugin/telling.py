"""What is said about a test that takes too long, and where."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

    import pytest

    from stackscope import Snapshot, Stack

PYTEST = ("_pytest", "pluggy", "pytest")
"""The packages that are left out of the stacks of tests, as `stackscope.glue.pytest` has them."""

RUNNER = "_pytest.runner"
"""The module whose functions run a single test. What is outside them runs all tests."""

WIDTH = 120
"""How wide lines are where there is no terminal."""


class Teller:
    """Looks at everything in the process, draws it, and knows where to print that.

    Args:
        config: That of the run, which is not capturing now.

    Attributes:
        is_worker: Whether this is a process that pytest-xdist has started.
    """

    def __init__(self, config: pytest.Config) -> None:
        import stackscope

        self._extract_all = stackscope.extract_all
        self._diagnose = stackscope.diagnose
        self.is_worker: bool = hasattr(config, "workerinput")
        self._width_of_run: int = getattr(config, "workerinput", {}).get("stackscope_width", 0)
        self._output = _output(config)
        # Now, while nothing hangs: the test may replace what imports need, such as `open`.
        saved = self.saved(self.look())
        self.everything(saved)
        self.changes(saved, saved)

    def print(self, lines: List[str]) -> None:
        """Print lines where pytest reports to."""
        self._output.write(lines)

    def look(self) -> Snapshot:
        """Everything as it is now, but for the thread that calls this."""
        snapshot: Snapshot = self._extract_all()
        snapshot.threads = [node for node in snapshot.threads if not node.is_here]
        for node in snapshot.threads:
            _hide_pytest(node.stack)
        return snapshot

    def everything(self, snapshot: Snapshot) -> List[str]:
        """What is stuck, and then all that a snapshot has."""
        options = self._options()
        diagnosis = self._diagnose(snapshot)
        first = diagnosis.format(**options) if diagnosis.findings else []
        everything = snapshot.format(findings=diagnosis.findings, **options)
        return [*first, *["\n"][: len(first)], *everything]

    def changes(self, earlier: Snapshot, later: Snapshot) -> List[str]:
        """What is different in a later snapshot."""
        return earlier.diff(later).format(**self._options())

    @staticmethod
    def saved(snapshot: Snapshot) -> Snapshot:
        """A copy that keeps nothing of the program's alive."""
        return type(snapshot).from_json(snapshot.to_json())

    def _options(self) -> Any:
        return {"ascii_only": self._output.ascii_only, "width": self._width()}

    def _width(self) -> int:
        columns = os.environ.get("COLUMNS", "")
        if columns.isdecimal() and int(columns):
            return int(columns)
        return self._output.columns or self._width_of_run or WIDTH


def _hide_pytest(stack: Stack) -> None:
    """Leave pytest's frames out of the drawing of a stack, and those by which it was started."""
    modules = [frame.modname or "" for frame in stack.frames]
    outermost = modules.index(RUNNER) if RUNNER in modules else 0
    for index, (frame, module) in enumerate(zip(stack.frames, modules)):
        if index < outermost or module.partition(".")[0] in PYTEST:
            frame.hide = True


def _output(config: pytest.Config) -> Any:
    """The terminal, whatever pytest captures: a duplicate of the file that it reports to."""
    from stackscope.render.stream import FileBeyondBuffers, encoding_of

    # What a worker of pytest-xdist writes to its stdout gets lost.
    stream: Any = sys.stderr if hasattr(config, "workerinput") else sys.stdout
    try:
        descriptor = os.dup(stream.fileno())
    except (AttributeError, OSError, ValueError):  # io.UnsupportedOperation is both of the latter
        return _Stream(stream)
    file = FileBeyondBuffers(descriptor, "stdout", encoding_of(stream))
    config.add_cleanup(file.close)
    return file


class _Stream:
    """A stream without a descriptor, in the place of a `FileBeyondBuffers`."""

    columns = 0

    def __init__(self, stream: Any) -> None:
        from stackscope.render.stream import draws_in_ascii, encoding_of

        self._stream = stream
        self.ascii_only = draws_in_ascii(encoding_of(stream))

    def write(self, lines: List[str]) -> None:
        """Write lines. Called from another thread."""
        self._stream.write("".join(lines))
        self._stream.flush()
