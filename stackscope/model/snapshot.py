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
        number: Its number in this process. No other task ever gets the same one.
        name: The name that its library gives it.
        state: ``"running"``; ``"ready"``: it runs as soon as its loop gets to it; ``"waiting"``;
            ``"starting"``: it is starting another task eagerly, which runs inside it and is the
            leaf of its stack; ``"cancelling"``: its cancellation was requested, or it is cleaning
            up; ``"done"``.
        stack: Its stack. If the task runs in another thread, its stack may be outdated. The stacks
            of the tasks that a context owns are among the children of that context.
        owner: The task group or nursery that it was started in; ``None`` if nothing owns it.
        children: The tasks that were started in the task groups or nurseries of this one. Then the
            tasks without an owner that this one waits for or is starting.
        waiting: What it waits for; ``None`` if it doesn't wait, or if that isn't known.
        is_awaited: Whether nothing owns it, and it is a child of another task because that one
            waits for it or is starting it.
        cancel_reason: Why it is being cancelled; ``None`` if nobody has given a reason.
        subject: What it works on, if its library says so: ``"GET /orders/7"``.
        is_only_above: Whether a filter didn't find it, and it is only there because a task below it
            was found: see `Snapshot.filter`.
        was_here: Whether it was at the same lines in an earlier snapshot: see `Snapshot.since`.
            ``None`` if it wasn't compared with one, or wasn't in it.
        age: How many seconds ago it was created. This and the fields below need `stackscope.clock`;
            they are ``None`` if they aren't known.
        busy: For how many seconds of its age it has run.
        idle: For how many seconds of its age it hasn't.
        last_ran: How many seconds ago it last ran; 0 if it is running.
        created: Where it was created: the last few calls, outermost first, without those in
            runtimes and in the standard library.

    Example:
        >>> import asyncio
        >>> async def main():
        ...     return next(extract_all().tasks())
        >>> node = asyncio.run(main())
        >>> node.state, node.stack.frames[0].funcname
        ('running', 'main')
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
        """The task that this one is starting eagerly; ``None`` in all other states."""
        return self.stack.leaf if self.state == "starting" else None

    @property
    def waits_for(self) -> Optional[str]:
        """What the task waits for, in a few words; ``None`` if it doesn't, or that is unknown."""
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

    `TaskNode.created` consists of such lines: see the page "clock" of the documentation.

    Args:
        filename: The file of its code.
        lineno: The number of the line.
        funcname: The name of the function.
    """

    filename: str
    lineno: int
    funcname: str


@brief_record
class FailedTask:
    """A task that has ended with an exception that nobody has retrieved yet.

    The page "snapshot" of the documentation shows one.

    Args:
        task: The task object.
        number: Its number in this process.
        name: The name that its library gives it.
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
    """An event loop, such as an asyncio loop or a trio run, with its tasks.

    Args:
        loop: The event loop, or the object that its library has for a run.
        library: The library: ``"asyncio"``, ``"trio"`` …
        thread: The name of the thread that it runs in; ``None`` if that isn't known.
        is_running: Whether it is running.
        is_here: Whether it runs in the thread that took the snapshot. Then it can't go on
            meanwhile.
        tasks: The tasks that no other task owns or waits for.
        noun: What such a loop is called: ``"asyncio loop"``, ``"trio run"`` …
        failed: The tasks that have ended with an exception that nobody has retrieved. From Python
            3.14 on, only those are known that suspended tasks have in their variables.
        to_begin: The coroutines that another thread has given it, and that it hasn't begun.
        seconds_late: For how many seconds its first timer had been overdue when the snapshot
            began: a loop that is busy with one task can't run its timers. ``None`` if no timer was
            overdue, or if that isn't known.
        calls: The function written in C that its current task is calling, such as
            ``"time.sleep()"``; empty if that isn't known.
        left_out: How many tasks `Snapshot.filter` has left out.

    Example:
        >>> import asyncio
        >>> async def main():
        ...     return [loop.noun for loop in extract_all().loops if loop.is_here]
        >>> asyncio.run(main())
        ['asyncio loop']
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
        """All tasks of the loop, each before its children. Gives an iterator."""
        for node in self.tasks:
            yield from node.walk()


@brief_record
class ThreadNode:
    """One thread.

    Args:
        thread: The ``Thread``; ``None`` if `threading` doesn't know it.
        number: Its number in this process. No other thread ever gets the same one. 0 without a
            ``Thread``.
        name: Its name.
        is_here: Whether it is the thread that took the snapshot.
        stack: Its stack. If it is another thread, its stack may be outdated.
        ident: Its identifier, as ``threading.get_ident()`` gives it.
        is_daemon: Whether the process ends without waiting for it.
        waiting: What it waited for: a lock and its holder, an event, a queue, a thread, the result
            of a call, or work if it is an idle worker of a pool. ``None`` if it doesn't wait, or
            waits for something else. On PyPy and without the GIL, it can't be told whether it waits
            for a lock.
        calls: The function that the user's innermost line is calling, if it belongs to a library or
            is written in C: ``"time.sleep()"``. Empty if that isn't known.
        was_here: As for `TaskNode`.

    Example:
        >>> [node.name for node in extract_all().threads if node.is_here]
        ['MainThread']
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
    """Something else that has a stack, such as a greenlet. `register_finder` has an example.

    Args:
        kind: What it is: ``"greenlet"``.
        item: The object.
        number: Its number in this process. Nothing else of its kind ever gets the same one.
        name: What it is called.
        state: What it does, in one word: ``"suspended"``.
        stack: Its stack.
        thread: The name of the thread that it belongs to; ``None`` if that isn't known.
        children: The items of its kind that belong to it.
        waiting: What it waits for; ``None`` if it doesn't wait, or if that isn't known.
        is_only_above: As for `TaskNode`.
        was_here: As for `TaskNode`.
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

    A snapshot keeps the objects that it describes alive: drop it when you are done.

    Args:
        loops: The event loops and runs. Those of the calling thread come first.
        threads: The threads. The calling thread comes first.
        items: What else has a stack, such as greenlets.
        cycles: Tasks that wait for each other in a circle, each circle as a list. Threads and
            greenlets may be among them. A task stands for its thread if the thread is stuck in it.
            A task that waits for itself is a circle of one.
        taken_at: When it was taken, as ``time.time()`` gives it.
        frozen: How many objects ``gc.freeze()`` hides from the garbage collector. Event loops that
            don't run and greenlets are found through the collector, so they may be missing. Where
            counting takes long (a million take some 50 ms), this may be what was counted for a
            snapshot a few seconds before.
        places: The folders of the process, if the snapshot was read by `from_json`.
        filtered_by: The filter that was applied; empty if there is none.
        left_out: How much the filter has left out, by kind: ``{"task": 3, "thread": 1}``.
        compared_to: When the earlier snapshot was taken that it was compared with, as
            ``time.time()`` gives it: see `since`.

    Example:
        >>> snapshot = stackscope.extract_all()
        >>> snapshot.threads[0].name
        'MainThread'
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
        """What a filter finds, and the tasks above that, as a new snapshot.

        Numbers, holders and circles stay those of the whole snapshot. No code of the program runs.
        A snapshot that was read by `from_json` can be filtered, too.

        Args:
            text: The filter, such as ``"state:waiting in:transfer"``. Its language is described on
                the page "filters" of the documentation.
            findings: What a diagnosis has found: the word ``stuck`` finds that. Without it,
                ``stuck`` finds only the circles of tasks that wait for each other.

        Returns:
            A new snapshot.

        Raises:
            FilterError: The filter can't be read, or asks for ages that aren't known. It is a
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

        Each task, thread and greenlet that was already there says in ``was_here`` whether it was at
        the same lines. It may have moved in between and come back.

        Args:
            earlier: The earlier snapshot. Both may have been read by `from_json`.

        Returns:
            A new snapshot with all that this one has.

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
            later: The later snapshot. Both may have been read by `from_json`.

        Returns:
            What is new, gone, moved, and the same.

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
            max_alike: If more tasks than this have the same owner and are at the same lines, draw
                only one of them, with the numbers of the others. The same goes for threads.
                ``None`` draws all.
            overview: Begin with a table: what each task and thread does and waits for, and where.
            stacks: Draw the stacks.
            fold: Leave out the frames of libraries, unless they hold a context manager of the
                user's; all but the first of several equal frames in a row; the frames of a thread
                that are drawn for its task; and idle workers of pools. A line says how many frames
                were left out. ``fold`` also bounds the drawing: see ``whole`` of `Stack.format`.
                After 10,000 lines no other task or thread is drawn; a line says how many more
                there are.
            short_paths: Write paths relative to the current folder, the home folder, or the folder
                of libraries.
            width: How many columns the tables may take.
            whole: Leave nothing out and shorten no paths: overrides ``max_alike``, ``fold`` and
                ``short_paths``.
            color: Use colours, by ANSI escape sequences.
            findings: What a diagnosis has found. What is stuck is marked with ``!``.

        Returns:
            The lines, each ending in a newline.
        """
        try:
            load("stackscope.render.snapshot")
        except TooEarly as exc:
            return [f"{exc}\n"]
        from stackscope.render.snapshot import format_snapshot
        from stackscope.render.snapshot_frames import Options

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

        Where a task, thread or greenlet is awaited or holds a lock, its name links to where it is
        drawn. Source text has colours if Pygments is installed.

        Args:
            full: Make a complete page, with an index, a search box, and buttons that fold and
                unfold everything. Otherwise it is a ``<div>`` without scripts for another page,
                which may contain several of them.
            show_contexts: Show the context managers that are active in each frame.
            show_hidden_frames: Also show the frames and contexts marked with ``hide``.
            max_alike: As in `format`.
            fold: Fold the frames of libraries. The reader can unfold them.
            short_paths: As in `format`.
            max_bytes: How many bytes the text may take in UTF-8. The style sheet and the script
                need about 12,000 of them. A line at the end says what didn't fit.

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
        """The snapshot as JSON, with everything that is needed to draw it.

        The schema is described on the page "json" of the documentation.

        Args:
            capture_locals: Include the representations of local variables and context managers.
            indent: How many spaces to indent by, as in `json.dumps`; ``None`` writes one line.

        Returns:
            The text, in ASCII only.

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
        """Read a snapshot that `to_json` has written, in this process or another one.

        It is drawn like the original. Frames, tasks and other objects are replaced by what is known
        of them.

        Args:
            text: What `to_json` has returned, as a string or in UTF-8.

        Returns:
            The snapshot.

        Raises:
            ValueError: The text is something else, or was written with another schema.
        """
        from stackscope.render.json_reading import read_snapshot

        return read_snapshot(text)


def kind_of(node: Node) -> str:
    """What a node describes, in one word: ``"task"``, ``"thread"``, ``"greenlet"``."""
    if isinstance(node, TaskNode):
        return "task"
    return "thread" if isinstance(node, ThreadNode) else node.kind


def key_of(node: Node) -> Tuple[str, int]:
    """What identifies a node in all snapshots of a process: its kind and its number.

    A thread without a number is identified by its ``ident``.
    """
    if isinstance(node, ThreadNode) and not node.number:
        return "ident", node.ident
    return kind_of(node), node.number


def nodes_of(snapshot: Snapshot) -> Iterator[Node]:
    """All tasks, threads and other items of a snapshot, each before its children."""
    yield from snapshot.tasks()
    yield from snapshot.threads
    for top in snapshot.items:
        yield from top.walk()
