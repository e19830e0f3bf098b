"""Stacks and snapshots as HTML: trees that can be folded, in notebooks and as pages of their own.

What is drawn, and in which words, is what `stackscope.render.snapshot` decides: the same blocks are
written here as elements. Each `Nested` block is a ``<details>`` if there is something below its
lines, which is a list: so that what stands below what is seen without a style sheet, too. What a
drawing for a terminal folds, and only counts, can be unfolded.

A name leads to where that task, thread or greenlet is drawn, if it is drawn at all: what is named
before it is drawn gets its link in the end. The parts are written one at a time and without
recursion, until there is no room left.
"""

from __future__ import annotations

import os
from html import escape

from stackscope.interpreter.collector import collects_afterwards
from stackscope.model.diagnosis import Diagnosis, Finding
from stackscope.model.snapshot import (
    ItemNode,
    LoopNode,
    Snapshot,
    TaskNode,
    ThreadNode,
    kind_of,
)
from stackscope.model.stacks import Context, Frame, Stack
from stackscope.render.alike import groups_of_alike
from stackscope.render.diagnosis import summary_lines
from stackscope.render.drawing import FLAT, Guides, Layout, Link, Nested, why_omitted
from stackscope.render.front_ends import shows_html
from stackscope.render.nodes import ContextNode, FrameNode, StackNode
from stackscope.render.overview import circle_lines, headline, is_idle_worker
from stackscope.render.page import class_of_token, html_page, style_sheet
from stackscope.render.paths import short_path
from stackscope.render.snapshot import (
    Drawing,
    Options,
    Sentence,
    TaskView,
    format_node,
    snapshot_of,
)
from stackscope.render.stack import stack_title
from stackscope.render.style import STYLES, TOKENS
from stackscope.render.waits import state_parts, wait_pieces
from stackscope.render.wanted import Wanted
from stackscope.render.words import (
    count,
    node_title,
    number_range,
    object_of,
    place_text,
    task_label,
    task_name,
    task_title,
    time_of_day,
)
from stackscope.safe.interruptions import interrupts
from stackscope.safe.text import class_name, cut, safe_line
from stackscope.snapshot.user_code import innermost_user_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Any,
        Callable,
        Dict,
        Iterable,
        Iterator,
        List,
        Optional,
        Sequence,
        Set,
        Tuple,
        Union,
    )

    from stackscope.model.snapshot import Node
    from stackscope.render.drawing import Block, Line, Span

    _Part = Union[str, "_Name", "_Links"]
    Shown = Union[
        Stack, Frame, Context, Snapshot, Diagnosis, LoopNode, TaskNode, ThreadNode, ItemNode
    ]

__all__ = ["MOST_BYTES", "html_of", "mimebundle", "print_pretty"]

MOST_BYTES = 1_900_000
"""The bytes that the HTML takes by default."""

MOST_LINES = 400
"""The lines of text that go with the HTML, for front ends that can't show it."""

MOST_OPEN = 20
"""If there are more tasks and threads in a snapshot, they are folded at first."""

MOST_INDEXED_OPEN = 40
"""If the index of a page has more rows, it is folded at first."""

DEEPEST = 60
"""The levels of elements. Browsers take some hundreds; what is deeper begins with its level."""

LONGEST_NAME = 200
"""The characters of a name in a title or table."""

LONGEST_SPAN = 2000
"""The characters of one span."""

SHARE = 0.8
"""The part of the room that one section may take if others follow."""

INDEX_SHARE = 0.15
"""The part of a page that its index may take."""

NOTE_ROOM = 1500
"""The bytes that are kept for what is said in the end, and for the ends of elements."""

HTML = Guides(
    frame=("| ", "| "),
    leaf="\N{BOX DRAWINGS LIGHT UP AND RIGHT} ",
    context=("- ", "  "),
    child_in_frame=("- ", "  "),
    child=("- ", "  "),
    source="",
    more="\N{HORIZONTAL ELLIPSIS} ",
    level="\N{VERTICAL ELLIPSIS}",
    ascii_only=False,
)
"""Elements stand in each other: only `FLAT` guides mean something, and signs within a line."""

