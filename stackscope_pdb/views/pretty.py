"""Values as lines of a given width, and no more of them than there are rows."""

from __future__ import annotations

from stackscope.render.stream import width_of
from stackscope_pdb.output.harmless import harmless, without_colors
from stackscope_pdb.views.values import Leaf, tree_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, List, Sequence, Tuple

    from stackscope_pdb.views.values import Branch, Item, Node, Piece

    Line = List[Piece]

INDENT = 4

NARROWEST = 20
"""There is always room for that many columns, however deep something is."""

SHORT = 12
"""Where all items are that short, several stand on a line."""

WITHOUT_END = 1_000_000_000
"""More columns than there are."""


class Bounds:
    """How much is shown.

    Args:
        items: The most items of a container, and lines of a text.
        depth: How deep containers may be nested.
        characters: The most characters of one text.
    """

    def __init__(self, items: int, depth: int, characters: int) -> None:
        self.items = items
        self.depth = depth
        self.characters = characters


TIGHTER = (
    Bounds(100, 30, 4_000),
    Bounds(50, 12, 1_000),
    Bounds(20, 8, 400),
    Bounds(10, 6, 200),
    Bounds(5, 4, 120),
    Bounds(3, 3, 80),
)
"""The bounds to try, one after another, until there is room for all that they leave."""


class Shown:
    """What is shown of a value.

    Args:
        lines: The lines.
        is_all: Whether nothing was left out.
    """

    def __init__(self, lines: List[Line], *, is_all: bool) -> None:
        self.lines = lines
        self.is_all = is_all


def shown(value: object, width: int, rows: int, ellipsis: str, first: int = 0) -> Shown:
    """A value, on one line if that is wide enough.

    Args:
        value: Anything.
        width: The columns of a line.
        rows: The most lines.
        ellipsis: What stands for text that was left out.
        first: The columns of the first line that are taken already.

    Raises:
        BaseException: Whatever the ``repr`` of the value itself raises.
    """
    tree = tree_of(value)
    lines: List[Line] = []
    for bounds in TIGHTER:
        layout = _Layout(bounds, width, ellipsis)
        lines = layout.lines(tree, 0, 0, first)
        if sum(_rows(line, width) for line in lines) <= rows:
            return Shown(lines, is_all=layout.is_all)
    return Shown(_first_rows(lines, width, rows, ellipsis), is_all=False)


def shown_on_one_line(value: object, ellipsis: str) -> Shown:
    """A value without line ends but those in a ``repr`` of the program's own.

    Args:
        value: Anything.
        ellipsis: What stands for text that was left out.

    Raises:
        BaseException: Whatever the ``repr`` of the value itself raises.
    """
    layout = _Layout(TIGHTER[0], WITHOUT_END, ellipsis)
    return Shown([_joined(layout.flat(tree_of(value), 0))], is_all=layout.is_all)


def _first_rows(lines: Sequence[Line], width: int, rows: int, ellipsis: str) -> List[Line]:
    kept: List[Line] = []
    for line in lines:
        rows -= _rows(line, width)
        if rows < 1:
            break
        kept.append(line)
    rest = len(lines) - len(kept)
    return [*kept, [("note", f"{ellipsis} {_count(rest, 'more line')}")]]


