"""What a snapshot gives: loops with their tasks, threads, and other things that have stacks."""

from __future__ import annotations

import time

from stackscope.model.records import brief_record, new, record
from stackscope.model.stacks import html_of, mimebundle, pretty
from stackscope.safe.loading import TooEarly, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from typing import Dict, Iterable, Iterator, List, Optional, Protocol, Sequence, Tuple, Union

    from stackscope.model.difference import Difference
    from stackscope.model.saved import Places
    from stackscope.model.stacks import Stack
    from stackscope.model.waiting import Waiting

    Node = Union["TaskNode", "ThreadNode", "ItemNode"]

    class Finding(Protocol):
        """What a diagnosis has found, as far as it is asked here."""

        @property
        def nodes(self) -> Sequence[Node]:
            """Those that are stuck."""
            raise NotImplementedError


__all__ = [
    "CodeLine",
    "FailedTask",
    "ItemNode",
    "LoopNode",
    "Snapshot",
    "TaskNode",
    "ThreadNode",
    "key_of",
    "kind_of",
    "nodes_of",
]


@brief_record
class TaskNode:
    """One task, with the tasks that it owns.

    Args:
        task: The task object.
        number: Its number in this process. No other task ever gets the same.
        name: The name that its library knows it by.
        state: ``"running"``, ``"starting"`` (it is starting another task eagerly, which runs inside
            of it now; that one is the leaf of its stack), ``"ready"`` (it will run as soon as its
            loop gets to it), ``"waiting"``, ``"cancelling"`` (a cancellation is on its way to it,
            or it is cleaning up) or ``"done"``.
        stack: Its stack. That of a task that runs in another thread may be out of date already. If
            it has contexts, the stacks of the tasks that they own are among their children.
        owner: The task group or nursery that it was started in; ``None`` if nothing owns it.
        children: The tasks that were started in this one's task groups or nurseries, and then those
            that nothing owns and this one waits for or is starting.
        waiting: What it waits for; ``None`` if it doesn't wait, or nothing is known about that.
        is_awaited: Whether it stands below another task because that one waits for it, or is
            starting it, and nothing owns it.
        cancel_reason: Why it is being cancelled, as far as somebody has said so.
        subject: What it is about, as far as its library says so: ``"GET /orders/7"``.
        is_only_above: Whether a filter didn't find it, and it is there for those below it: see
            `Snapshot.filter`.
        was_here: Whether it stood at the same lines in an earlier snapshot, if it was compared with
            one in which it already was: see `Snapshot.since`.
        age: How many seconds ago it was made. For this and what follows, see `stackscope.clock`:
            ``None`` if it isn't known.
        busy: How many of these it has run.
        idle: How many of these it hasn't.
        last_ran: How many seconds ago it ran last; 0 if it is running.
        created: Where it was made, the outermost call first: the last few lines, without those of
            runtimes and of the standard library.
    """

    task: object
    number: int
    name: str
    state: str
    stack: Stack
    owner: object
    children: List[TaskNode]
    waiting: Optional[Waiting] = None
    is_awaited: bool = False
    cancel_reason: Optional[str] = None
    subject: Optional[str] = None
    is_only_above: bool = False
    was_here: Optional[bool] = None
    age: Optional[float] = None
    busy: Optional[float] = None
    idle: Optional[float] = None
    last_ran: Optional[float] = None
    created: Optional[List[CodeLine]] = None

    @property
    def starts(self) -> object:
        """The task that this one is starting eagerly, if it is doing so."""
        return self.stack.leaf if self.state == "starting" else None

    @property
    def waits_for(self) -> Optional[str]:
        """What a task that isn't running waits for, in a few words; ``None`` if that is unknown."""
        return None if self.waiting is None else self.waiting.text

    def __repr__(self) -> str:
        return f"<TaskNode {self.number} {self.name!r} {self.state}>"

    _repr_mimebundle_ = mimebundle
    _repr_pretty_ = pretty

    def walk(self) -> Iterator[TaskNode]:
        """This task and all below it, each before its children."""
        todo: List[TaskNode] = [self]
        while todo:
            node = todo.pop()
            yield node
            todo.extend(reversed(node.children))


@record
class CodeLine:
    """A line of a function, without a frame.

    Args:
        filename: The file of its code.
        lineno: The line.
        funcname: The name of the function.
    """

    filename: str
    lineno: int
    funcname: str


@brief_record
class FailedTask:
    """A task that has ended with an exception that nobody has retrieved yet.

    Args:
        task: The task object.
        number: Its number in this process.
        name: The name that its library knows it by.
        error: The exception.
    """

    task: object
    number: int
    name: str
    error: BaseException

    def __repr__(self) -> str:
        return f"<FailedTask {self.number} {self.name!r}>"