TO = "\N{RIGHTWARDS ARROW}"
"""What stands before the links to what a title names."""

FROM = "\N{LEFTWARDS ARROW}"
"""What stands before the links to those that wait for what something holds."""

UNWRITTEN = (HTML.frame[0], HTML.context[0])
"""Guides that are told by how elements stand in each other."""

MARKS = {
    "held": "\N{BLACK CIRCLE}",
    "exiting": "\N{CIRCLE WITH LEFT HALF BLACK}",
    "past": "\N{WHITE CIRCLE}",
}
"""What a context manager is marked with."""


class _HtmlView(TaskView):
    """A view in which each task is called so, whether it is a part of the snapshot or not."""

    def repr(self, obj: object) -> str:
        return task_label(obj) or super().repr(obj)


class _HtmlDrawing(Drawing):
    """A drawing in which what is folded is there as well, to be unfolded."""

    leaves_out_calls = False

    def __init__(self, snapshot: Snapshot, view: TaskView, layout: Layout, options: Options):
        super().__init__(snapshot, view, layout, options)
        self.folded_frames: Set[int] = set()
        self.nodes = list(_all_nodes(snapshot))
        self.wanted = Wanted(self.nodes)

    def sections(self) -> List[Nested]:
        """The loops, the threads, and the rest, each as one part."""
        snapshot = self.snapshot
        blocks: List[Tuple[Block, Sequence[object]]] = [
            (self.loop(loop), [loop]) for loop in snapshot.loops
        ]
        if snapshot.threads:
            blocks.append((self.all_threads(), [snapshot]))
        kinds = dict.fromkeys(node.kind for node in snapshot.items)
        blocks += [(self.all_items(kind), [snapshot]) for kind in kinds]
        return [Nested(HTML.context, block, drawn=drawn) for block, drawn in blocks]

    def alerts(self) -> Iterator[Line]:
        """What is wrong: loops that are stuck, and circles."""
        for loop in self.snapshot.loops:
            line = headline(loop, self.snapshot.threads)
            if line is not None:
                yield line
        yield from circle_lines(self.snapshot)

    def single(self, shown: Shown) -> Block:
        """Anything but a snapshot."""
        if isinstance(shown, Stack):
            return self.stack(shown)
        if isinstance(shown, Frame):
            return self.frame(FrameNode(shown, self.view))
        if isinstance(shown, Context):
            return self.child_context(ContextNode(shown, self.view))
        assert not isinstance(shown, (Diagnosis, Snapshot))
        return self.node(shown)

    def stack(self, stack: Stack) -> Block:
        """A stack with its title."""
        yield stack_title(StackNode(stack, self.view))
        yield Nested(FLAT, self.rest(stack, None), stack)

    def name_of(self, node: TaskNode) -> str:
        return task_title(node)

    def task(self, node: TaskNode, group: Sequence[TaskNode] = ()) -> Block:
        return self._held(super().task(node, group), group or [node])

    def thread(self, node: ThreadNode, group: Sequence[ThreadNode] = ()) -> Block:
        return self._held(super().thread(node, group), group or [node])

    def item(self, node: ItemNode, group: Sequence[ItemNode]) -> Block:
        return self._held(super().item(node, group), group)

    def _held(self, block: Block, nodes: Sequence[Node]) -> Block:
        """The block of nodes, with who waits for what they hold."""
        title = next(block)
        assert not isinstance(title, Nested)
        held = self.wanted.held(nodes)
        yield [*title, *held]
        if held:
            yield [("guide", f"{FROM} "), *self.wanted.names(nodes)]
        yield from block

    def context(self, node: ContextNode) -> Block:
        block = super().context(node)
        title = next(block)
        assert not isinstance(title, Nested)
        yield [*title, *self.wanted.active(node.context)]
        yield from block

    def fold(self, nodes: Sequence[FrameNode], owner: Optional[TaskNode]) -> Block:
        if owner is not None:
            yield self.fold_line(nodes, owner)
            return
        self.folded_frames.update(id(node.frame) for node in nodes)
        yield Nested(HTML.context, self._folded_here(nodes), drawn=[nodes])

    def _folded_here(self, nodes: Sequence[FrameNode]) -> Block:
        yield self.fold_line(nodes, None)
        for node in nodes:
            yield self.nested_frame(node)

    def is_of_library(self, frame: Frame) -> bool:
        # What is folded can be unfolded, and is whole then.
        is_whole = id(frame) in self.folded_frames or self._has_stacks(frame)
        return not is_whole and super().is_of_library(frame)

    def _folded(self, frames: Sequence[Frame]) -> List[bool]:
        folded = super()._folded(frames)
        return [one and not self._has_stacks(frame) for one, frame in zip(folded, frames)]

    def _has_stacks(self, frame: Frame) -> bool:
        """Whether stacks stand below its contexts that are drawn nowhere else.

        Those of the exceptions of a group are below the frame of a library that has raised it.
        """
        return any(
            isinstance(child, Stack) and id(child) not in self.by_stack
            for context in frame.contexts
            if not context.hide
            for child in context.children
        )

    def context_in_frame(self, node: ContextNode, only_users: bool = False) -> Block:
        if id(node.frame) in self.folded_frames:
            # Tasks below it stand where they are seen.
            yield Nested(self.guides.context, self.context(node), drawn=[node])
        else:
            yield from super().context_in_frame(node, only_users)

    def unknown_children(self, nodes: Sequence[StackNode], guides: Tuple[str, str]) -> Block:
        most = len(nodes) if self.max_alike is None else self.max_alike
        for group in groups_of_alike(nodes, _stack_key, most):
            roots = [one.stack for one in group]
            yield Nested(guides, self._unknown_child(group), drawn=roots)

    def _unknown_child(self, group: Sequence[StackNode]) -> Block:
        body = self.unknown_child(group[0])
        yield next(body)
        yield from self.others_alike([0] * (len(group) - 1))
        yield from body


