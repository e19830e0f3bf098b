"""Stacks, snapshots and diagnoses as JSON.

A document is a set of tables, and what refers to an entry of one does so by its index: so it may be
as deep as the program is, and what is shared is written once. The tables, and all fields, are
described by the JSON Schema in ``schema-1.json``, beside this module, and by ``docs/json.rst``.

What is written of an object of the program is what a drawing asks of it: see
`stackscope.model.saved`. So what `stackscope.render.json_reading` makes of it is drawn alike.
"""

from __future__ import annotations

import json
import math
from functools import partial

from stackscope.interpreter.collector import collects_afterwards
from stackscope.model.diagnosis import Diagnosis, Finding
from stackscope.model.saved import (
    Places,
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
from stackscope.render.schema import NUMBERS, SCHEMA, SIMPLE_FIELDS, TIMES
from stackscope.render.source import Sources
from stackscope.render.stdlib import variables_of
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
    )

    from stackscope.model.snapshot import Node

    Entry = Dict[str, Any]
    T = TypeVar("T", TaskNode, ThreadNode, ItemNode)

__all__ = ["write_diagnosis", "write_snapshot", "write_stack"]

MOST_HERE = 10
"""The most objects that a field of a wait lists itself. Longer lists are written once."""

AT_ONCE = 500
"""The entries of a table that are written by one call into C, during which no thread can run."""


@collects_afterwards
def write_snapshot(snapshot: Snapshot, capture_locals: bool, indent: Optional[int]) -> str:
    """See `Snapshot.to_json`."""
    writer = _Writer(capture_locals)
    return writer.document("snapshot", writer.snapshot(snapshot), indent)


@collects_afterwards
def write_diagnosis(diagnosis: Diagnosis, capture_locals: bool, indent: Optional[int]) -> str:
    """See `Diagnosis.to_json`."""
    writer = _Writer(capture_locals)
    content = {"snapshot": writer.snapshot(diagnosis.snapshot, _nodes_in(diagnosis))}
    content["diagnosis"] = writer.diagnosis(diagnosis)
    return writer.documents(content, indent)


@collects_afterwards
def write_stack(stack: Stack, capture_locals: bool, indent: Optional[int]) -> str:
    """See `Stack.to_json`."""
    writer = _Writer(capture_locals)
    return writer.document("stack", writer.stack(stack), indent)


def _text(document: Entry, indent: Optional[int]) -> str:
    """A document as JSON, a part of a table at a time: other threads run between two of them."""
    write = partial(json.dumps, allow_nan=False)
    if indent is not None:  # that isn't done by one call into C
        return write(document, indent=indent)
    parts = []
    for name, value in document.items():
        if type(value) is list:
            starts = range(0, len(value), AT_ONCE)
            rows = [write(value[start : start + AT_ONCE])[1:-1] for start in starts]
            parts.append(f"{write(name)}: [{', '.join(rows)}]")
        else:
            parts.append(f"{write(name)}: {write(value)}")
    return f"{{{', '.join(parts)}}}"


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
        return _text(document, indent)

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
