"""Everything as it is now: without what IPython and the kernel run, filtered, with what is stuck.

Tried on IPython 8.12 to 9.18 and ipykernel 6.29 to 7.4. A kernel has an event loop in each of its
channels' threads, and tasks of its own in that of the main thread, which is the user's as well.
"""

from __future__ import annotations

import sys

import stackscope
from stackscope.safe.interruptions import attempt
from stackscope.snapshot.user_code import library_of
from stackscope_ipython.errors import Refused
from stackscope_ipython.subjects import leave_out_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, List, Optional, Sequence, Set

    from stackscope import Diagnosis, Finding, Frame, LoopNode, Snapshot, Stack, TaskNode
    from stackscope_ipython.options import Request
    from stackscope_pdb.program.patience import LongLook

    Progress = Optional[Callable[[float], object]]

PACKAGES = frozenset(
    {
        "IPython",
        "_pydevd_bundle",
        "debugpy",
        "ipykernel",
        "ipykernel_launcher",
        "ipython",
        "jupyter_client",
        "prompt_toolkit",
        "stackscope_ipython",
        "zmq",
    }
)
"""The libraries that a shell or kernel consists of."""


GIVES_UP = "Ctrl-C gives up"

WITHOUT_DIAGNOSIS = "Incomplete: Ctrl-C has ended the search for what is stuck."
"""What is said then."""


class View:
    """A snapshot without what IPython and the kernel run themselves.

    Args:
        snapshot: The snapshot, which is changed.
        shows_all: Leave out nothing.

    Attributes:
        snapshot: What is left of it.
        loops: How many loops were left out.
        tasks: How many tasks.
        threads: How many threads.
        findings: What is stuck, as far as that was looked for.
        filter: The filter that it fits, if there is one.
        incomplete: A sentence about what is missing, if the user has interrupted the search.
    """

    def __init__(self, snapshot: Snapshot, *, shows_all: bool = False) -> None:
        self.snapshot = snapshot
        self.findings: Sequence[Finding] = ()
        self.filter: Optional[str] = None
        self.incomplete: str = ""
        self.loops: int = 0
        self.tasks: int = 0
        self.threads: int = 0
        if not shows_all:
            runs_command = _frames_that_run_command(snapshot)
            self._leave_out(lambda stack: _is_own(stack, runs_command))
        for stack in _stacks(snapshot):
            leave_out_command(stack)

    def _leave_out(self, is_own: Callable[[Stack], bool]) -> None:
        snapshot = self.snapshot
        own = [node for node in snapshot.threads if is_own(node.stack)]
        names = {node.name for node in own}
        loops = []
        for loop in snapshot.loops:
            left_out = leave_out_tasks(loop, lambda node: is_own(node.stack))
            self.tasks += left_out
            if loop.tasks or not (left_out or loop.thread in names or is_shells(loop.loop)):
                loops.append(loop)
        ids = set(map(id, own))
        self.threads = len(own)
        self.loops = len(snapshot.loops) - len(loops)
        snapshot.threads = [node for node in snapshot.threads if id(node) not in ids]
        snapshot.loops = loops


def look(request: Request, *, diagnoses: bool = False, patience: Optional[LongLook] = None) -> View:
    """Everything as it is now, as far as it is wanted.

    Args:
        request: What is wanted.
        diagnoses: Whether to look for what is stuck.
        patience: Tells how far it has come, if somebody waits for it.

    Raises:
        Refused: The filter isn't one.
    """
    wants_more = None if patience is None else patience.wants_more
    snapshot = stackscope.extract_all(with_contexts=request.contexts, progress=wants_more)
    incomplete = ""
    if patience is not None and patience.has_ended:
        incomplete = patience.sentence(snapshot)
        diagnoses = False  # what wasn't looked at may be what ends a wait
    # By the whole: what is left out may be what ends a wait.
    findings: Sequence[Finding] = ()
    if diagnoses and request.contexts:
        if patience is not None:
            patience.begin("Looking for what is stuck")
        try:
            findings = _findings(snapshot)
        except KeyboardInterrupt:
            incomplete = WITHOUT_DIAGNOSIS
    if patience is not None:
        patience.begin("Drawing what was found", GIVES_UP)
    view = View(snapshot, shows_all=request.has("all"))
    view.findings = findings
    view.incomplete = incomplete
    view.filter = request.text("filter")
    if view.filter is not None:
        view.snapshot = filtered(view.snapshot, view.filter, findings)
    return view


