"""The exceptions that belong to one, as a table with the members of groups below these."""

from __future__ import annotations

from stackscope.render.safe import class_name, cut, safe_repr
from stackscope_pdb.raised import members
from stackscope_pdb.views.tasks import place_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from stackscope.render.text import Line
    from stackscope_pdb.output.console import Console
    from stackscope_pdb.raised import Entry, Raised

MOST_ROWS = 100
"""Of more exceptions, only so many are shown."""

WIDEST = 60
"""So long may the representation of one be."""

NARROWEST = 24
"""So much of the line it and the guides get, whatever the terminal's width."""


def exception_lines(raised: Raised, console: Console) -> Iterator[Line]:
    """The lines that show all exceptions with their numbers, the current one marked."""
    entries = raised.entries()
    shown = entries[:MOST_ROWS]
    width = len(str(len(shown) - 1))
    branch, deeper = console.guides.context
    trees = [deeper * (entry.depth - 1) + branch if entry.depth else "" for entry in shown]
    places = [_place(entry) for entry in shown]
    room = max(console.width - width - max(map(len, places)) - 6, NARROWEST)
    titles = [_shortened(_title(entry), room - len(tree)) for entry, tree in zip(shown, trees)]
    widest = max(len(tree) + len(title) for tree, title in zip(trees, titles))
    for number, (entry, tree, title) in enumerate(zip(shown, trees, titles)):
        is_current = entry.exception is raised.current
        yield [
            ("current", "> " if is_current else "  "),
            ("number", str(number).rjust(width)),
            ("guide", f" {tree}"),
            ("taskname" if is_current else "text", title.ljust(widest - len(tree))),
            ("comment", "  "),
            ("place", places[number]),
        ]
    if len(entries) > len(shown):
        yield [("note", f"  {console.ellipsis} up to number {len(entries) - 1}")]


def _shortened(text: str, room: int) -> str:
    return text if len(text) <= room else cut(text, max(room - 3, 8))


def _title(entry: Entry) -> str:
    exception = entry.exception
    parts = members(exception)
    if parts:
        message = BaseException.__dict__["args"].__get__(exception)[:1]
        words = safe_repr(message[0]) if message and type(message[0]) is str else "..."
        text = f"{class_name(exception)} of {len(parts)}: {cut(words, WIDEST)}"
    else:
        text = cut(safe_repr(exception), WIDEST)
    return f"from {text}" if entry.relation == "cause" else text


def _place(entry: Entry) -> str:
    """The innermost line of the user's that the exception came by."""
    import stackscope
    from stackscope.snapshot import innermost_user_frame

    if entry.traceback is None:
        return "never raised"
    return place_text(innermost_user_frame(stackscope.extract(entry.traceback)))
