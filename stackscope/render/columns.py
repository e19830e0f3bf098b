"""Tables of tasks and threads: which columns there are, and what gives way where they don't fit.

Where a terminal is too narrow, these give way, in this order: the source line, the time left and
what else is said of a state, the word "waiting" before a call, the middle of the names, the names
of packages and modules before them, and details of the state. Who holds a lock is never left out,
and neither are the line and the file: these are what one looks for.

The widths of the columns are those that most rows need. A row that needs more has to do with what
is left of the line, and costs the others nothing.
"""

from __future__ import annotations

import sys

from stackscope.render.stream import padded, width_of
from stackscope.render.stuck import SIGN
from stackscope.render.words import shortened
from stackscope.safe.text import safe_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Sequence, Tuple

    from stackscope.render.drawing import Line, Paper
    from stackscope.render.waits import StateParts

NARROWEST_NAME = 12
"""To say what a task waits for in full, names are cut as far as that."""

NARROWEST_DETAIL = 8
"""Where less is left of a detail, it is better left out."""

NARROWEST_SOURCE = 16
"""Where less is left of the line, it is better left empty."""

NONE, FEW, SOME = 0, 10, 3
"""Which rows may need more than the columns have: none, one of ten, one of three."""

MANY = 5
"""In a table of fewer rows, source lines are only shown if there is room for that of each row."""

ACQUIRES = ".acquire()"
"""What one does with a lock or semaphore that is waited for."""

GAP = "  "

ONE = 2
"""The number of forms of the name of a single task or thread; that of a group has more."""

NO_LIMIT = 10_000
"""In the place of a width that isn't to be cut."""


class Row:
    """One row of the table.

    Args:
        number: The number of the task or thread, or the first and last one.
        names: The name in forms each of which is shorter than the one before: see `forms_of_name`.
        state: What it does.
        place: Where its code stands: the function, and what follows that, the line and the file.
        source: The source line there.
        tree: The guides before the name.
        kind: The kind of span that the state is.
        is_current: Whether to mark it.
        change: A sign that says that it has changed, to be put there otherwise.
        is_stuck: Whether to say that it is stuck.
    """

    def __init__(
        self,
        number: str,
        names: Sequence[str],
        state: StateParts,
        place: Tuple[str, str] = ("", ""),
        source: str = "",
        *,
        tree: str = "",
        kind: str = "state",
        is_current: bool = False,
        change: str = "",
        is_stuck: bool = False,
    ) -> None:
        self.number = number
        self.tree = tree
        self.names = names
        self.state = state
        self.kind = kind
        self.place = place
        self.source = source
        self.is_current = is_current
        self.change = change
        self.is_stuck = is_stuck

    def marks(self) -> Line:
        """What stands before its number, in two columns."""
        sign = SIGN if self.is_stuck else ""
        if self.is_current:
            return [("current", ">"), ("alert", sign or " ")]
        return [("alert", f"{self.change}{sign}".ljust(2))]