def _stack_key(node: StackNode) -> Tuple[object, ...]:
    """Equal for stacks at the same lines."""
    stack = node.stack
    frames = [(id(frame.pyframe.f_code), frame.lineno) for frame in stack.frames]
    return (type(stack.root), stack.error is None or id(stack), *frames)


class _Parts:
    """The parts of a block, those of the flat blocks in it included.

    Args:
        block: The block.
        stack: The id of the stack that it draws, or 0.
        inside: The ids of the stacks around it.
        layout: How to draw.
        depth: How many elements it stands inside.

    Attributes:
        close: What is written at its end.
    """

    def __init__(
        self,
        block: Block,
        stack: int,
        inside: Set[int],
        layout: Layout,
        depth: int = 0,
    ) -> None:
        self.blocks = [(block, stack)]
        self.inside = inside
        self.layout = layout
        self.close = ""
        self.depth = depth
        self.waiting: List[Union[Line, Nested]] = []

    def next(self) -> Union[Line, Nested, None]:
        """The next part; ``None`` at the end."""
        if self.waiting:
            return self.waiting.pop()
        while self.blocks:
            block, stack = self.blocks[-1]
            part = next(block, None)
            if part is None:
                self.inside.discard(stack)
                self.blocks.pop()
            elif isinstance(part, Nested) and part.guides == FLAT:
                self.blocks.append(self.enter(part))
            else:
                return part
        return None

    def lines(self) -> List[Line]:
        """The lines before the next part that is a block of its own."""
        found: List[Line] = []
        while len(found) < MOST_LINES:
            part = self.next()
            if not isinstance(part, list):
                if part is not None:
                    self.waiting.append(part)
                break
            if part:
                found.append(part)
        return found

    def is_done(self) -> bool:
        """Whether there is nothing more."""
        part = self.next()
        if part is None:
            return True
        self.waiting.append(part)
        return False

    def enter(self, part: Nested) -> Tuple[Block, int]:
        """The block of a part, and the id of the stack that it draws, or 0."""
        if part.stack is None:
            return part.block, 0
        stack = id(part.stack)
        omission = why_omitted(stack, self.inside, self.layout)
        if omission:
            return iter([[("guide", self.layout.guides.more), ("note", omission)]]), 0
        self.inside.add(stack)
        return part.block, stack


class _Name:
    """A place in the HTML for a name, which becomes a link if what it names is there."""

    __slots__ = ("html", "target")

    def __init__(self, html: str, target: int) -> None:
        self.html = html
        self.target = target