@brief_record
class LoopNode:
    """An event loop or a run, with its tasks.

    Args:
        loop: The event loop, or what its library has for a run.
        library: The library: ``"asyncio"``, ``"trio"`` …
        thread: The name of the thread that it is running in, as far as that can be found.
        is_running: Whether it is running at all.
        is_here: Whether it is running in the thread that took the snapshot, and so stands still.
        tasks: The tasks that no other task owns or waits for.
        noun: What its library calls such a thing: ``"asyncio loop"``, ``"trio run"`` …
        failed: The tasks that have ended with an exception that nobody has asked for, as far as
            they are known.
        to_begin: The coroutines that another thread has given it, and that it hasn't begun.
        seconds_late: For how long the first of its timers has been overdue when the snapshot was
            begun. A loop that runs one task all the time gets to none; ``None`` if none is overdue,
            and where that can't be known.
        calls: The function written in C that its current task is calling, such as
            ``"time.sleep()"``; empty if that isn't known.
        left_out: How many tasks `Snapshot.filter` has left out.
    """

    loop: object
    library: str
    thread: Optional[str]
    is_running: bool
    is_here: bool
    tasks: List[TaskNode]
    noun: str = "event loop"
    failed: List[FailedTask] = new(list)
    to_begin: List[object] = new(list)
    seconds_late: Optional[float] = None
    calls: str = ""
    left_out: int = 0

    def __repr__(self) -> str:
        return f"<LoopNode of {self.library} in {self.thread or 'no known thread'}>"

    _repr_mimebundle_ = mimebundle
    _repr_pretty_ = pretty

    def walk(self) -> Iterator[TaskNode]:
        """All tasks of the loop, each before its children."""
        for node in self.tasks:
            yield from node.walk()


@brief_record
class ThreadNode:
    """One thread.

    Args:
        thread: The ``Thread``; ``None`` for one that `threading` doesn't know.
        number: Its number in this process. No other thread ever gets the same; 0 without a
            ``Thread``.
        name: Its name.
        is_here: Whether it is the thread that took the snapshot.
        stack: Its stack. That of another thread may be out of date already.
        ident: What ``threading.get_ident()`` gives in it.
        is_daemon: Whether the process ends without waiting for it.
        waiting: What it waited for when it was looked at: a lock and who has that, an event, a
            queue, a thread, the result of a call, or work, if it is an idle one of a pool. ``None``
            if it waits for something else or doesn't. On PyPy and without the GIL there is no
            telling whether it waits for a lock.
        calls: The function that the user's innermost line is calling, if that is one of a library
            or is written in C: ``"time.sleep()"``. Empty if that isn't known.
        was_here: As that of a `TaskNode`.
    """

    thread: Optional[threading.Thread]
    number: int
    name: str
    is_here: bool
    stack: Stack
    ident: int = 0
    is_daemon: bool = False
    waiting: Optional[Waiting] = None
    calls: str = ""
    was_here: Optional[bool] = None

    def __repr__(self) -> str:
        return f"<ThreadNode {self.number} {self.name!r}>"

    _repr_mimebundle_ = mimebundle
    _repr_pretty_ = pretty


@brief_record
class ItemNode:
    """Something else that has a stack, such as a greenlet.

    Args:
        kind: What it is: ``"greenlet"``.
        item: The object.
        number: Its number in this process, which nothing else of its kind ever gets.
        name: What it is called.
        state: What it does, in a word.
        stack: Its stack.
        thread: The name of the thread that it lives in, if that is known.
        children: Those of its kind that belong to it.
        waiting: What it waits for; ``None`` if it doesn't wait, or nothing is known about that.
        is_only_above: As that of a `TaskNode`.
        was_here: As that of a `TaskNode`.
    """

    kind: str
    item: object
    number: int
    name: str
    state: str
    stack: Stack
    thread: Optional[str]
    children: List[ItemNode]
    waiting: Optional[Waiting] = None
    is_only_above: bool = False
    was_here: Optional[bool] = None

    def __repr__(self) -> str:
        return f"<ItemNode {self.kind} {self.number} {self.state}>"

    _repr_mimebundle_ = mimebundle
    _repr_pretty_ = pretty

    def walk(self) -> Iterator[ItemNode]:
        """This item and all below it, each before its children."""
        todo: List[ItemNode] = [self]
        while todo:
            node = todo.pop()
            yield node
            todo.extend(reversed(node.children))


