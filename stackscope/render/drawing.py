"""From nodes to lines of text: the tree with its guide lines, in Unicode or ASCII.

A line is a list of spans ``(kind, text)``, of which the kinds are those of
`stackscope.render.style.STYLES`, so that it can be coloured; the plain line is all the texts
joined. Lines are made one at a time and without recursion: the depth of a tree is limited by
nothing, and each line takes work in proportion to its length. What stands deeper than `WIDEST`
columns is indented no further: each of its lines begins with its level, as a number.

The parts of the drawing are *blocks*: iterators over lines and over `Nested` blocks, which stand
deeper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator, List, NamedTuple, Sequence, Tuple, Union

from stackscope.render.style import styled

if TYPE_CHECKING:
    from typing import Iterable, Optional, Protocol, Set, TypeVar

    T = TypeVar("T")

    class Paper(Protocol):
        """What tables are drawn on: a `Layout`, or a terminal."""

        @property
        def guides(self) -> Guides: ...

        @property
        def width(self) -> int: ...

        @property
        def ellipsis(self) -> str: ...

        @property
        def times(self) -> str: ...


WIDEST = 40
"""The most columns of guide lines before a line."""

MOST_FRAMES = 1000
"""How many frames of a stack are drawn, unless all are asked for."""

DEEPEST = 300
"""How many levels of parts inside parts are drawn then: frames, contexts, children."""

MOST_LINES = 10_000
"""After this number of lines, no stack inside another one is begun then."""

Span = Tuple[str, str]
Line = List[Span]
"""A line of a drawing: its pieces, each with its kind."""

Words = Tuple[Sequence[str], Sequence[str]]
"""A line as the kinds of its spans, and their texts: where there are many lines, that costs less.
"""


class Guides(NamedTuple):
    """The signs of a drawing: what goes before the first line of a part, and before others."""

    frame: Tuple[str, str]
    leaf: str
    context: Tuple[str, str]
    child_in_frame: Tuple[str, str]
    child: Tuple[str, str]
    source: str
    more: str
    level: str
    ascii_only: bool


UNICODE = Guides(
    frame=("╠ ", "║ "),
    leaf="╚ ",
    context=("├ ", "│ "),
    child_in_frame=("├── ", "│   "),
    child=("─ ", "  "),
    source="└ ",
    more="… ",
    level="⋮",
    ascii_only=False,
)
"""The signs of a drawing with box-drawing characters."""

ASCII = Guides(
    frame=("+ ", "| "),
    leaf="+ ",
    context=(". ", "  "),
    child_in_frame=("  . ", "    "),
    child=(". ", "  "),
    source="` ",
    more="... ",
    level=":",
    ascii_only=True,
)
"""The signs of a drawing in ASCII."""


FLAT = ("", "")
"""The guides of a block that stands no deeper than the one around it."""


class Layout:
    """How to draw, as opposed to what (which the `View` says).

    Args:
        ascii_only: Use ASCII characters only. Others in names and source text are escaped.
        max_children: Draw at most that many children of a context, and tell how many more there
            are.
        width: How many columns a table takes at most.
        max_frames: Draw at most that many frames of a stack, the outermost and the innermost ones,
            and tell how many are left out.
        max_depth: Draw at most that many levels of parts inside parts, and tell where there are
            more.
        max_lines: Begin no stack inside another one once that many lines are drawn. A line says
            where one is left out.

    Attributes:
        drawn: How many lines are drawn so far.
    """

    def __init__(
        self,
        ascii_only: bool = False,
        max_children: Optional[int] = None,
        width: int = 120,
        max_frames: Optional[int] = None,
        max_depth: Optional[int] = None,
        max_lines: Optional[int] = None,
    ) -> None:
        self.guides: Guides = ASCII if ascii_only else UNICODE
        self.max_children = max_children
        self.width = width
        self.max_frames = max_frames
        self.max_depth = max_depth
        self.max_lines = max_lines
        self.drawn = 0

    @property
    def is_full(self) -> bool:
        """Whether enough lines are drawn: no other stack is begun."""
        return self.max_lines is not None and self.drawn >= self.max_lines

    @property
    def ellipsis(self) -> str:
        """What stands for text that was left out."""
        return self.guides.more.rstrip()

    @property
    def times(self) -> str:
        """What is between a count and what is counted."""
        return "x" if self.guides.ascii_only else "\N{MULTIPLICATION SIGN}"


class Link(str):
    """The text of a span that names something that may be drawn elsewhere.

    Args:
        text: The text.
        target: What it names: the object that is a task, a thread or the like.
    """

    __slots__ = ("target",)

    target: object

    def __new__(cls, text: str, target: object) -> Link:
        self = super().__new__(cls, text)
        self.target = target
        return self


class Nested:
    """A block that stands deeper than the block it is a part of.

    Args:
        guides: What goes before its first line and before its further lines.
        block: The block.
        stack: The stack that it draws, if it draws one.
        drawn: What it draws: nodes, of which those after the first one are only counted.
    """

    __slots__ = ("block", "drawn", "guides", "stack")

    def __init__(
        self,
        guides: Tuple[str, str],
        block: Block,
        stack: object = None,
        drawn: Sequence[object] = (),
    ) -> None:
        self.guides: Tuple[str, str] = guides
        self.block: Block = block
        self.stack: object = stack
        self.drawn: Sequence[object] = drawn


class Simple(Nested):
    """A frame with nothing but lines in it, as most are: it is drawn without ado.

    Args:
        guides: What goes before its first line and before its further lines.
        title: Its first line.
        contexts: A line for each of its contexts.
        before_context: What goes before each of these.
        source: The line below them, with its guide.
    """

    __slots__ = ("before_context", "contexts", "source", "title")

    def __init__(
        self,
        guides: Tuple[str, str],
        title: Words,
        contexts: Sequence[Words],
        before_context: Tuple[str, str],
        source: Optional[Words],
    ) -> None:
        self.guides = guides
        self.block = _NO_PARTS
        self.stack: object = None
        self.drawn: Sequence[object] = ()
        self.title: Words = title
        self.contexts: Sequence[Words] = contexts
        self.before_context: Tuple[str, str] = before_context
        self.source: Optional[Words] = source

    def parts(self) -> Block:
        """The same as the parts of a block like others."""
        yield spans(self.title)
        for words in self.contexts:
            yield Nested(self.before_context, iter([spans(words)]))
        if self.source is not None:
            yield spans(self.source)


Block = Iterator[Union[Line, Nested]]
"""The lines of a drawing, and the blocks inside it, one by one."""

_NO_PARTS: Block = iter(())


class _Level:
    """A block that is being drawn: what goes before its next line, and before those after that.

    Args:
        block: The block.
        first: What goes before its next line.
        rest: What goes before others.
        stack: The id of the stack that it draws, or 0.
        depth: How many blocks it stands inside, flat ones not counted.
        base: What goes before the number of a level; ``None`` where levels are told by indentation.
    """

    __slots__ = ("base", "block", "depth", "first", "rest", "stack")

    def __init__(
        self, block: Block, first: str, rest: str, stack: int, depth: int, base: Optional[str]
    ) -> None:
        self.block = block
        self.first = first
        self.rest = rest
        self.stack = stack
        self.depth = depth
        self.base = base

    def deeper(self, block: Block, guides: Tuple[str, str], stack: int, sign: str) -> _Level:
        """The level of a block inside this one."""
        if guides == FLAT:
            return _Level(block, self.first, self.rest, stack, self.depth, self.base)
        depth, base = self.depth + 1, self.base
        first, rest = self.first, self.rest
        if base is not None or len(rest) + len(guides[0]) > WIDEST:
            base = rest if base is None else base
            first = rest = f"{base}{sign}{depth} "
        return _Level(block, first + guides[0], rest + guides[1], stack, depth, base)


def bounded(ascii_only: bool, max_children: int, width: int = 120) -> Layout:
    """How to draw with bounds, whatever is to be drawn.

    Args:
        ascii_only: As that of a `Layout`.
        max_children: As that of a `Layout`.
        width: As that of a `Layout`.
    """
    return Layout(ascii_only, max_children, width, MOST_FRAMES, DEEPEST, MOST_LINES)


def ends(items: Sequence[T], most: Optional[int]) -> Tuple[Sequence[T], int, Sequence[T]]:
    """The first and the last items, and how many there are between them.

    Args:
        items: What there is.
        most: How many to take; ``None`` takes all.
    """
    if most is None or len(items) <= most:
        return items, 0, ()
    first = most // 2
    return items[:first], len(items) - most, items[first - most :]


def left_out(number: int, layout: Layout, guide: str = "", noun: str = "") -> Line:
    """The line that says how much isn't drawn in its place.

    Args:
        number: How much that is.
        layout: How to draw.
        guide: What goes before the line.
        noun: What one of it is called, if that isn't clear.
    """
    words = f"{number:,} more {noun}{'s' * (number > 1)}" if noun else f"{number:,} more"
    return [("guide", guide + layout.guides.more), ("note", words)]


def spans(words: Union[Line, Words]) -> Line:
    """A line in the usual form."""
    return list(zip(*words)) if type(words) is tuple else words  # type: ignore[return-value]


def draw(block: Block, layout: Layout) -> Iterator[Line]:
    """The lines of a block and of all blocks in it, with the guides before them."""
    for before, words in _placed(block, layout):
        line = spans(words)
        yield [("guide", before), *line] if before else line


def texts(block: Block, layout: Layout) -> Iterator[str]:
    """The same lines as strings, each ending in a newline."""
    ascii_only = layout.guides.ascii_only
    for before, line in _placed(block, layout):
        parts = line[1] if type(line) is tuple else [text for _, text in line]
        text = f"{before}{''.join(parts)}\n"
        yield _as_ascii(text) if ascii_only else text


def _placed(block: Block, layout: Layout) -> Iterator[Tuple[str, Union[Line, Words]]]:
    """The lines of a block and of all blocks in it, each with what goes before it."""
    sign = layout.guides.level
    level = _Level(block, "", "", 0, 0, None)
    outer: List[_Level] = []
    inside: Set[int] = set()  # the ids of the stacks that we are inside
    while True:
        for part in level.block:
            if type(part) is list:
                layout.drawn += 1
                yield level.first, part
                level.first = level.rest
                continue
            if type(part) is Simple:
                rest = level.rest
                first_guide, guide = part.guides
                before_context = part.before_context[0]
                if level.base is None and len(rest) + len(guide + before_context) <= WIDEST:
                    yield level.first + first_guide, part.title
                    level.first = rest
                    rest += guide
                    layout.drawn += 2 + len(part.contexts)
                    if part.contexts:
                        before = rest + before_context
                        for words in part.contexts:
                            yield before, words
                    if part.source is not None:
                        yield rest, part.source
                    continue
            break
        else:
            inside.discard(level.stack)
            if not outer:
                return
            level = outer.pop()
            continue
        assert isinstance(part, Nested)
        inner = part.parts() if type(part) is Simple else part.block
        stack = 0
        if layout.max_depth is not None and level.depth >= layout.max_depth:
            inner = iter([[("guide", layout.guides.more), ("note", DEEPER)]])
        elif part.stack is not None:
            stack = id(part.stack)
            omission = why_omitted(stack, inside, layout)
            if omission:
                inner, stack = iter([[("guide", layout.guides.more), ("note", omission)]]), 0
            else:
                inside.add(stack)
        outer.append(level)
        level = level.deeper(inner, part.guides, stack, sign)
        outer[-1].first = outer[-1].rest


DEEPER = "deeper levels left out"


def why_omitted(stack: int, inside: Set[int], layout: Layout) -> str:
    """Why a stack isn't drawn inside others; empty if it is.

    Args:
        stack: The id of the stack.
        inside: The ids of those around it.
        layout: How to draw.
    """
    if inside and layout.is_full:
        return "left out, for there is so much"
    # only a hook can make such a thing
    return "the stack around this, again" if stack in inside else ""


def plain(lines: Iterable[Line], layout: Layout, *, color: bool = False) -> List[str]:
    """The lines as strings, each ending in a newline; with ANSI escape sequences for colours."""
    if color:
        found = [styled(line) + "\n" for line in lines]
    else:
        found = ["".join([text for _, text in line]) + "\n" for line in lines]
    return list(map(_as_ascii, found)) if layout.guides.ascii_only else found


def _as_ascii(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("ascii", "backslashreplace").decode("ascii")