class _Links:
    """The names in a title that can be folded, as a line below it.

    A link inside a ``<summary>`` would be something to click on in something to click on: not
    everybody gets at that.
    """

    __slots__ = ("names",)

    def __init__(self, names: Sequence[_Name]) -> None:
        self.names = list({name.target: name for name in names}.values())


class _Writer:
    """Writes blocks as HTML.

    Args:
        layout: How to draw.
        short_paths: Whether to shorten paths.
        max_bytes: How many bytes there is room for.
        opens: Whether tasks and threads are unfolded at first.
        opened: The ids of nodes that are unfolded in any case.
    """

    def __init__(
        self,
        layout: Layout,
        short_paths: bool,
        max_bytes: float,
        opens: bool,
        opened: Set[int],
    ) -> None:
        self.layout = layout
        self.short_paths = short_paths
        self.max_bytes = max_bytes
        self.opens = opens
        self.opened = opened
        self.parts: List[_Part] = []
        self.size = 0
        self.limit = max_bytes
        self.start = self.elements = 0
        self.names: Dict[int, str] = {}
        self.rows: List[Sequence[Node]] = []
        self.drawn: Set[int] = set()
        self.is_cut = self.is_full = False
        # Two outputs in one notebook may come from two processes.
        self.prefix = f"ss{os.urandom(5).hex()}"
        self.paths: Dict[str, str] = {}
        self.sources: Dict[str, str] = {}
        self.tokens = _lexer()

    # ------------------------------------------------------------------- text

    def text(self) -> Tuple[str, str]:
        """What was written: the lines that matter most, and the rest."""
        texts = list(map(self._resolved, self.parts))
        return "".join(texts[: self.start]), "".join(texts[self.start :])

    def html(self, line: Line) -> str:
        """A line, after all has been drawn that its names may lead to."""
        return "".join(map(self._resolved, self.line(line)))

    def _resolved(self, part: _Part) -> str:
        if isinstance(part, str):
            return part
        if isinstance(part, _Links):
            known = [self._resolved(one) for one in part.names if one.target in self.names]
            sign = self.span("guide", f"{TO} ")
            return f'<li class="ss-line">{sign}{", ".join(known)}</li>' if known else ""
        name = self.names.get(part.target)
        return part.html if name is None else f'<a href="#{name}">{part.html}</a>'

    def line(self, line: Line) -> List[_Part]:
        """The spans of a line."""
        found: List[_Part] = []
        for kind, piece in _merged(line):
            if isinstance(piece, Link):
                found.append(_Name(self.span(kind, piece), id(piece.target)))
            elif kind == "source":
                found.append(self._source(piece))
            else:
                found.append(self.span(kind, self._path(piece) if kind == "path" else piece))
        return found

    def span(self, kind: str, text: str) -> str:
        """One span."""
        html = _escaped(cut(text, LONGEST_SPAN))
        return f'<span class="ss-{kind}">{html}</span>' if STYLES[kind].attributes else html

    def _path(self, path: str) -> str:
        if not self.short_paths:
            return path
        if path not in self.paths:
            self.paths[path] = short_path(path)
        return self.paths[path]

    def _source(self, source: str) -> str:
        if source not in self.sources:
            self.sources[source] = _highlighted(cut(source, LONGEST_SPAN), self.tokens)
        return self.sources[source]

    # --------------------------------------------------------------- elements

    def put(self, *parts: _Part) -> bool:
        """Write parts if there is room for all of them."""
        size = sum(map(self._size, parts))
        if self.size + size > self.limit:
            self.is_cut = self.is_full = True
            return False
        self.size += size
        self.parts += parts
        return True

    def _size(self, part: _Part) -> int:
        """How many bytes a part takes at most."""
        if isinstance(part, str):
            return len(part) if part.isascii() else len(part.encode())
        if isinstance(part, _Links):
            return 60 + sum(map(self._size, part.names))
        return self._size(part.html) + len(self.prefix) + 30

    def close(self, html: str) -> None:
        """Write the end of an element, for which there is room."""
        self.size += len(html)
        self.parts.append(html)

    def block(self, nested: Nested) -> bool:
        """Write a part with all below it, or as much as there is room for.

        Returns:
            Whether that was all.
        """
        self.is_full = False
        top = _Parts(iter([nested]), 0, set(), self.layout)
        levels = [top]
        while levels:
            level = levels[-1]
            part = level.next()
            if part is None:
                self.close(level.close)
                levels.pop()
                continue
            if isinstance(part, Nested):
                inner = self._opened(part, level)
                if inner is not None:
                    levels.append(inner)
                    continue
                is_written = not self.is_full
            else:
                is_written = not part or self.put(*self._line(part, level.depth))
            if not is_written:
                self.close("".join([one.close for one in reversed(levels)]))
                return False
        return True

    def _line(self, line: Line, depth: int, tag: str = "li") -> List[_Part]:
        return [f'<{tag} class="ss-line">', self._level(depth), *self.line(line), f"</{tag}>"]

    def _level(self, depth: int) -> str:
        return self.span("guide", f"{HTML.level}{depth} ") if depth > DEEPEST else ""

    def _opened(self, nested: Nested, outer: _Parts) -> Optional[_Parts]:
        """Begin the element of a part; ``None`` if it has ended already."""
        block, stack = outer.enter(nested)
        inner = _Parts(block, stack, outer.inside, self.layout, outer.depth + 1)
        found = inner.lines()
        if not found and inner.is_done():
            return None
        title, *lines = found or [[]]
        mark, kind, is_open = self._kind(nested)
        line = [mark, self._level(inner.depth), *self.line(title), self._end_of_title(nested)]
        self.elements += 1
        name = f"{self.prefix}-{self.elements}"
        attributes = f'class="ss-item{kind}"' + self._id(nested, name)
        is_deep = inner.depth > DEEPEST
        is_flat = is_deep or inner.is_done()
        tag = "div" if is_flat else "li"
        below = [part for one in lines for part in self._line(one, inner.depth, tag)]
        if is_flat:
            html = [f'<li {attributes}><div class="ss-title">', *line, "</div>", *below, "</li>"]
            if not self.put(*html):
                return None
            self._remember(nested, name)
            return inner if is_deep else None
        shown = " open" if is_open else ""
        names = [part for part in line if isinstance(part, _Name)]
        words = [part.html if isinstance(part, _Name) else part for part in line]
        html = [f"<li><details {attributes}{shown}><summary>", *words, "</summary>"]
        html.append('<ul class="ss-in">')
        if names:
            html.append(_Links(names))
        if not self.put(*html, *below):
            return None
        self._remember(nested, name)
        inner.close = "</ul></details></li>"
        return inner

    def _kind(self, nested: Nested) -> Tuple[str, str, bool]:
        """The mark before a title, the class of the element, and whether it is open at first."""
        node = nested.drawn[0] if nested.drawn else None
        if isinstance(node, ContextNode):
            return _mark_of(node.context), "", True
        if isinstance(node, (TaskNode, ThreadNode, ItemNode)):
            return "", " ss-node", self.opens or id(node) in self.opened
        if isinstance(node, (LoopNode, Snapshot)):
            return "", "", True
        return "", "", isinstance(node, (FrameNode, Stack)) or node is None

    def _end_of_title(self, nested: Nested) -> str:
        node = nested.drawn[0] if nested.drawn else None
        is_exiting = isinstance(node, ContextNode) and _state_of(node.context) == "exiting"
        return self.span("state", " exiting") if is_exiting else ""

    def _id(self, nested: Nested, name: str) -> str:
        return f' id="{name}"' if any(True for _ in _targets(nested.drawn)) else ""

    def _remember(self, nested: Nested, name: str) -> None:
        """Let the names of what is drawn lead to its element."""
        for target in _targets(nested.drawn):
            self.names.setdefault(id(target), name)
        group = [one for one in nested.drawn if isinstance(one, (TaskNode, ThreadNode, ItemNode))]
        if group:
            self.rows.append(group)
            self.drawn.update(map(id, group))
            for node in group[1:]:  # what is below these is as alike as they are
                if not isinstance(node, ThreadNode):
                    self.drawn.update(map(id, node.walk()))