@brief_record
class Snapshot:
    """What `extract_all` has found.

    It keeps the objects that it is about alive: drop it when you are done.

    Args:
        loops: The event loops and runs; those of the calling thread come first.
        threads: The threads; the calling one comes first.
        items: What else has a stack, such as greenlets.
        cycles: Tasks that wait for each other in a circle, each circle as a list. Threads and
            greenlets may be among them; a task that its thread is stuck in stands for the thread.
            What waits for itself is a circle of one.
        taken_at: When it was taken, as ``time.time()`` gives it.
        frozen: How many objects are kept from the garbage collector by ``gc.freeze()``. What is
            found only by asking that, event loops that don't run and greenlets, may be missing if
            it is among these.
        places: Where the process was at home, if it was another one: see `from_json`.
        filtered_by: The filter that has left out what isn't there; empty if there is none.
        left_out: How many it has left out, by what these are: ``{"task": 3, "thread": 1}``.
        compared_to: When the earlier snapshot was taken that it was compared with: see `since`.
    """

    loops: List[LoopNode]
    threads: List[ThreadNode]
    items: List[ItemNode] = new(list)
    cycles: List[List[Node]] = new(list)
    taken_at: float = new(time.time)
    frozen: int = new(int)
    places: Optional[Places] = None
    filtered_by: str = ""
    left_out: Dict[str, int] = new(dict)
    compared_to: Optional[float] = None

    def tasks(self) -> Iterator[TaskNode]:
        """All tasks of all loops, each before its children."""
        for loop in self.loops:
            yield from loop.walk()

    def filter(self, text: str, *, findings: Optional[Iterable[Finding]] = None) -> Snapshot:
        """What a filter finds, and the tasks above it, as a snapshot of their own.

        Numbers, holders and circles are those of the whole. Nothing of the program is run. It works
        as well on a snapshot that was read by `from_json`.

        Args:
            text: The filter, such as ``"state:waiting in:transfer"``: see :doc:`filters`.
            findings: What a diagnosis has found, for ``stuck``. Without it, stuck is what is in
                a circle of those that wait for each other.

        Raises:
            FilterError: The filter can't be read, or asks for ages where none is known. It is a
                ``ValueError``.

        Example:
            >>> snapshot = stackscope.extract_all()
            >>> [node.name for node in snapshot.filter("name:MainThread").threads]
            ['MainThread']
        """
        from stackscope.render.matching import filtered

        return filtered(self, text, findings)

    def since(self, earlier: Snapshot) -> Snapshot:
        """This snapshot, compared with an earlier one of the same process.

        Of each task, thread and greenlet that was already there, the result says in ``was_here``
        whether it stood at the same lines. That it has not moved meanwhile doesn't follow: it may
        have come back.

        Args:
            earlier: The earlier one. Both may have been read by `from_json`.

        Example:
            >>> first = stackscope.extract_all()
            >>> later = stackscope.extract_all().since(first)
            >>> [node.was_here for node in later.threads if node.name == "MainThread"]
            [False]
        """
        from stackscope.render.comparing import compared

        return compared(self, earlier)

    def diff(self, later: Snapshot) -> Difference:
        """What is different in a later snapshot of the same process.

        Args:
            later: The later one. Both may have been read by `from_json`.

        Example:
            >>> earlier = stackscope.extract_all()
            >>> found = earlier.diff(stackscope.extract_all())
            >>> len(found.new), len(found.gone)
            (0, 0)
        """
        from stackscope.render.comparing import difference

        return difference(self, later)

    def __repr__(self) -> str:
        return f"<Snapshot of {len(self.loops)} loops and {len(self.threads)} threads>"

    def __str__(self) -> str:
        return "".join(self.format())

    def format(
        self,
        *,
        ascii_only: bool = False,
        show_contexts: bool = True,
        show_hidden_frames: bool = False,
        max_alike: Optional[int] = 5,
        overview: bool = True,
        stacks: bool = True,
        fold: bool = True,
        short_paths: bool = True,
        width: int = 120,
        whole: bool = False,
        color: bool = False,
        findings: Iterable[Finding] = (),
    ) -> List[str]:
        """Draw everything: first a table of all tasks and threads, then the stacks as one tree.

        Args:
            ascii_only: Draw with ASCII characters only.
            show_contexts: Show the context managers that are active in each frame.
            show_hidden_frames: Also show the frames and contexts marked with ``hide``.
            max_alike: If more tasks than this have the same owner and are at the same lines, only
                one of them is drawn, with the numbers of the others. The same goes for threads.
                ``None`` draws all.
            overview: Begin with what each task and thread does and waits for, and where.
            stacks: Draw the stacks.
            fold: Leave out what says little: the frames of installed libraries and of the standard
                one, unless they hold a context manager of the user's; all but the first of equal
                frames in a row; frames that are drawn as a task's; workers of pools that wait for
                work. A line says how many frames there are. It also bounds the drawing: see
                ``whole`` of `Stack.format`. After 10,000 lines no other task or thread is drawn;
                a line says how many more there are.
            short_paths: Write paths relative to the current folder, to the home folder, or to the
                folder of libraries.
            width: How many columns the tables may take.
            whole: Leave out nothing, whatever ``max_alike``, ``fold`` and ``short_paths`` say.
            color: Use colours, by ANSI escape sequences.
            findings: What a diagnosis has found. Those that are stuck by it are marked by a ``!``.

        Returns:
            The lines, each ending in a newline.
        """
        try:
            load("stackscope.render.snapshot")
        except TooEarly as exc:
            return [f"{exc}\n"]
        from stackscope.render.snapshot import Options, format_snapshot

        options = Options(
            ascii_only=ascii_only,
            show_contexts=show_contexts,
            show_hidden_frames=show_hidden_frames,
            max_alike=None if whole else max_alike,
            overview=overview,
            stacks=stacks,
            fold=fold and not whole,
            short_paths=short_paths and not whole,
            width=width,
            color=color,
            findings=findings,
        )
        return format_snapshot(self, options)

    def to_html(
        self,
        *,
        full: bool = False,
        show_contexts: bool = True,
        show_hidden_frames: bool = False,
        max_alike: Optional[int] = 5,
        fold: bool = True,
        short_paths: bool = True,
        max_bytes: int = 1_900_000,
    ) -> str:
        """Draw everything as HTML: a tree that can be folded.

        Names of tasks, threads and greenlets that are waited for, or that hold a lock, lead to
        where these are drawn. Source text has colours if Pygments is installed.

        Args:
            full: Make a page of its own, which needs nothing else: with an index, a search box, and
                buttons that fold and unfold all. Else it is a ``<div>`` without scripts, to be put
                into another page. Several of them on one page don't get in each other's way.
            show_contexts: Show the context managers that are active in each frame.
            show_hidden_frames: Also show the frames and contexts marked with ``hide``.
            max_alike: As in `format`.
            fold: Fold what `format` leaves out of a stack: the frames of libraries. They can be
                unfolded.
            short_paths: As in `format`.
            max_bytes: How many bytes it may take in UTF-8, of which the style sheet and the script
                need about 12,000. A line at the end says what was left out for that.

        Returns:
            The text.

        Example:
            >>> page = stackscope.extract_all().to_html(full=True)
            >>> page.startswith("<!DOCTYPE html>")
            True
        """
        return html_of(
            self,
            full=full,
            show_contexts=show_contexts,
            show_hidden_frames=show_hidden_frames,
            max_alike=max_alike,
            fold=fold,
            short_paths=short_paths,
            max_bytes=max_bytes,
        )

    _repr_mimebundle_ = mimebundle
    _repr_pretty_ = pretty

    def to_json(self, *, capture_locals: bool = False, indent: Optional[int] = None) -> str:
        """The snapshot as JSON, by a documented schema, with all that a drawing of it needs.

        Args:
            capture_locals: Write the representations of each frame's local variables, and of the
                context managers.
            indent: As in `json.dumps`: how far to indent; ``None`` writes a single line.

        Returns:
            The text, of ASCII characters only.

        Example:
            >>> snapshot = stackscope.extract_all()
            >>> saved = snapshot.to_json()
            >>> str(stackscope.Snapshot.from_json(saved)) == str(snapshot)
            True
        """
        from stackscope.render.json_writing import write_snapshot

        return write_snapshot(self, capture_locals, indent)

    @classmethod
    def from_json(cls, text: Union[str, bytes]) -> Snapshot:
        """Read a snapshot that `to_json` has written, in any process.

        It is drawn as the original one is, with the same options. In place of frames, tasks and
        other objects there is what is known of them.

        Args:
            text: What `to_json` has returned, or that in UTF-8.

        Raises:
            ValueError: It is something else, or was written by a version with another schema.
        """
        from stackscope.render.json_reading import read_snapshot

        return read_snapshot(text)


def kind_of(node: Node) -> str:
    """What a node tells of, in a word: ``"task"``, ``"thread"``, ``"greenlet"``."""
    if isinstance(node, TaskNode):
        return "task"
    return "thread" if isinstance(node, ThreadNode) else node.kind


def key_of(node: Node) -> Tuple[str, int]:
    """Who a node is, in whatever snapshot. A thread that has no number has an identifier."""
    if isinstance(node, ThreadNode) and not node.number:
        return "ident", node.ident
    return kind_of(node), node.number


def nodes_of(snapshot: Snapshot) -> Iterator[Node]:
    """All tasks, threads and other items of a snapshot, each before its children."""
    yield from snapshot.tasks()
    yield from snapshot.threads
    for top in snapshot.items:
        yield from top.walk()
