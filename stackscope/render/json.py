"""Stacks, snapshots and diagnoses as JSON, and back.

A document is a set of tables, and what refers to an entry of one does so by its index: so it may be
as deep as the program is, and what is shared is written once. The tables, and all fields, are
described by the JSON Schema in ``schema-1.json``, beside this module, and by ``docs/json.rst``.

What is written of an object of the program is what a drawing asks of it: see
`stackscope.model.saved`. So what is read back is drawn alike.
"""

from __future__ import annotations

import json
import math

from stackscope.model.diagnosis import Diagnosis, Edge, Finding, Graph
from stackscope.model.saved import (
    SUSPENDED,
    Places,
    SavedCode,
    SavedError,
    SavedFrame,
    SavedObject,
    coroutine_name_of,
    is_suspended,
    repr_of,
    type_name_of,
)
from stackscope.model.snapshot import (
    CodeLine,
    FailedTask,
    ItemNode,
    LoopNode,
    Snapshot,
    TaskNode,
    ThreadNode,
)
from stackscope.model.stacks import Context, Frame, Stack
from stackscope.model.waiting import Amount, Waiting
from stackscope.render.errors import error_in_brief, error_lines
from stackscope.render.front_ends import name_of_file
from stackscope.render.nodes import is_named_by_frames
from stackscope.render.paths import known_folders
from stackscope.render.schema import broken, check
from stackscope.render.source import Sources, WithItem
from stackscope.render.stdlib import variables_of
from stackscope.safe.text import cut
from stackscope.snapshot.folding import is_of_users_class, library_here
from stackscope.snapshot.identity import identity_of, number_of
from stackscope.snapshot.idle import idles_in
from stackscope.snapshot.user_code import is_machinery, library_of, package_of, rank_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import (
        Any,
        Callable,
        Dict,
        Iterable,
        List,
        Optional,
        Sequence,
        Set,
        Tuple,
        TypeVar,
        Union,
    )

    from stackscope.model.snapshot import Node

    Entry = Dict[str, Any]
    T = TypeVar("T", TaskNode, ThreadNode, ItemNode)

__all__ = [
    "SCHEMA",
    "read_diagnosis",
    "read_snapshot",
    "read_stack",
    "write_diagnosis",
    "write_snapshot",
    "write_stack",
]

SCHEMA = "stackscope/1"
"""The version of the schema that is written. It changes if a reader of an older one would err."""

TOO_MANY = 10**9
"""Where counting ends."""

MOST_PLACES = 10
"""In how many places a task may stand, on average. A strange runtime may tell of one twice."""

LONGEST_NAME = 60
"""Characters that are shown of the name of an unknown schema."""

SIMPLE_FIELDS = (
    "call",
    "needs_all",
    "holder_names",
    "seconds_left",
    "deadline",
    "clock",
    "place",
    "count",
    "resource",
    "processes",
    "thread",
    "thread_number",
    "function",
    "pool",
    "loop_thread",
    "notes",
    "is_wrapper",
    "is_time_limit",
    "holders_are_likely",
)
"""The fields of a wait that are written as they are."""

MOST_HERE = 10
"""The most objects that a field of a wait lists itself. Longer lists are written once."""

TIMES = ("age", "busy", "idle", "last_ran")
"""The fields of a task that say when something was."""

NUMBERS = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
"""What JSON has no numbers for."""


# --------------------------------------------------------------------- writing


def write_snapshot(snapshot: Snapshot, capture_locals: bool, indent: Optional[int]) -> str:
    """See `Snapshot.to_json`."""
    writer = _Writer(capture_locals)
    return writer.document("snapshot", writer.snapshot(snapshot), indent)


def write_diagnosis(diagnosis: Diagnosis, capture_locals: bool, indent: Optional[int]) -> str:
    """See `Diagnosis.to_json`."""
    writer = _Writer(capture_locals)
    content = {"snapshot": writer.snapshot(diagnosis.snapshot, _nodes_in(diagnosis))}
    content["diagnosis"] = writer.diagnosis(diagnosis)
    return writer.documents(content, indent)


def write_stack(stack: Stack, capture_locals: bool, indent: Optional[int]) -> str:
    """See `Stack.to_json`."""
    writer = _Writer(capture_locals)
    return writer.document("stack", writer.stack(stack), indent)


def _nodes_in(diagnosis: Diagnosis) -> List[Node]:
    """The nodes that a diagnosis speaks of. If its snapshot was filtered, they may not be there."""
    edges = diagnosis.graph.edges
    groups = [[edge.node for edge in edges]]
    groups += {id(edge.targets): edge.targets for edge in edges}.values()  # many have one in common
    for finding in diagnosis.findings:
        groups += [finding.nodes, finding.behind, finding.users, [*finding.threads]]
    return [node for group in groups for node in group]