def _merged(line: Line) -> Iterator[Span]:
    """The pieces of a line. Those that follow each other are one if they are of the same kind."""
    kind, text = "", ""
    for new, span in line:
        if new == "guide" and span in UNWRITTEN:
            continue
        for piece in span.pieces if isinstance(span, Sentence) else (span,):
            if new == kind and not isinstance(piece, Link):
                text += piece
                continue
            if text:
                yield kind, text
            kind, text = new, piece
            if isinstance(piece, Link):
                yield kind, piece
                kind, text = "", ""
    if text:
        yield kind, text


def _targets(drawn: Iterable[object]) -> Iterator[object]:
    """What can be referred to of what an element draws."""
    for node in drawn:
        if isinstance(node, (TaskNode, ThreadNode, ItemNode)):
            target: object = object_of(node)
        else:
            target = node.root if isinstance(node, Stack) else None
        if target is not None:
            yield target


def _state_of(context: Context) -> str:
    return "past" if context.is_past else "exiting" if context.is_exiting else "held"


def _mark_of(context: Context) -> str:
    """The mark of a context manager; none for a heading, such as that of a group's exceptions."""
    is_heading = context.obj is None and context.start_line is None and context.description
    return "" if is_heading else _mark(_state_of(context))


def _mark(state: str) -> str:
    return (
        f'<span class="ss-mark" role="img" aria-label="{state}" title="{state}">'
        f"{MARKS[state]} </span>"
    )


