"""What a diagnosis gives: who waits for whom, and what can never go on by itself."""

from __future__ import annotations

from stackscope.model.records import brief_record, new
from stackscope.model.stacks import html_of, mimebundle, pretty
from stackscope.safe.loading import TooEarly, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Union

    from stackscope.model.snapshot import Node, Snapshot, ThreadNode

__all__ = [
    "ABANDONED",
    "BLOCKED_LOOP",
    "DEADLOCK",
    "Diagnosis",
    "Edge",
    "Finding",
    "Graph",
]

DEADLOCK, ABANDONED, BLOCKED_LOOP = "deadlock", "abandoned", "blocked loop"
"""The kinds of findings, the most serious first."""

LIKELY_HOLDERS, ONLY_USERS, ONLY_TRACEBACKS, NOT_SEARCHED, MAY_HAVE_MOVED = (
    "likely holders",
    "only users",
    "only tracebacks",
    "not searched",
    "may have moved",
)
"""Why a finding is only likely: see `Finding.reason`."""


@brief_record
class Edge:
    """A wait: who waits for whom.

    The page "why" of the documentation explains the graph.

    Args:
        node: The task, thread or greenlet that waits.
        targets: Those that can end the wait. Edges from those that wait for the same share one
            list. If it is very long, it may also have the node itself, and some that need the
            node to end before.
        needs_all: Whether all of them are needed. Otherwise any one of them is enough.
        obj: What the targets hold or use, such as a lock or a queue. ``None`` if the targets
            themselves have to end.
        certain: Whether it is proved that nobody else can end the wait.
    """

    node: Node
    targets: List[Node]
    needs_all: bool = True
    obj: object = None
    certain: bool = True

    def __repr__(self) -> str:
        return f"<Edge from {self.node!r} to {len(self.targets)} nodes>"


@brief_record
class Graph:
    """Who waits for whom.

    The page "why" of the documentation explains the graph.

    Args:
        nodes: The tasks, threads and greenlets that wait for others, or that others wait for.
        edges: Whom each of them waits for. If a node waits for two things, such as a lock and the
            thread of its loop, it has two edges and needs both.
    """

    nodes: List[Node] = new(list)
    edges: List[Edge] = new(list)

    def __repr__(self) -> str:
        return f"<Graph of {len(self.nodes)} nodes and {len(self.edges)} edges>"


@brief_record
class Finding:
    """Something that can't continue by itself.

    Args:
        kind: ``"deadlock"``: tasks, threads or greenlets wait for each other; ``"abandoned"``:
            nothing alive can end the wait; ``"blocked loop"``: a call blocks the thread of an event
            loop.
        certain: Whether this is proved. Then the wait ends only if it is cancelled or fails.
        nodes: The tasks, threads and greenlets that are stuck.
        behind: Those that wait for ``nodes``, directly or indirectly.
        users: If it isn't certain: those that have the object that is waited for, and wait, too.
        reason: Why it is only likely; empty if it is certain. ``"only users"``: all who have the
            object in their variables wait themselves; ``"likely holders"``: others might hold the
            object, too; ``"only tracebacks"``: the object can be reached only through the traceback
            of an exception that is still kept, in frames that have ended; ``"not searched"``: the
            heap wasn't searched for others who could end the wait; ``"may have moved"``: a thread
            was at the same place each time, but may have run in between.
        threads: The threads that tasks among ``nodes`` run in, and that are stuck, too.
        missing: The method that nobody calls, if the kind is ``"abandoned"``: ``"task_done()"``.
        call: The call that blocks a loop: ``"time.sleep()"``.
        seconds: For at least how many seconds it has blocked the loop; ``None`` if that isn't
            known.

    Example:
        >>> import asyncio
        >>> async def take(first, second):
        ...     async with first:
        ...         await asyncio.sleep(0)
        ...         async with second:
        ...             pass
        >>> async def main():
        ...     one, two = asyncio.Lock(), asyncio.Lock()
        ...     tasks = [asyncio.ensure_future(take(*pair)) for pair in [(one, two), (two, one)]]
        ...     await asyncio.sleep(0.01)
        ...     found = stackscope.diagnose().findings
        ...     for task in tasks:
        ...         task.cancel()
        ...     return found
        >>> [finding] = asyncio.run(main())
        >>> finding.kind, finding.certain, len(finding.nodes)
        ('deadlock', True, 2)
    """

    kind: str
    certain: bool
    nodes: List[Node]
    behind: List[Node] = new(list)
    users: List[Node] = new(list)
    reason: str = ""
    threads: List[ThreadNode] = new(list)
    missing: str = ""
    call: str = ""
    seconds: Optional[float] = None

    @property
    def text(self) -> str:
        """What is wrong, in one or two sentences."""
        from stackscope.render.diagnosis import finding_text

        return finding_text(self)

    @property
    def advice(self) -> str:
        """What to look at: files, lines, and what is missing there; empty if that isn't known."""
        from stackscope.render.diagnosis import advice_text

        return advice_text(self)

    def __repr__(self) -> str:
        certainty = "certain" if self.certain else "likely"
        return f"<Finding {self.kind!r} {certainty}: {self.nodes!r}>"

    def __str__(self) -> str:
        from stackscope.render.diagnosis import format_finding

        return format_finding(self)