class Table:
    """Chooses the widths of the columns for some rows, and draws these.

    Args:
        rows: The rows.
        paper: What it is drawn on.
    """

    def __init__(self, rows: Sequence[Row], paper: Paper) -> None:
        self.paper = paper
        self.number: int = max([len(row.number) for row in rows], default=1)
        self.fixed: int = self.number + len("> ") + len(" ")
        self.room: int = paper.width - self.fixed - 2 * len(GAP)
        self.has_sources: bool = False
        self.cuts_names: bool = False
        self.omits_word: bool = False
        self.name: int
        self.state: int
        self.place: int
        self.name, self.state, self.place = self._widths(rows)

    # ------------------------------------------------------------------ widths

    def _widths(self, rows: Sequence[Row]) -> List[int]:
        """The widths of the names, states and places.

        Sets whether there is room for source lines, and for the word before a call, and whether
        names have to be cut.
        """
        whole, bare = (_Column([row.tree + row.names[i] for row in rows]) for i in (0, -1))
        timed, plain, wordless, terse, brief = (
            _Column([form(row.state) for row in rows]) for form in STATES
        )
        place = _Column(["".join(row.place) for row in rows])
        names = states = places = 0
        for_source = len(GAP) + NARROWEST_SOURCE if any(row.source for row in rows) else 0
        few = FEW if len(rows) >= MANY else NONE  # one of three would be torn out of the table
        for name, state, spared, narrowest, shares in (
            (whole, timed, for_source, NO_LIMIT, (NONE, few)),
            (whole, timed, 0, NO_LIMIT, (NONE, few)),
            (whole, plain, 0, NO_LIMIT, (NONE,)),
            (whole, terse, 0, NO_LIMIT, (NONE,)),
            (whole, timed, 0, NO_LIMIT, (FEW, SOME)),
            (whole, terse, 0, NARROWEST_NAME, (NONE, FEW)),
            (bare, terse, 0, NARROWEST_NAME, (NONE, FEW)),
            (bare, brief, 0, NARROWEST_DETAIL, (NONE, FEW)),
        ):
            self.has_sources, self.cuts_names = spared > 0, narrowest < NO_LIMIT
            self.omits_word = state is terse
            for share in shares:
                states, places = state.width(share), place.width(share)
                left = self.room - spared - states - places
                names = min(name.width(share), max(left, narrowest))
                if names > left:
                    continue
                if not spared:  # what is left goes to those that need more
                    most = (wordless if self.omits_word else timed).width(NONE)
                    states = max(states, min(most, states + left - names))
                    names = max(names, min(whole.width(NONE), self.room - states - places))
                return [names, states, places]
        return [names, states, places]

    # -------------------------------------------------------------------- rows

    def line(self, row: Row) -> Line:
        """A row as it is shown."""
        name, state, place = self._cells(row)
        spare = max(self.room - width_of(row.tree + name + state + place), 0)
        behind_name = min(max(self.name - width_of(row.tree + name), 0), spare)
        behind_state = min(max(self.state - width_of(state), 0), spare - behind_name)
        spare -= behind_name + behind_state + max(self.place - width_of(place), 0)
        needed = len(GAP) + min(width_of(row.source), NARROWEST_SOURCE)
        has_source = self.has_sources and spare >= needed > len(GAP)
        return [
            *row.marks(),
            ("number", row.number.rjust(self.number)),
            ("guide", f" {row.tree}"),
            ("taskname", name),
            ("text", " " * behind_name + GAP),
            ("alert" if row.is_stuck else row.kind, state + " " * behind_state + GAP),
            ("place", padded(place, self.place) + GAP if has_source else place),
            ("source", row.source if has_source else ""),
        ]

    def _cells(self, row: Row) -> Tuple[str, str, str]:
        """The name, the state and the place of a row, as far as there is room for them."""
        function, where = row.place
        tree, whole = width_of(row.tree), width_of(row.names[0])
        left = self.room - tree - width_of(function + where)
        parts = row.state.without_word() if self.omits_word else row.state
        state = str(parts)
        if width_of(state) > left - whole:  # else nothing of the row has to be cut
            more = max(width_of(function) - NARROWEST_NAME, 0)
            state = self._state(parts, left - min(whole, self.name - tree) + more)
        if width_of(state) > self.room - tree - width_of(where) - 2:
            state = str(row.state.with_detail(""))
        if self.cuts_names and len(row.names) == ONE:
            whole = min(whole, max(self.name - tree, NARROWEST_DETAIL))
        room = self.room - width_of(state + where) - tree
        name = self._name(row.names, _share(room, whole, width_of(function)))
        if width_of(name + function) > room:
            function = self._short(function, room - width_of(name))
        return name, state, function + where

    def _state(self, state: StateParts, room: int) -> str:
        """The state without the time: as much as the column takes, or what is left of the line."""
        room = max(room, self.state)
        whole = state.without_time()
        if width_of(str(whole)) <= room:
            return str(whole)
        rest = room - width_of(str(whole)) + width_of(whole.detail)
        detail = whole.detail
        if detail.endswith(ACQUIRES) and width_of(detail) > rest:
            detail = detail[: -len(ACQUIRES)]  # what is waited for says it all
        short = shortened(detail, rest, self.paper.ellipsis)
        return str(whole.with_detail(short if rest >= NARROWEST_DETAIL else ""))

    def _name(self, names: Sequence[str], room: int) -> str:
        """The first form of a name for which there is room, or one whose middle is cut out."""
        dots = self.paper.ellipsis
        forms = list(names)
        if len(forms) > ONE:  # both ends of a group, if there is just not enough room for spaces
            forms.insert(-1, forms[-2].replace(f" {dots} ", dots))
        for name in forms:
            if width_of(name) <= room:
                return name
        name = names[0] if len(names) == ONE and room >= NARROWEST_NAME else names[-1]
        return self._short(name, room)

    def _short(self, text: str, room: int) -> str:
        return shortened(text, max(room, 1), self.paper.ellipsis)


def _share(room: int, width: int, other: int) -> int:
    """How much of a room is for a name before a function: the longer one is cut, or both are."""
    half = min(room - room // 2, room - min(other, NARROWEST_DETAIL))
    return min(width, max(room - other, half))


class _Column:
    """How wide the cells of a column are.

    Args:
        cells: All of them.
    """

    def __init__(self, cells: List[str]) -> None:
        self.widths = sorted(map(width_of, cells)) or [0]

    def width(self, share: int) -> int:
        """The width that the column needs for all its cells but a share of them."""
        count = len(self.widths)
        too_wide = max(1, count // share) if share and count > 1 else 0
        return self.widths[count - 1 - too_wide]


def forms_of_name(names: Sequence[str], paper: Paper) -> Sequence[str]:
    """What a row is called: forms each of which is shorter than the one before.

    Args:
        names: The name of one task or thread, or those of many that are alike.
        paper: What it is drawn on.
    """
    first, last = safe_text(names[0]), safe_text(names[-1])
    if len(names) == 1:
        return first, _without_package(first)
    count = f"{len(names)} {paper.times} "
    start, stop = _without_package(first), _without_package(last)
    if first == last:
        return f"{count}{first}", f"{count}{start}", f"{count}{start}"
    dots = paper.ellipsis
    texts = [f"{first} {dots} {last}", f"{start} {dots} {stop}"]
    texts += [f"{start} {dots} {stop[len(_common_beginning(start, stop)) :]}", f"{start}{dots}"]
    return [count + text for text in texts]


def _common_beginning(first: str, last: str) -> str:
    """What two names have in common before their numbers."""
    count = 0
    while count < min(len(first), len(last)) and first[count] == last[count]:
        count += 1
    return first[:count].rstrip("0123456789")


def _without_package(name: str) -> str:
    """A name without that of the module before it: ``crawl.<locals>.fetch`` of ``__main__``."""
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        if ".".join(parts[:count]) in sys.modules:
            return ".".join(parts[count:])
    return name


STATES: Tuple[Callable[[StateParts], str], ...] = (
    str,
    lambda state: str(state.without_time()),
    lambda state: str(state.without_word()),
    lambda state: str(state.without_word().without_time()),
    lambda state: str(state.with_detail("")),
)
"""The forms of a state."""