def _escaped(text: str) -> str:
    """Text in which nothing is markup, nor anything else than printable characters."""
    return escape(safe_line(text))


# ---------------------------------------------------------------- source text


def _lexer() -> Optional[Callable[[str], Iterable[Tuple[Any, str]]]]:
    """What makes tokens of source text, if Pygments is installed."""
    try:
        # Not by `pygments.lexers`, which replaces itself in sys.modules while it is imported:
        # another thread may find it incomplete then.
        from pygments.lexers.python import PythonLexer
    except Exception as exc:
        if interrupts(exc):
            raise
        return None
    return PythonLexer(stripnl=False, ensurenl=False).get_tokens


def _highlighted(source: str, lex: Optional[Callable[[str], Iterable[Tuple[Any, str]]]]) -> str:
    if lex is None:
        return _escaped(source)
    try:
        tokens = [(str(kind), text) for kind, text in lex(source)]
    except Exception as exc:  # a filter may be one that somebody has registered
        if interrupts(exc):
            raise
        return _escaped(source)
    if "".join([text for _, text in tokens]) != source:
        return _escaped(source)
    return "".join([_token(kind, text) for kind, text in tokens])


def _token(kind: str, text: str) -> str:
    html = _escaped(text)
    for prefix, attributes in TOKENS:
        if kind.startswith(prefix):
            return f'<span class="{class_of_token(prefix)}">{html}</span>' if attributes else html
    return html


# ------------------------------------------------------------------ the whole


def mimebundle(shown: Shown, include: Any, exclude: Any) -> Dict[str, str]:
    """What a front end may show: text, and HTML.

    Args:
        shown: What to show.
        include: The types that are wanted; without it, those that front ends show.
        exclude: The types that are not wanted.
    """
    wanted = "text/html" in include if include else shows_html()
    wanted = wanted and "text/html" not in (exclude or ())
    bundle = {"text/plain": "\n".join(_text_lines(shown))}
    if wanted:
        bundle["text/html"] = html_of(shown)
    return bundle


def print_pretty(shown: Shown, printer: Any) -> None:
    """Print the text with IPython's pretty printer, indented as what it stands in is.

    Args:
        shown: What to show.
        printer: The printer.
    """
    with printer.group():
        for index, line in enumerate(_text_lines(shown)):
            if index:
                printer.break_()
            printer.text(line)


def _text_lines(shown: Shown) -> List[str]:
    """The text that is shown of something, as lines without their ends."""
    if isinstance(shown, (LoopNode, TaskNode, ThreadNode, ItemNode)):
        lines = format_node(shown, _options())
    else:
        lines = shown.format()
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [HTML.more + count(len(lines) - MOST_LINES, "more line")]
    return [line.rstrip("\n") for line in lines]