def _rows(line: Line, width: int) -> int:
    return max(1, -(-_width(line) // max(width, 1)))


def _width(pieces: Iterable[Piece]) -> int:
    return sum(width_of(text) for _, text in pieces)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


class _Layout:
    """Lays a tree out.

    Args:
        bounds: How much is shown.
        width: The columns of a line.
        ellipsis: What stands for text that was left out.
    """

    def __init__(self, bounds: Bounds, width: int, ellipsis: str) -> None:
        self.bounds = bounds
        self.width = width
        self.ellipsis = ellipsis
        self.is_all: bool = True

    # ------------------------------------------------------------------ on one line

    def flat(self, node: Node, depth: int, room: int = WITHOUT_END) -> Line:
        """A node on one line, or at least as much of it as is longer than ``room``."""
        if isinstance(node, Leaf):
            return self._leaf(node)
        items, rest = self._items(node, depth)
        line: Line = [("source", node.opening)]
        for index, item in enumerate(items):
            if room < 0:
                break
            part = [*self._key(item, depth), *self.flat(item[2], depth + 1, room)]
            room -= _width(part) + 2
            line += [("source", ", " if index else ""), *part]
        if rest:
            line += [("source", ", " if items else ""), self._note_on_rest(rest, items)]
        elif len(items) == 1:
            line.append(("source", node.trailing))
        return [*line, ("source", node.closing)]

    def _key(self, item: Item, depth: int) -> Line:
        key, between, _ = item
        return [] if key is None else [*self.flat(key, depth + 1), ("source", between)]

    def _leaf(self, leaf: Leaf) -> Line:
        text, rest = leaf.beginning(self.bounds.characters)
        line: Line = [("source", _harmless(text))]
        if rest:
            self.is_all = False
            line.append(("note", f" {self.ellipsis} {_count(rest, f'more {leaf.unit}')}"))
        return line

    def _items(self, branch: Branch, depth: int) -> Tuple[List[Item], int]:
        most = self.bounds.items if depth < self.bounds.depth else 0
        items = branch.items[:most]
        rest = branch.rest + len(branch.items) - len(items)
        self.is_all = self.is_all and not rest
        return items, rest

    def _note_on_rest(self, rest: int, items: Sequence[Item]) -> Piece:
        return "note", f"{self.ellipsis} {f'{rest:,} more' if items else _count(rest, 'item')}"

    # ------------------------------------------------------------------ on several

    def lines(self, node: Node, depth: int, indent: int, first: int, after: int = 0) -> List[Line]:
        """A node on as many lines as it takes.

        Args:
            node: The node.
            depth: How deep it is.
            indent: The indentation of its last line.
            first: The columns of its first line that are taken.
            after: The columns of its last line that something else takes.
        """
        room = max(self.width - first - after, NARROWEST)
        flat = self.flat(node, depth, room)
        if _width(flat) <= room and not any("\n" in text for _, text in flat):
            return [_joined(flat)]
        if isinstance(node, Leaf):
            found, rest = node.lines(self.bounds.items, self.bounds.characters)
            return self._text(found, rest, node.unit, indent) if found else _split(flat, indent)
        return self._block(node, depth, indent)

    def _block(self, node: Branch, depth: int, indent: int) -> List[Line]:
        items, rest = self._items(node, depth)
        inner = indent + INDENT
        margin: Piece = ("source", " " * inner)
        lines: List[Line] = [[("source", node.opening)]]
        if all(_is_short(item) for item in items):
            lines += self._filled(items, inner)
        else:
            for item in items:
                key = self._key(item, depth)
                first = inner + _width(key)
                found = self.lines(item[2], depth + 1, inner, first, 1)
                found[0] = [margin, *key, *found[0]]
                found[-1].append(("source", ","))
                lines += map(_joined, found)
        if rest:
            lines.append([margin, self._note_on_rest(rest, items)])
        return [*lines, [("source", " " * indent + node.closing)]]

    def _filled(self, items: Sequence[Item], indent: int) -> Iterable[Line]:
        """Short items, as many on each line as it takes."""
        line, width = [" " * indent], indent
        for text in [_harmless(item[2].text) + "," for item in items if isinstance(item[2], Leaf)]:
            if len(line) > 1 and width + width_of(text) > self.width:
                yield [("source", "".join(line).rstrip())]
                line, width = [" " * indent], indent
            line.append(text + " ")
            width += width_of(text) + 1
        if len(line) > 1:
            yield [("source", "".join(line).rstrip())]

    def _text(self, found: Sequence[str], rest: int, unit: str, indent: int) -> List[Line]:
        """A text of several lines, as several literals."""
        margin = " " * (indent + INDENT)
        lines: List[Line] = [[("source", "(")], *[[("source", margin + text)] for text in found]]
        if rest:
            self.is_all = False
            lines.append([("note", f"{margin}{self.ellipsis} {_count(rest, f'more {unit}')}")])
        return [*lines, [("source", " " * indent + ")")]]


def _harmless(text: str) -> str:
    return harmless(without_colors(text))


def _is_short(item: Item) -> bool:
    key, _, value = item
    if key is not None or not isinstance(value, Leaf):
        return False
    return len(value.text) <= SHORT and not value.is_cut and "\n" not in value.text


def _split(line: Line, indent: int) -> List[Line]:
    """What has line ends in it as lines."""
    found: List[Line] = [[]]
    for kind, text in line:
        head, *tail = text.split("\n")
        found[-1].append((kind, head))
        found += [[("source", " " * indent), (kind, part)] for part in tail]
    return [_joined(one) for one in found]


def _joined(line: Line) -> Line:
    """A line with pieces of the same kind put together, so that they are coloured as a whole."""
    found: Line = []
    for kind, text in line:
        if found and found[-1][0] == kind:
            found[-1] = (kind, found[-1][1] + text)
        elif text:
            found.append((kind, text))
    return found