def _findings(snapshot: Snapshot) -> Sequence[Finding]:
    """What the graph of waits tells of what is stuck."""
    found: Any = attempt(None, diagnosis_of, snapshot, False)
    return () if found is None else list(found.findings)


def diagnosis_of(snapshot: Snapshot, deep: bool, progress: Progress = None) -> Diagnosis:
    """What is stuck, and why."""
    return stackscope.diagnose(snapshot, deep=deep, progress=progress)


def look_for_stuck(patience: LongLook) -> Diagnosis:
    """What is stuck now, and why.

    Raises:
        Refused: The user has interrupted it.
    """
    snapshot = stackscope.extract_all(progress=patience.wants_more)
    if patience.has_ended:
        raise Refused(f"{patience.sentence(snapshot)} So what is stuck isn't known.")
    patience.begin("Searching all objects for what is stuck", GIVES_UP)
    return diagnosis_of(snapshot, True, patience.goes_on)


def _frames_that_run_command(snapshot: Snapshot) -> Set[int]:
    """The ids of the frames of cells that do nothing but run the magic now."""
    found = set()
    for stack in _stacks(snapshot):
        frames = stack.frames
        libraries = [library_of(frame.pyframe) for frame in frames]
        users = [frame for frame, library in zip(frames, libraries) if not library]
        if "stackscope_ipython" in libraries and len(users) == 1 and _is_cell(users[0]):
            found.add(id(users[0].pyframe))
    return found


def _stacks(snapshot: Snapshot) -> Iterator[Stack]:
    for task in snapshot.tasks():
        yield task.stack
    for thread in snapshot.threads:
        yield thread.stack


def _is_cell(frame: Frame) -> bool:
    return frame.funcname == "<module>" or frame.funcname.startswith("<cell line")


def _is_own(stack: Stack, runs_command: Set[int]) -> bool:
    """Whether a stack has frames of a shell or kernel, and none of the user's."""
    frames = [frame.pyframe for frame in stack.frames if id(frame.pyframe) not in runs_command]
    libraries = {library_of(frame) for frame in frames}
    return "" not in libraries and not PACKAGES.isdisjoint(libraries)


def is_shells(loop: object) -> bool:
    """Whether a loop is the one that IPython has made to run cells in."""
    helpers: Any = sys.modules.get("IPython.core.async_helpers")
    return loop is not None and loop is getattr(helpers, "_asyncio_event_loop", None)


def leave_out_tasks(loop: LoopNode, is_left_out: Callable[[TaskNode], bool]) -> int:
    """Leave some tasks out of a loop. Those below them stand in their places.

    Returns:
        How many there were.
    """
    nodes = list(loop.walk())
    left_out = {id(node) for node in nodes if is_left_out(node)}
    if left_out:
        loop.tasks = list(_kept(loop.tasks, left_out))
        for node in nodes:
            if id(node) not in left_out:
                node.children = list(_kept(node.children, left_out))
    return len(left_out)


def _kept(nodes: List[TaskNode], left_out: Set[int]) -> Iterator[TaskNode]:
    """The nodes that aren't left out; in the place of one that is, those below it."""
    todo = list(reversed(nodes))
    while todo:
        node = todo.pop()
        if id(node) in left_out:
            todo.extend(reversed(node.children))
        else:
            yield node


# ------------------------------------------------------------------------- filters


def filtered(snapshot: Snapshot, text: str, findings: Sequence[Finding] = ()) -> Snapshot:
    """What fits a filter.

    Args:
        snapshot: The snapshot.
        text: The filter.
        findings: What is stuck, as far as that is known.

    Raises:
        Refused: It isn't one.
    """
    try:
        return snapshot.filter(text, findings=findings or None)
    except stackscope.FilterError as exc:
        raise Refused(str(exc)) from None