@collects_afterwards
def html_of(
    shown: Shown,
    *,
    full: bool = False,
    show_contexts: bool = True,
    show_hidden_frames: bool = False,
    max_alike: Optional[int] = 5,
    fold: bool = True,
    short_paths: bool = True,
    max_bytes: int = MOST_BYTES,
) -> str:
    """See `Snapshot.to_html`."""
    findings = shown.findings if isinstance(shown, Diagnosis) else ()
    options = _options(show_contexts, show_hidden_frames, max_alike, fold, short_paths, findings)
    layout = Layout()
    layout.guides = HTML
    view = _HtmlView(show_contexts, show_hidden_frames)
    drawing = _HtmlDrawing(_snapshot_with(shown), view, layout, options)
    title = _escaped(_title(shown))
    style = f"<style>{style_sheet()}</style>"
    around = html_page(title, "", "", "", _legend()) if full else style
    room = max_bytes - len(around.encode()) - NOTE_ROOM
    nodes = drawing.nodes
    writer = _Writer(
        layout,
        short_paths,
        room * (1 - INDEX_SHARE) if full else room,
        opens=len(nodes) <= MOST_OPEN,
        opened=_opened_at_first(drawing),
    )
    _write_all(shown, drawing, writer)
    alerts, tree = writer.text()
    tree = f'<ul class="ss-tree">{tree}</ul>' if tree else ""
    if writer.is_cut:
        tree += f'<div class="ss-line">{_what_is_missing(nodes, drawing, writer)}</div>'
    if full:
        index = _index(writer, drawing, room - writer.size)
        return html_page(title, alerts, index, tree, _legend())
    return f'<div class="stackscope">{style}{alerts}{tree}</div>'


def _options(
    show_contexts: bool = True,
    show_hidden_frames: bool = False,
    max_alike: Optional[int] = 5,
    fold: bool = True,
    short_paths: bool = True,
    findings: Sequence[Finding] = (),
) -> Options:
    return Options(
        ascii_only=False,
        show_contexts=show_contexts,
        show_hidden_frames=show_hidden_frames,
        max_alike=max_alike,
        overview=False,
        stacks=True,
        fold=fold,
        short_paths=short_paths,
        width=120,
        findings=findings,
    )


def _snapshot_with(shown: Shown) -> Snapshot:
    if isinstance(shown, Diagnosis):
        return shown.snapshot
    if isinstance(shown, Snapshot):
        return shown
    if isinstance(shown, (Stack, Frame, Context)):
        return Snapshot([], [])
    return snapshot_of(shown)


def _write_all(shown: Shown, drawing: _HtmlDrawing, writer: _Writer) -> None:
    """Write the lines that matter most, and then each part, as far as there is room."""
    if not isinstance(shown, (Diagnosis, Snapshot)):
        node: object = shown
        if isinstance(shown, Context):
            node = ContextNode(shown, drawing.view)
        writer.block(Nested(HTML.context, drawing.single(shown), drawn=[node]))
        return
    writer.limit = writer.max_bytes * (1 - SHARE)
    found = [line for line in summary_lines(shown) if line] if isinstance(shown, Diagnosis) else []
    for line in [*found, *drawing.alerts(), *drawing.nothing(), *drawing.frozen()]:
        kind = " ss-warn" if line[0][0] == "alert" else ""
        writer.put(f'<div class="ss-line{kind}">', *writer.line(line), "</div>")
    writer.start = len(writer.parts)
    sections = drawing.sections()
    for section in sections:
        left = writer.max_bytes - writer.size
        writer.limit = writer.size + left * (1 if section is sections[-1] else SHARE)
        writer.block(section)


def _title(shown: Shown) -> str:
    """What a page is called."""
    if isinstance(shown, Diagnosis):
        return f"{count(len(shown.findings), 'finding')}; {_title(shown.snapshot)}"
    if isinstance(shown, Snapshot):
        words = [
            count(len(shown.loops), "loop"),
            count(sum(1 for _ in shown.tasks()), "task"),
            count(len(shown.threads), "thread"),
        ]
        return f"{', '.join(words)}, seen at {time_of_day(shown.taken_at)}"
    if isinstance(shown, (TaskNode, ThreadNode, ItemNode)):
        return cut(node_title(shown), LONGEST_NAME)
    if isinstance(shown, Stack) and shown.root is not None:
        return f"Stack of {task_label(shown.root) or f'a {class_name(shown.root)}'}"
    return type(shown).__name__


