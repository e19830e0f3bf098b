"""Blocks written as HTML elements.

Each `Nested` block is a ``<details>`` if there is something below its lines, which is a list: so
that what stands below what is seen without a style sheet, too.

A name leads to where that task, thread or greenlet is drawn, if it is drawn at all: what is named
before it is drawn gets its link in the end. The parts are written one at a time and without
recursion, until there is no room left.
"""

from __future__ import annotations

import os
from html import escape

from stackscope.model.snapshot import ItemNode, LoopNode, Snapshot, TaskNode, ThreadNode
from stackscope.model.stacks import Context, Stack
from stackscope.render.drawing import FLAT, Layout, Link, Nested, why_omitted
from stackscope.render.fitting import Sentence
from stackscope.render.html_drawing import HTML
from stackscope.render.nodes import ContextNode, FrameNode
from stackscope.render.page import class_of_token
from stackscope.render.paths import short_path
from stackscope.render.style import STYLES, TOKENS
from stackscope.render.words import object_of
from stackscope.safe.interruptions import interrupts
from stackscope.safe.text import cut, safe_line

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


__all__ = ["MARKS", "HtmlWriter", "escaped", "mark"]

DEEPEST = 60
"""The levels of elements. Browsers take some hundreds; what is deeper begins with its level."""

LONGEST_SPAN = 2000
"""The characters of one span."""

LINES_AT_ONCE = 400
"""The lines that are taken from a block before they are written."""

TO = "\N{RIGHTWARDS ARROW}"
"""What stands before the links to what a title names."""

UNWRITTEN = (HTML.frame[0], HTML.context[0])
"""Guides that are told by how elements stand in each other."""

MARKS = {
    "held": "\N{BLACK CIRCLE}",
    "exiting": "\N{CIRCLE WITH LEFT HALF BLACK}",
    "past": "\N{WHITE CIRCLE}",
}
"""What a context manager is marked with."""


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
        while len(found) < LINES_AT_ONCE:
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
        self.html: str = html
        self.target: int = target


class _Links:
    """The names in a title that can be folded, as a line below it.

    A link inside a ``<summary>`` would be something to click on in something to click on: not
    everybody gets at that.
    """

    __slots__ = ("names",)

    def __init__(self, names: Sequence[_Name]) -> None:
        self.names: List[_Name] = list({name.target: name for name in names}.values())


class HtmlWriter:
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
        self.size: int = 0
        self.limit: float = max_bytes
        self.start: int = 0
        self.elements: int = 0
        self.names: Dict[int, str] = {}
        self.rows: List[Sequence[Node]] = []
        self.drawn: Set[int] = set()
        self.is_cut: bool = False
        self.is_full: bool = False
        # Two outputs in one notebook may come from two processes.
        self.prefix: str = f"ss{os.urandom(5).hex()}"
        self.paths: Dict[str, str] = {}
        self.sources: Dict[str, str] = {}
        self.tokens: Optional[Callable[[str], Iterable[Tuple[Any, str]]]] = _lexer()

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
        html = escaped(cut(text, LONGEST_SPAN))
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
    return "" if is_heading else mark(_state_of(context))


def mark(state: str) -> str:
    """The mark of a context manager in a state of `MARKS`, as an element."""
    return (
        f'<span class="ss-mark" role="img" aria-label="{state}" title="{state}">'
        f"{MARKS[state]} </span>"
    )


def escaped(text: str) -> str:
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
        return escaped(source)
    try:
        tokens = [(str(kind), text) for kind, text in lex(source)]
    except Exception as exc:  # a filter may be one that somebody has registered
        if interrupts(exc):
            raise
        return escaped(source)
    if "".join([text for _, text in tokens]) != source:
        return escaped(source)
    return "".join([_token(kind, text) for kind, text in tokens])


def _token(kind: str, text: str) -> str:
    html = escaped(text)
    for prefix, attributes in TOKENS:
        if kind.startswith(prefix):
            return f'<span class="{class_of_token(prefix)}">{html}</span>' if attributes else html
    return html
