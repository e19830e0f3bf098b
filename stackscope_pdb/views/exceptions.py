"""The exceptions that belong to one, as a table with the members of groups below these."""

from __future__ import annotations

from stackscope.render.stream import padded, width_of
from stackscope.render.words import place_text, shortened
from stackscope.safe.objects import exceptions_in_group
from stackscope.safe.text import class_name, cut, safe_repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from stackscope.render.drawing import Line
    from stackscope_pdb.output.console import Console
    from stackscope_pdb.stop.raised import Raised, Related

MOST_ROWS = 100
"""The most exceptions that are shown."""

WIDEST = 60
"""The longest representation of one."""

NARROWEST = 24
"""The columns that it and the guides get at least, whatever the terminal's width."""

DEEPEST_TREE = 8
"""The levels that are told by indentation. A deeper one is told by its number."""

SHORTEST = 11
"""The columns that it gets at least, however deep it stands."""


def exception_lines(raised: Raised, console: Console) -> Iterator[Line]:
    """The lines that show all exceptions with their numbers, the current one marked."""
    entries = raised.entries()
    shown = entries[:MOST_ROWS]
    width = len(str(len(shown) - 1))
    trees = [_tree(entry.depth, console) for entry in shown]
    places = [_place(entry) for entry in shown]
    room = max(console.width - width - max(map(width_of, places)) - 6, NARROWEST)
    titles = [
        shortened(_title(entry), max(room - width_of(tree), SHORTEST), console.ellipsis)
        for entry, tree in zip(shown, trees)
    ]
    widest = max(width_of(tree) + width_of(title) for tree, title in zip(trees, titles))
    for number, (entry, tree, title) in enumerate(zip(shown, trees, titles)):
        is_current = entry.exception is raised.current
        yield [
            ("current", "> " if is_current else "  "),
            ("number", str(number).rjust(width)),
            ("guide", f" {tree}"),
            ("taskname" if is_current else "text", padded(title, widest - width_of(tree))),
            ("comment", "  "),
            ("place", places[number]),
        ]
    if len(entries) > len(shown):
        yield [("note", f"  {console.ellipsis} up to number {len(entries) - 1}")]


def _tree(depth: int, console: Console) -> str:
    """The guides before an exception."""
    branch, deeper = console.guides.context
    if depth <= DEEPEST_TREE:
        return deeper * (depth - 1) + branch if depth else ""
    return f"{deeper * DEEPEST_TREE}{console.guides.level}{depth} "


def _title(entry: Related) -> str:
    exception = entry.exception
    parts = exceptions_in_group(exception)
    if parts:
        message = BaseException.__dict__["args"].__get__(exception)[:1]
        words = safe_repr(message[0]) if message and type(message[0]) is str else "..."
        text = f"{class_name(exception)} of {len(parts)}: {cut(words, WIDEST)}"
    else:
        text = cut(safe_repr(exception), WIDEST)
    return f"from {text}" if entry.relation == "cause" else text


def _place(entry: Related) -> str:
    """The innermost line of the user's that the exception has passed."""
    from stackscope.snapshot.user_code import innermost_user_frame

    stack = entry.stack()
    return "never raised" if stack is None else place_text(innermost_user_frame(stack))