def _all_nodes(snapshot: Snapshot) -> Iterator[Node]:
    yield from snapshot.tasks()
    yield from snapshot.threads
    for item in snapshot.items:
        yield from item.walk()


def _opened_at_first(drawing: _HtmlDrawing) -> Set[int]:
    """The ids of what is to be seen though all is folded: circles, holders, and what is around."""
    holders = [one for one in drawing.nodes if id(object_of(one)) in drawing.wanted.holders]
    circles = [node for circle in drawing.snapshot.cycles for node in circle]
    owners = {
        id(child): node
        for node in drawing.nodes
        if not isinstance(node, ThreadNode)
        for child in node.children
    }
    found: Set[int] = set()
    for one in [*circles, *holders[:MOST_OPEN]]:
        node: Optional[Node] = one
        while node is not None and id(node) not in found:
            found.add(id(node))
            node = owners.get(id(node))
    return found


def _what_is_missing(nodes: Sequence[Node], drawing: Drawing, writer: _Writer) -> str:
    """What is said if there was no room for all."""
    missing: Dict[str, int] = {}
    for node in nodes:
        is_idle = isinstance(node, ThreadNode) and drawing.options.fold and is_idle_worker(node)
        if id(node) not in writer.drawn and not is_idle:
            kind = kind_of(node)
            missing[kind] = missing.get(kind, 0) + 1
    words = " and ".join([count(number, kind) for kind, number in missing.items()]) or "some lines"
    return writer.span("alert", f"{HTML.more}left out to save space: {words}")


def _legend() -> str:
    marks = " ".join([f"{_mark(state)}{state}" for state in MARKS])
    return f"Context managers: {marks}"


def _index(writer: _Writer, drawing: _HtmlDrawing, room: float) -> str:
    """A table of all that can be found in a tree, as far as there is room for it."""
    if not writer.rows:
        return ""
    parts: List[str] = []
    for group in writer.rows:
        row = _row(group, writer, drawing)
        room -= len(row.encode())
        if room < 0:
            left = len(writer.rows) - len(parts)
            words = HTML.more + count(left, "more row")
            parts.append(f'<tr><td></td><td colspan="3">{words}</td></tr>')
            break
        parts.append(row)
    shown = " open" if len(parts) <= MOST_INDEXED_OPEN else ""
    head = "".join(
        [f'<th scope="col">{name}</th>' for name in ("Number", "Name", "State", "Place")]
    )
    return (
        f'<nav aria-label="Index"><details{shown}><summary>Index</summary>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(parts)}</tbody></table>"
        "</details></nav>\n"
    )


def _row(group: Sequence[Node], writer: _Writer, drawing: _HtmlDrawing) -> str:
    node = group[0]
    kind = kind_of(node) + "s" * (len(group) > 1)
    numbers = [one.number for one in group if one.number]
    title = f"{kind} {number_range(numbers, HTML.more.rstrip())}" if numbers else kind
    name = cut(node.name if isinstance(node, ItemNode) else task_name(node), LONGEST_NAME)
    if len(group) > 1:
        name = f"{name} and {len(group) - 1} more"
    state = state_parts(group)
    if isinstance(node, ThreadNode) and node.is_here:
        state.state = "takes this snapshot"
    waits = [one.waiting for one in group if one.waiting is not None]
    pieces = [f"{state.state}: ", *wait_pieces(waits)] if waits else [str(state)]
    cells: List[Line] = [
        [*drawing.mark(group), ("number", Link(cut(title, LONGEST_NAME), object_of(node)))],
        [("taskname", name)],
        [*[("text", piece) for piece in pieces], *drawing.wanted.held(group)],
        [("place", cut(place_text(innermost_user_frame(node.stack)), LONGEST_NAME))],
    ]
    return f"<tr>{''.join([f'<td>{writer.html(cell)}</td>' for cell in cells])}</tr>"