@brief_record
class Diagnosis:
    """What `stackscope.diagnose` has found.

    A diagnosis keeps the objects that it describes alive: drop it when you are done.

    Args:
        findings: What is stuck, the most serious first; empty if nothing is.
        graph: Who waits for whom.
        snapshot: The snapshot that was looked at.
        is_deep: Whether the heap was searched where the graph couldn't decide.

    Example:
        >>> diagnosis = stackscope.diagnose()
        >>> diagnosis.findings
        []
    """

    findings: List[Finding]
    graph: Graph
    snapshot: Snapshot
    is_deep: bool = False

    def __repr__(self) -> str:
        return f"<Diagnosis with {len(self.findings)} findings>"

    def __str__(self) -> str:
        return "".join(self.format())

    def format(
        self,
        *,
        ascii_only: bool = False,
        short_paths: bool = True,
        width: int = 120,
        color: bool = False,
    ) -> List[str]:
        """Draw the findings. If there are none, say so, and say what is waited for.

        Args:
            ascii_only: Draw with ASCII characters only.
            short_paths: Write paths relative to the current folder, the home folder, or the folder
                of libraries.
            width: How many columns a line should take. The findings are never cut.
            color: Use colours, by ANSI escape sequences.

        Returns:
            The lines, each ending in a newline.
        """
        try:
            load("stackscope.render.diagnosis")
        except TooEarly as exc:
            return [f"{exc}\n"]
        from stackscope.render.diagnosis import format_diagnosis

        return format_diagnosis(
            self, ascii_only=ascii_only, short_paths=short_paths, width=width, color=color
        )

    def to_html(self, *, full: bool = False, max_bytes: int = 1_900_000) -> str:
        """The findings as HTML, above the tree that `Snapshot.to_html` draws.

        Args:
            full: As for `Snapshot.to_html`.
            max_bytes: As for `Snapshot.to_html`.

        Returns:
            The text.
        """
        return html_of(self, full=full, max_bytes=max_bytes)

    _repr_mimebundle_ = mimebundle
    _repr_pretty_ = pretty

    def to_json(self, *, capture_locals: bool = False, indent: Optional[int] = None) -> str:
        """The diagnosis and its snapshot as JSON, in the schema of `Snapshot.to_json`.

        Args:
            capture_locals: As for `Snapshot.to_json`.
            indent: As for `Snapshot.to_json`.

        Returns:
            The text, in ASCII only.
        """
        from stackscope.render.json_writing import write_diagnosis

        return write_diagnosis(self, capture_locals, indent)

    @classmethod
    def from_json(cls, text: Union[str, bytes]) -> Diagnosis:
        """Read a diagnosis that `to_json` has written, in this process or another one.

        Args:
            text: What `to_json` has returned, as a string or in UTF-8.

        Returns:
            The diagnosis.

        Raises:
            ValueError: The text is something else, or was written with another schema.
        """
        from stackscope.render.json_reading import read_diagnosis

        return read_diagnosis(text)

    def to_dot(self) -> str:
        """The graph in the language of Graphviz. What is stuck is red, what is likely is dashed."""
        from stackscope.render.graphs import dot_of

        return dot_of(self)

    def to_mermaid(self) -> str:
        """The graph in the language of Mermaid, which GitHub and JupyterLab draw in Markdown."""
        from stackscope.render.graphs import mermaid_of

        return mermaid_of(self)