def _without_defaults(entry: Entry) -> Entry:
    """An entry without what isn't the case, or isn't known."""
    return {
        key: value
        for key, value in entry.items()
        if value is not None and value is not False and value != []
    }


def _whether(key: str, value: Optional[bool]) -> Entry:
    """What may be so or not, or isn't known."""
    return {} if value is None else {key: value}


def _code_line(line: CodeLine) -> Entry:
    return {"file": line.filename, "line": line.lineno, "function": line.funcname}


def _number(value: Any) -> Any:
    """A number as JSON can have it."""
    if type(value) is float and not math.isfinite(value):
        return next(name for name, one in NUMBERS.items() if str(one) == str(value))
    return value


class _Writer:
    """Fills the tables of one document.

    Args:
        capture_locals: Whether to write the representations of local variables.
    """

    def __init__(self, capture_locals: bool) -> None:
        self.capture_locals = capture_locals
        self.sources = Sources()
        self.objects: List[Entry] = []
        self.codes: List[Entry] = []
        self.stacks: List[Entry] = []
        self.contexts: List[Entry] = []
        self.tasks: List[Entry] = []
        self.threads: List[Entry] = []
        self.items: List[Entry] = []
        self.lists: List[List[int]] = []
        self.indexes: Dict[Tuple[object, ...], int] = {}
        self.frames: Dict[int, int] = {}
        self.nodes: Dict[int, Entry] = {}
        self.sought: Set[Tuple[int, int]] = set()
        """The codes and lines of which the source has been looked for."""
        self.todo: List[Tuple[Callable[..., None], Tuple[Any, ...]]] = []
        self.kept: List[object] = []

    def document(self, kind: str, content: Any, indent: Optional[int]) -> str:
        """The whole document, once all that it refers to is written, too."""
        return self.documents({kind: content}, indent)

    def documents(self, contents: Entry, indent: Optional[int]) -> str:
        """The same of several things that refer to the same tables."""
        while self.todo:
            function, arguments = self.todo.pop()
            function(*arguments)
        tables = {
            name: getattr(self, name)
            for name in ("tasks", "threads", "items", "stacks", "contexts", "codes", "objects")
        }
        # Lone surrogates are escaped, so that any encoding can take the text.
        lists = {"lists": self.lists} if self.lists else {}
        document = {"schema": SCHEMA, **contents, **tables, **lists}
        return json.dumps(document, indent=indent, allow_nan=False)

    # ---------------------------------------------------------- snapshots

    def snapshot(self, snapshot: Snapshot, others: Sequence[Node] = ()) -> Entry:
        """A snapshot, with all its nodes, and with others that are spoken of."""
        places = snapshot.places
        if places is None:
            places = Places(known_folders(), library_here())
        # A filter may have left those in a circle nowhere else.
        others = [*[node for circle in snapshot.cycles for node in circle], *others]
        tasks = [node for loop in snapshot.loops for node in loop.tasks]
        tasks += [one for one in others if isinstance(one, TaskNode)]
        threads = [*snapshot.threads, *[one for one in others if isinstance(one, ThreadNode)]]
        items = [*snapshot.items, *[one for one in others if isinstance(one, ItemNode)]]
        for task in self.enter("task", self.tasks, tasks):
            self.task(task)
        for thread in self.enter("thread", self.threads, threads):
            self.thread(thread)
        for item in self.enter("item", self.items, items):
            self.item(item)
        rest = {
            "filtered_by": snapshot.filtered_by or None,
            "left_out": snapshot.left_out or None,
            "compared_to": _number(snapshot.compared_to),
        }
        return {
            "loops": [self.loop(loop) for loop in snapshot.loops],
            "threads": self.indexes_of(snapshot.threads, "thread"),
            "items": self.indexes_of(snapshot.items, "item"),
            "cycles": [self.cycle(cycle) for cycle in snapshot.cycles],
            "taken_at": _number(snapshot.taken_at),
            "frozen": snapshot.frozen,
            "places": {
                "folders": [list(folder) for folder in places.folders],
                "library": places.library,
            },
            **_without_defaults(rest),
        }

    def enter(self, kind: str, table: List[Entry], tops: Sequence[T]) -> List[T]:
        """Give nodes and all below them their places in the table: others may refer to them.

        Returns:
            The nodes, each of them once. They have no entries before all have their places.
        """
        entered = []
        todo: List[Any] = list(reversed(tops))
        while todo:
            node = todo.pop()
            if id(node) not in self.nodes:
                self.nodes[id(node)] = {kind: len(table)}
                table.append({})
                entered.append(node)
                if not isinstance(node, ThreadNode):
                    todo.extend(reversed(node.children))
        return entered

    def entry_of(self, node: Node, kind: str, table: List[Entry]) -> Entry:
        """The entry of a node."""
        return table[self.nodes[id(node)][kind]]

    def indexes_of(self, nodes: Iterable[Node], kind: str) -> List[int]:
        """Where nodes are in their table."""
        return [self.nodes[id(node)][kind] for node in nodes]

    def cycle(self, cycle: Sequence[Node]) -> List[Entry]:
        """Who waits for each other."""
        return [self.nodes[id(node)] for node in cycle if id(node) in self.nodes]

    def diagnosis(self, diagnosis: Diagnosis) -> Entry:
        """A diagnosis, of which the snapshot has been written."""
        groups: Dict[int, int] = {}
        targets: List[List[Entry]] = []
        for edge in diagnosis.graph.edges:
            if id(edge.targets) not in groups:  # many that wait for the same have one in common
                groups[id(edge.targets)] = len(targets)
                targets.append(self.cycle(edge.targets))
        return {
            "findings": list(map(self.finding, diagnosis.findings)),
            "targets": targets,
            "edges": [
                {
                    "node": self.nodes[id(edge.node)],
                    "targets": groups[id(edge.targets)],
                    **_without_defaults(
                        {
                            "needs_all": edge.needs_all,
                            "certain": edge.certain,
                            "object": self.about(edge.obj),
                        }
                    ),
                }
                for edge in diagnosis.graph.edges
                if id(edge.node) in self.nodes
            ],
            "is_deep": diagnosis.is_deep,
        }

    def finding(self, finding: Finding) -> Entry:
        """A finding."""
        entry = {
            "certain": finding.certain,
            "behind": self.cycle(finding.behind),
            "users": self.cycle(finding.users),
            "reason": finding.reason or None,
            "threads": self.indexes_of(finding.threads, "thread"),
            "missing": finding.missing or None,
            "call": finding.call or None,
            "seconds": _number(finding.seconds),
        }
        return {
            "kind": finding.kind,
            "nodes": self.cycle(finding.nodes),
            **_without_defaults(entry),
        }

    def loop(self, loop: LoopNode) -> Entry:
        """A loop; its tasks are in their table."""
        entry = {
            "library": loop.library,
            "noun": loop.noun,
            "object": self.about(loop.loop),
            "thread": loop.thread,
            "is_running": loop.is_running,
            "is_here": loop.is_here,
            "seconds_late": _number(loop.seconds_late),
            "calls": loop.calls or None,
            "left_out": loop.left_out or None,
            "failed": list(map(self.failed, loop.failed)),
            "to_begin": [self.coroutine(one) for one in loop.to_begin],
        }
        return {**_without_defaults(entry), "tasks": self.indexes_of(loop.tasks, "task")}

    def failed(self, task: FailedTask) -> Entry:
        """A task that has failed."""
        entry = {"number": task.number, "name": task.name, "error": self.error(task.error)}
        return {**entry, **_without_defaults({"object": self.about(task.task)})}

    def coroutine(self, coroutine: object) -> int:
        """A coroutine that isn't begun."""
        index: int = self.about(coroutine)
        name = coroutine_name_of(coroutine)
        if name is not None:
            self.objects[index]["coroutine"] = name
        return index

    def task(self, node: TaskNode) -> None:
        """A task."""
        starts = node.starts
        if starts is not None:
            self.about(starts, has_number=True)
        entry = {
            "object": self.about(node.task),
            "subject": node.subject,
            "is_awaited": node.is_awaited,
            "cancel_reason": node.cancel_reason,
            "is_only_above": node.is_only_above,
            **{name: _number(getattr(node, name)) for name in TIMES},
            "created": list(map(_code_line, node.created or ())),
            "owner": self.about(node.owner),
            "waiting": self.waiting(node.waiting),
            "children": self.indexes_of(node.children, "task"),
        }
        self.entry_of(node, "task", self.tasks).update(
            number=node.number,
            name=node.name,
            state=node.state,
            stack=self.stack(node.stack),
            **_without_defaults(entry),
            **_whether("was_here", node.was_here),
        )

    def thread(self, node: ThreadNode) -> None:
        """A thread."""
        entry = {
            "object": self.about(node.thread),
            "is_here": node.is_here,
            "is_daemon": node.is_daemon,
            "waiting": self.waiting(node.waiting),
            "calls": node.calls or None,
        }
        self.entry_of(node, "thread", self.threads).update(
            number=node.number,
            name=node.name,
            ident=node.ident,
            stack=self.stack(node.stack),
            **_without_defaults(entry),
            **_whether("was_here", node.was_here),
        )

    def item(self, node: ItemNode) -> None:
        """A greenlet or the like."""
        entry = {
            "object": self.about(node.item),
            "thread": node.thread,
            "is_only_above": node.is_only_above,
            "waiting": self.waiting(node.waiting),
            "children": self.indexes_of(node.children, "item"),
        }
        self.entry_of(node, "item", self.items).update(
            kind=node.kind,
            number=node.number,
            name=node.name,
            state=node.state,
            stack=self.stack(node.stack),
            **_without_defaults(entry),
            **_whether("was_here", node.was_here),
        )

    # -------------------------------------------------------------- waits

    def waiting(self, waiting: Optional[Waiting]) -> Optional[Entry]:
        """What something waits for."""
        if waiting is None:
            return None
        entry = {name: getattr(waiting, name) for name in SIMPLE_FIELDS}
        entry.update(
            call=waiting.call or None,
            seconds_left=_number(waiting.seconds_left),
            deadline=_number(waiting.deadline),
            object=self.about(waiting.obj),
            lock=self.about(waiting.lock),
            **self.several("tasks", waiting.tasks),
            **self.several("holders", waiting.holders, has_number=True),
            **self.several("workers", waiting.workers),
            amounts=list(map(self.amount, waiting.amounts)),
            other_end=None if waiting.other_end is None else self.amount(waiting.other_end),
            ahead=None if waiting.ahead is None else self.amount(waiting.ahead),
            parts=list(map(self.waiting, waiting.parts)),
            awaiting=None if waiting.awaiting is None else self.frame(waiting.awaiting),
            inner=self.waiting(waiting.inner),
        )
        if waiting.needs_all:
            del entry["needs_all"]
            return _without_defaults(entry)
        return {**_without_defaults(entry), "needs_all": False}

    def several(self, name: str, objects: List[Any], *, has_number: bool = False) -> Entry:
        """A field of objects; if these are many, others may have them in common."""
        if len(objects) <= MOST_HERE:
            return {name: [self.about(one, has_number=has_number) for one in objects]}
        key = ("list", id(objects), has_number)
        index = self.indexes.get(key)
        if index is None:
            self.kept.append(objects)
            index = self.indexes[key] = len(self.lists)
            self.lists.append([self.about(one, has_number=has_number) for one in objects])
        return {f"{name}_list": index}

    def amount(self, amount: Amount) -> Entry:
        """A number of things."""
        entry = {"noun": amount.noun, "total": _number(amount.total), "plural": amount.plural}
        return {"number": _number(amount.number), **_without_defaults(entry)}

    # ------------------------------------------------------------- stacks

    def stack(self, stack: Stack) -> int:
        """A stack, which is written later."""
        key = ("stack", id(stack))
        index = self.indexes.get(key)
        if index is None:
            index = self.indexes[key] = len(self.stacks)
            self.stacks.append({})
            self.todo.append((self.fill_stack, (stack, self.stacks[index])))
        return index

    def fill_stack(self, stack: Stack, entry: Entry) -> None:
        """A stack with its frames; the contexts are written later."""
        root = self.about(stack.root, has_text=True)
        if root is not None and is_named_by_frames(stack.root):
            self.objects[root]["is_named_by_frames"] = True
        rest = {
            "root": root,
            "leaf": self.about(stack.leaf, has_text=True),
            "error": None if stack.error is None else self.error(stack.error),
        }
        entry.update(frames=list(map(self.frame, stack.frames)), **_without_defaults(rest))

    def error(self, error: BaseException) -> Entry:
        """An exception that extraction ran into, or that a task has ended with."""
        return {"brief": error_in_brief(error), "lines": error_lines(error)}

    def frame(self, frame: Frame) -> Entry:
        """A frame; its contexts are written later."""
        code = self.code(frame.pyframe)
        self.source(code, frame.pyframe, frame.lineno)
        entry: Entry = {
            "class": frame.clsname,
            "hide": frame.hide,
            "hide_line": frame.hide_line,
            "is_past": frame.is_past,
            "is_suspended": is_suspended(frame.origin),
            "contexts": [self.context(one, frame.pyframe, code) for one in frame.contexts],
        }
        if self.capture_locals:
            entry["locals"] = {
                name: repr_of(value) for name, value in variables_of(frame.pyframe).items()
            }
        identity = self.frames.setdefault(id(frame.pyframe), len(self.frames))
        return {"id": identity, "code": code, "line": frame.lineno, **_without_defaults(entry)}

    def context(self, context: Context, pyframe: FrameType, code: int) -> int:
        """A context, which is written later."""
        index = len(self.contexts)
        self.contexts.append({})
        self.todo.append((self.fill_context, (context, pyframe, code, self.contexts[index])))
        return index

    def fill_context(self, context: Context, pyframe: FrameType, code: int, entry: Entry) -> None:
        """A context; what is inside it is written later."""
        obj = self.about(context.obj, has_text=self.capture_locals)
        if obj is not None and is_of_users_class(context.obj):
            self.objects[obj]["is_users"] = True
        if context.start_line is not None:
            self.source(code, pyframe, context.start_line, has_items=True)
        inner = context.inner_stack
        rest = {
            "object": obj,
            "varname": context.varname,
            "line": context.start_line,
            "description": context.description,
            "is_async": context.is_async,
            "hide": context.hide,
            "inner_stack": None if inner is None else self.stack(inner),
            "children": [
                {"stack": self.stack(child)}
                if isinstance(child, Stack)
                else {"context": self.context(child, pyframe, code)}
                for child in context.children
            ],
        }
        state = "past" if context.is_past else "exiting" if context.is_exiting else "held"
        entry.update(state=state, **_without_defaults(rest))
        if context.is_past and context.is_exiting:
            entry["is_exiting"] = True

    def code(self, pyframe: FrameType) -> int:
        """The code of a frame, with what is known of the library that it is from."""
        code = pyframe.f_code
        module = Frame(pyframe, 0).modname
        key = ("code", id(code), module)
        index = self.indexes.get(key)
        if index is None:
            index = self.indexes[key] = len(self.codes)
            entry = {
                "file_name": name_of_file(pyframe),
                "module": module,
                "library": library_of(pyframe) or None,
                "package": package_of(pyframe) or None,
                "is_machinery": is_machinery(pyframe),
                "idles": idles_in(pyframe) or None,
            }
            self.codes.append(
                {
                    "file": code.co_filename,
                    "function": code.co_name,
                    "rank": rank_of(pyframe),
                    **_without_defaults(entry),
                    "lines": {},
                }
            )
        return index

    def source(
        self, code: int, pyframe: FrameType, lineno: int, *, has_items: bool = False
    ) -> None:
        """The source line of a frame, or of a ``with`` statement and its items."""
        if not has_items and (code, lineno) in self.sought:
            return
        entry, key = self.codes[code], str(lineno)
        lines = entry["lines"]
        if (code, lineno) not in self.sought:
            self.sought.add((code, lineno))
            line = self.sources.line(pyframe, lineno)
            if line:
                lines[key] = line
        if has_items and key in lines and key not in entry.get("statements", ()):
            items = self.sources.with_items(pyframe, lineno)
            if items:
                entry.setdefault("statements", {})[key] = [
                    _without_defaults({"head": item.head, "target": item.target}) for item in items
                ]

    # ------------------------------------------------------------ objects

    def about(self, obj: Any, *, has_text: bool = False, has_number: bool = False) -> Any:
        """An object of the program.

        Args:
            obj: The object.
            has_text: Whether its representation may be drawn.
            has_number: Whether its number is drawn, whatever it is.
        """
        if obj is None:
            return None
        key = ("object", id(obj))
        index = self.indexes.get(key)
        if index is None:
            index = self.indexes[key] = len(self.objects)
            self.kept.append(obj)  # its id is its own as long as it lives
            who = identity_of(obj)
            entry: Entry = {
                "kind": who.kind or None,
                "name": who.name or None,
                "subject": who.subject,
            }
            if who.kind:
                entry["number"] = who.number
            self.objects.append({"type": type_name_of(obj), **_without_defaults(entry)})
        entry = self.objects[index]
        if has_text and "text" not in entry:
            entry["text"] = repr_of(obj)
        if has_number and "number" not in entry:
            entry["number"] = number_of(obj)
        return index


