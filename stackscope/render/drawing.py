"""From nodes to lines of text: the tree with its guide lines, in Unicode or ASCII.

A line is a list of spans ``(kind, text)``, of which the kinds are those of
`stackscope.render.style.STYLES`, so that it can be coloured; the plain line is all the texts
joined. Lines are made one at a time and without recursion: the depth of a tree is limited by
nothing, and each line takes work in proportion to its length.

The parts of the drawing are *blocks*: iterators over lines and over `Nested` blocks, which stand
deeper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator, List, NamedTuple, Tuple, Union

if TYPE_CHECKING:
    from typing import Iterable, Optional


Span = Tuple[str, str]
Line = List[Span]


class Guides(NamedTuple):
    """The signs of a drawing: what goes before the first line of a part, and before others."""

    frame: Tuple[str, str]
    leaf: str
    context: Tuple[str, str]
    child_in_frame: Tuple[str, str]
    child: Tuple[str, str]
    source: str
    more: str
    ascii_only: bool


UNICODE = Guides(
    frame=("╠ ", "║ "),
    leaf="╚ ",
    context=("├ ", "│ "),
    child_in_frame=("├── ", "│   "),
    child=("─ ", "  "),
    source="└ ",
    more="… ",
    ascii_only=False,
)
ASCII = Guides(
    frame=("+ ", "| "),
    leaf="+ ",
    context=(". ", "  "),
    child_in_frame=("  . ", "    "),
    child=(". ", "  "),
    source="` ",
    more="... ",
    ascii_only=True,
)


FLAT = ("", "")
"""The guides of a block that stands no deeper than the one around it."""


class Layout:
    """How to draw, as opposed to what (which the `View` says).

    Args:
        ascii_only: Use ASCII characters only. Others in names and source text are escaped.
        max_children: Draw at most that many children of a context, and tell how many more there
            are.
        max_depth: Draw at most that many levels of stacks inside stacks, and tell where there are
            more.
    """

    def __init__(
        self,
        ascii_only: bool = False,
        max_children: Optional[int] = None,
        max_depth: Optional[int] = None,
    ) -> None:
        self.guides = ASCII if ascii_only else UNICODE
        self.max_children = max_children
        self.max_depth = max_depth


class Nested:
    """A block that stands deeper than the block it is a part of.

    Args:
        guides: What goes before its first line and before its further lines.
        block: The block.
        stack: The stack that it draws, if it draws one.
    """

    __slots__ = ("block", "guides", "stack")

    def __init__(self, guides: Tuple[str, str], block: Block, stack: object = None) -> None:
        self.guides = guides
        self.block = block
        self.stack = stack


Block = Iterator[Union[Line, Nested]]


class _Level:
    """A block that is being drawn: what goes before its next line, and before those after that."""

    __slots__ = ("block", "first", "rest", "stack")

    def __init__(self, block: Block, first: str, rest: str, stack: object) -> None:
        self.block = block
        self.first = first
        self.rest = rest
        self.stack = stack


def draw(block: Block, layout: Layout) -> Iterator[Line]:
    """The lines of a block and of all blocks in it, with the guides before them."""
    level = _Level(block, "", "", None)
    outer: List[_Level] = []
    stacks: List[int] = []  # the ids of the stacks that we are inside of
    while True:
        part = next(level.block, None)
        if part is None:
            if level.stack is not None:
                stacks.pop()
            if not outer:
                return
            level = outer.pop()
            continue
        prefix = level.first
        level.first = level.rest
        if not isinstance(part, Nested):
            yield [("guide", prefix), *part] if prefix else part
            continue
        first, rest = part.guides
        inner = part.block
        if part.stack is not None:
            omission = _why_omitted(part.stack, stacks, layout)
            if omission:
                inner = iter([[("guide", layout.guides.more), ("note", omission)]])
            stacks.append(id(part.stack))
        outer.append(level)
        level = _Level(inner, prefix + first, level.rest + rest, part.stack)


def _why_omitted(stack: object, inside: List[int], layout: Layout) -> str:
    if layout.max_depth is not None and len(inside) >= layout.max_depth:
        return "deeper levels left out"
    # only a hook can make such a thing; a list is as good as a set, for few stacks are ever nested
    return "the stack around this, again" if id(stack) in inside else ""


def plain(lines: Iterable[Line], layout: Layout) -> List[str]:
    """The lines as strings, each ending in a newline."""
    texts = ["".join([text for _, text in line]) + "\n" for line in lines]
    if layout.guides.ascii_only:
        return [text.encode("ascii", "backslashreplace").decode("ascii") for text in texts]
    return texts
