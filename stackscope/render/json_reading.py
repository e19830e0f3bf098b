"""Stacks, snapshots and diagnoses of a document that `stackscope.render.json_writing` has written.

In place of the program's objects there is what `stackscope.model.saved` has for them.
"""

from __future__ import annotations

import json

from stackscope.interpreter.collector import collects_afterwards
from stackscope.model.diagnosis import Diagnosis, Edge, Finding, Graph
from stackscope.model.saved import (
    SUSPENDED,
    Places,
    SavedCode,
    SavedError,
    SavedFrame,
    SavedObject,
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
from stackscope.render.schema import NUMBERS, SCHEMA, SIMPLE_FIELDS, TIMES, broken, check
from stackscope.render.source import WithItem
from stackscope.safe.text import cut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Any,
        Callable,
        Dict,
        List,
        Optional,
        Sequence,
        TypeVar,
        Union,
    )

    from stackscope.model.snapshot import Node

    Entry = Dict[str, Any]
    T = TypeVar("T", TaskNode, ThreadNode, ItemNode)

__all__ = ["read_diagnosis", "read_snapshot", "read_stack"]

TOO_MANY = 10**9
"""Where counting ends."""

MOST_PLACES = 10
"""In how many places a task may stand, on average. A strange runtime may tell of one twice."""

LONGEST_NAME = 60
"""Characters that are shown of the name of an unknown schema."""


@collects_afterwards
def read_snapshot(text: Union[str, bytes]) -> Snapshot:
    """See `Snapshot.from_json`."""
    reader = _Reader(_checked(text, "snapshot"))
    found: Snapshot = reader.read(lambda document: reader.snapshot(document["snapshot"]))
    return found


@collects_afterwards
def read_diagnosis(text: Union[str, bytes]) -> Diagnosis:
    """See `Diagnosis.from_json`."""
    reader = _Reader(_checked(text, "diagnosis"))
    found: Diagnosis = reader.read(reader.diagnosis)
    return found


@collects_afterwards
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
        raise broken(f"it isn't JSON ({exc})") from None
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