# --------------------------------------------------------------------- reading


def read_snapshot(text: Union[str, bytes]) -> Snapshot:
    """See `Snapshot.from_json`."""
    reader = _Reader(_checked(text, "snapshot"))
    found: Snapshot = reader.read(lambda document: reader.snapshot(document["snapshot"]))
    return found


def read_diagnosis(text: Union[str, bytes]) -> Diagnosis:
    """See `Diagnosis.from_json`."""
    reader = _Reader(_checked(text, "diagnosis"))
    found: Diagnosis = reader.read(reader.diagnosis)
    return found


def read_stack(text: Union[str, bytes]) -> Stack:
    """See `Stack.from_json`."""
    reader = _Reader(_checked(text, "stack"))
    found: Stack = reader.read(lambda document: reader.stack(document["stack"]))
    return found


def _checked(text: Union[str, bytes], kind: str) -> Entry:
    """The document that a text has, if it is one of ours and has what is wanted."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise broken(f"it is no JSON ({exc})") from None
    found = document.get("schema") if type(document) is dict else None
    if type(found) is not str or not found.startswith("stackscope/"):
        raise broken('it has no "schema" that begins with "stackscope/"')
    if found != SCHEMA:
        raise ValueError(
            f"The schema of the document is {cut(repr(found), LONGEST_NAME)}, and this version of"
            f" stackscope reads {SCHEMA!r}: read it with the version that has written it."
        )
    checked: Entry = document
    check(checked)
    if kind not in document:
        other = next(name for name in ("Snapshot", "Stack") if name.lower() in document)
        raise ValueError(f"There is no {kind} in the document: read it with {other}.from_json().")
    return checked


def _read_number(value: Any) -> Any:
    return NUMBERS.get(value) if type(value) is str else value


def sizes_below(below: Sequence[Sequence[int]]) -> Optional[List[int]]:
    """How many nodes a walk from each node comes to; ``None`` if there are circles.

    Args:
        below: For each node the indexes of its children.
    """
    sizes = [0] * len(below)
    entered = [False] * len(below)
    todo = list(range(len(below)))
    while todo:
        index = todo[-1]
        if not entered[index]:
            entered[index] = True
            if any(entered[child] and not sizes[child] for child in below[index]):
                return None
            todo += [child for child in below[index] if not entered[child]]
            continue
        todo.pop()
        if not sizes[index]:
            total = 1 + sum([sizes[child] for child in below[index]])
            sizes[index] = min(total, TOO_MANY)
    return sizes


def check_children(contexts: Sequence[Entry]) -> None:
    """Check that contexts can be drawn. Stacks inside themselves can be: see `why_omitted`.

    Raises:
        ValueError: A walk through what they are responsible for would have no end, or hardly one.
    """
    children = [entry.get("children", ()) for entry in contexts]
    below = [[one["context"] for one in some if "context" in one] for some in children]
    sizes = sizes_below(below)
    if sizes is None:
        raise broken("a context is below itself")
    if max(sizes, default=0) > MOST_PLACES * (len(contexts) + 1):
        raise broken("contexts are in too many places")


class _Reader:
    """Makes records of the entries of one document, of which the form has been checked.

    Args:
        document: The document.
    """

    def __init__(self, document: Entry) -> None:
        self.document = document
        self.frames: Dict[int, SavedFrame] = {}

    def read(self, make: Callable[[Any], Any]) -> Any:
        """What ``make`` makes of the content of the document.

        Raises:
            ValueError: An entry refers to one that isn't there, or tasks are below each other.
        """
        document = self.document
        try:
            self.objects = list(map(self.new_object, document["objects"]))
            self.lists: List[List[object]] = [
                [self.objects[index] for index in indexes] for indexes in document.get("lists", ())
            ]
            self.codes = list(map(self.new_code, document["codes"]))
            self.contexts = list(map(self.new_context, document["contexts"]))
            self.stacks = [Stack(None, []) for _ in document["stacks"]]
            for stack, entry in zip(self.stacks, document["stacks"]):
                self.fill_stack(stack, entry)
            for context, entry in zip(self.contexts, document["contexts"]):
                self.fill_context(context, entry)
            check_children(document["contexts"])
            return make(document)
        except IndexError:
            raise broken("an entry refers to another one that isn't there") from None

    # ---------------------------------------------------------- snapshots

    def snapshot(self, entry: Entry) -> Snapshot:
        """A snapshot, with all its nodes."""
        document = self.document
        self.tasks = list(map(self.new_task, document["tasks"]))
        self.threads = list(map(self.new_thread, document["threads"]))
        self.items = list(map(self.new_item, document["items"]))
        tops = [index for loop in entry["loops"] for index in loop["tasks"]]
        self.put_below(self.tasks, document["tasks"], tops)
        self.put_below(self.items, document["items"], entry["items"])
        places = entry["places"]
        folders = [(folder, prefix) for folder, prefix in places["folders"]]
        return Snapshot(
            list(map(self.loop, entry["loops"])),
            [self.threads[index] for index in entry["threads"]],
            [self.items[index] for index in entry["items"]],
            [list(map(self.node, cycle)) for cycle in entry["cycles"]],
            _read_number(entry["taken_at"]),
            entry["frozen"],
            Places(folders, places["library"]),
            entry.get("filtered_by", ""),
            entry.get("left_out", {}),
            _read_number(entry.get("compared_to")),
        )

    def diagnosis(self, document: Entry) -> Diagnosis:
        """A diagnosis with its snapshot."""
        snapshot = self.snapshot(document["snapshot"])
        entry = document["diagnosis"]
        targets = [list(map(self.node, one)) for one in entry["targets"]]
        edges = [
            Edge(
                self.node(one["node"]),
                targets[one["targets"]],
                one.get("needs_all", False),
                self.about(one, "object"),
                one.get("certain", False),
            )
            for one in entry["edges"]
        ]
        nodes = {id(edge.node): edge.node for edge in edges}
        nodes.update((id(one), one) for group in targets for one in group)
        graph = Graph(list(nodes.values()), edges)
        findings = list(map(self.finding, entry["findings"]))
        return Diagnosis(findings, graph, snapshot, entry["is_deep"])

    def finding(self, entry: Entry) -> Finding:
        """A finding."""
        return Finding(
            entry["kind"],
            entry.get("certain", False),
            list(map(self.node, entry["nodes"])),
            list(map(self.node, entry.get("behind", ()))),
            list(map(self.node, entry.get("users", ()))),
            entry.get("reason", ""),
            [self.threads[index] for index in entry.get("threads", ())],
            entry.get("missing", ""),
            entry.get("call", ""),
            _read_number(entry.get("seconds")),
        )

    def put_below(self, nodes: List[Any], entries: List[Entry], tops: List[int]) -> None:
        """Give nodes their children.

        Raises:
            ValueError: A walk from the tops would have no end, or hardly one.
        """
        below = [entry.get("children", ()) for entry in entries]
        for node, children in zip(nodes, below):
            node.children = [nodes[child] for child in children]
        sizes = sizes_below(below)
        if sizes is None:
            raise broken("a task or the like is below itself")
        if sum([sizes[top] for top in tops]) > MOST_PLACES * (len(nodes) + 1):
            raise broken("tasks or the like are in too many places")

    def node(self, entry: Entry) -> Node:
        """A node that an entry refers to."""
        tables: Dict[str, List[Any]]
        tables = {"task": self.tasks, "thread": self.threads, "item": self.items}
        ((kind, index),) = entry.items()
        return tables[kind][index]  # type: ignore[no-any-return]

    def loop(self, entry: Entry) -> LoopNode:
        """A loop."""
        return LoopNode(
            self.about(entry, "object"),
            entry["library"],
            entry.get("thread"),
            entry.get("is_running", False),
            entry.get("is_here", False),
            [self.tasks[index] for index in entry["tasks"]],
            entry["noun"],
            list(map(self.failed, entry.get("failed", ()))),
            self.several(entry, "to_begin"),
            _read_number(entry.get("seconds_late")),
            entry.get("calls", ""),
            entry.get("left_out", 0),
        )

    def failed(self, entry: Entry) -> FailedTask:
        """A task that has failed."""
        task = self.about(entry, "object")
        return FailedTask(task, entry["number"], entry["name"], self.error(entry["error"]))

    def new_task(self, entry: Entry) -> TaskNode:
        """A task; its children are put below it later."""
        node = TaskNode(
            self.about(entry, "object"),
            entry["number"],
            entry["name"],
            entry["state"],
            self.stacks[entry["stack"]],
            self.about(entry, "owner"),
            [],
            self.waiting(entry.get("waiting")),
            entry.get("is_awaited", False),
            entry.get("cancel_reason"),
            entry.get("subject"),
            entry.get("is_only_above", False),
            entry.get("was_here"),
        )
        for name in TIMES:
            setattr(node, name, _read_number(entry.get(name)))
        lines = entry.get("created", ())
        made_at = [CodeLine(one["file"], one["line"], one["function"]) for one in lines]
        node.created = made_at or None
        return node

    def new_thread(self, entry: Entry) -> ThreadNode:
        """A thread."""
        thread: Any = self.about(entry, "object")
        return ThreadNode(
            thread,
            entry["number"],
            entry["name"],
            entry.get("is_here", False),
            self.stacks[entry["stack"]],
            entry["ident"],
            entry.get("is_daemon", False),
            self.waiting(entry.get("waiting")),
            entry.get("calls", ""),
            entry.get("was_here"),
        )

    def new_item(self, entry: Entry) -> ItemNode:
        """A greenlet or the like; its children are put below it later."""
        return ItemNode(
            entry["kind"],
            self.about(entry, "object"),
            entry["number"],
            entry["name"],
            entry["state"],
            self.stacks[entry["stack"]],
            entry.get("thread"),
            [],
            self.waiting(entry.get("waiting")),
            entry.get("is_only_above", False),
            entry.get("was_here"),
        )

    # -------------------------------------------------------------- waits

    def waiting(self, entry: Optional[Entry]) -> Optional[Waiting]:
        """What something waits for."""
        if entry is None:
            return None
        fields = {name: entry[name] for name in SIMPLE_FIELDS if name in entry}
        waiting = Waiting(**fields)
        waiting.seconds_left = _read_number(entry.get("seconds_left"))
        waiting.deadline = _read_number(entry.get("deadline"))
        waiting.obj = self.about(entry, "object")
        waiting.lock = self.about(entry, "lock")
        waiting.tasks = self.several(entry, "tasks")
        waiting.holders = self.several(entry, "holders")
        waiting.workers = self.several(entry, "workers")
        waiting.amounts = list(map(self.amount, entry.get("amounts", ())))
        if "other_end" in entry:
            waiting.other_end = self.amount(entry["other_end"])
        if "ahead" in entry:
            waiting.ahead = self.amount(entry["ahead"])
        parts = map(self.waiting, entry.get("parts", ()))
        waiting.parts = [part for part in parts if part is not None]
        if "awaiting" in entry:
            waiting.awaiting = self.frame(entry["awaiting"])
        waiting.inner = self.waiting(entry.get("inner"))
        return waiting

    def amount(self, entry: Entry) -> Amount:
        """A number of things."""
        number, total = _read_number(entry["number"]), _read_number(entry.get("total"))
        return Amount(number, entry["noun"], total, entry.get("plural"))

    # ------------------------------------------------------------- stacks

    def stack(self, index: int) -> Stack:
        """A stack."""
        return self.stacks[index]

    def fill_stack(self, stack: Stack, entry: Entry) -> None:
        """A stack with its frames."""
        stack.root = self.about(entry, "root")
        stack.frames = list(map(self.frame, entry["frames"]))
        stack.leaf = self.about(entry, "leaf")
        stack.error = self.error(entry["error"]) if "error" in entry else None

    def error(self, entry: Entry) -> SavedError:
        """An exception."""
        return SavedError(entry["lines"], entry["brief"])

    def frame(self, entry: Entry) -> Frame:
        """A frame. Those of the same frame of the interpreter have that in common."""
        pyframe: Any = self.frames.get(entry["id"])
        if pyframe is None:
            variables = {
                name: SavedObject("", text=text) for name, text in entry.get("locals", {}).items()
            }
            code = self.codes[entry["code"]]
            pyframe = SavedFrame(code, entry["line"], entry.get("class"), variables)
            self.frames[entry["id"]] = pyframe
        frame = Frame(
            pyframe,
            entry["line"],
            SUSPENDED if entry.get("is_suspended") else None,
            [self.contexts[index] for index in entry.get("contexts", ())],
            entry.get("hide", False),
            entry.get("hide_line", False),
        )
        if entry.get("is_past"):
            frame.is_past = True
        return frame

    def new_context(self, entry: Entry) -> Context:
        """A context; what is inside it is put there later."""
        context = Context(
            self.about(entry, "object"),
            entry.get("is_async", False),
            entry["state"] == "exiting" or entry.get("is_exiting", False),
            entry.get("varname"),
            entry.get("line"),
            entry.get("description"),
            hide=entry.get("hide", False),
        )
        if entry["state"] == "past":
            context.is_past = True
        return context

    def fill_context(self, context: Context, entry: Entry) -> None:
        """What is inside a context."""
        if "inner_stack" in entry:
            context.inner_stack = self.stacks[entry["inner_stack"]]
        context.children = [
            self.stacks[child["stack"]] if "stack" in child else self.contexts[child["context"]]
            for child in entry.get("children", ())
        ]

    def new_code(self, entry: Entry) -> SavedCode:
        """The code of a function."""
        return SavedCode(
            entry["file"],
            entry["function"],
            entry.get("module"),
            entry.get("library", ""),
            entry.get("package", ""),
            entry["rank"],
            entry.get("is_machinery", False),
            entry.get("idles", ""),
            {int(number): line for number, line in entry["lines"].items()},
            {
                int(number): [WithItem(item["head"], item.get("target")) for item in items]
                for number, items in entry.get("statements", {}).items()
            },
            entry.get("file_name", ""),
        )

    # ------------------------------------------------------------ objects

    def new_object(self, entry: Entry) -> SavedObject:
        """What stands for an object of the program."""
        return SavedObject(
            entry["type"],
            entry.get("kind", ""),
            entry.get("number", 0),
            entry.get("name", ""),
            entry.get("subject"),
            entry.get("text"),
            entry.get("is_users", False),
            entry.get("is_named_by_frames", False),
            entry.get("coroutine"),
        )

    def about(self, entry: Entry, name: str) -> Optional[SavedObject]:
        """The object that a field refers to."""
        return self.objects[entry[name]] if name in entry else None

    def several(self, entry: Entry, name: str) -> List[object]:
        """The objects that a field refers to."""
        if f"{name}_list" in entry:
            return self.lists[entry[f"{name}_list"]]
        return [self.objects[index] for index in entry.get(name, ())]
