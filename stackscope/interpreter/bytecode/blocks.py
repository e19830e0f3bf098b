"""What the analysis of a code object gives: its `with` blocks and where each is active."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from stackscope.interpreter.facts import NULLS_ABOVE_AWAITED

if TYPE_CHECKING:
    from stackscope.interpreter.bytecode.lines import KeywordLines


class Block:
    """One item of a ``with`` or ``async with`` statement.

    Attributes:
        opener: offset of the instruction that fetches the exit method.
        is_async: whether it belongs to an ``async with``.
        line: line of the item; `None` if the code has no lines.
        keywords: what finds the ``with`` keyword of the item, where that may stand on another line.
        varname: the ``as`` target in normal form, `None` if there is none (see
            `has_target`) or if it can't be written back.
        has_target: whether there is an ``as`` clause.
        handler: offset of the exception handler that calls the exit method.
        level: up to 3.10, the depth that the handler cuts the stack to; see `Site.handlers`.
        exit_name: ``"__exit__"`` or ``"__aexit__"``.
    """

    __slots__ = (
        "opener",
        "is_async",
        "exit_name",
        "line",
        "keywords",
        "varname",
        "has_target",
        "handler",
        "level",
        "body",
    )

    def __init__(self, opener: int, is_async: bool) -> None:
        self.opener: int = opener
        self.is_async: bool = is_async
        self.exit_name = "__aexit__" if is_async else "__exit__"
        self.line: Optional[int] = None
        self.keywords: Optional[KeywordLines] = None
        self.varname: Optional[str] = None
        self.has_target: bool = False
        self.handler: int = -1
        self.level: int = -1
        # Offset of the first instruction after the enter method has returned.
        self.body: int = -1

    @property
    def start_line(self) -> Optional[int]:
        """The line of the ``with`` keyword. The source is read for it, where need be."""
        return self.find_start_line()

    def find_start_line(self) -> Optional[int]:
        """The same."""
        if self.line is None or self.keywords is None:
            return self.line
        return self.keywords.of_item(self.line)

    def __repr__(self) -> str:
        kind = "async with" if self.is_async else "with"
        return f"<{kind} block at {self.opener}, line {self.line}, as {self.varname}>"


class Live(NamedTuple):
    """An active block, and where it is on the value stack.

    Attributes:
        block: the block.
        slot: the slot that holds its exit callable.
        self_slot: the slot that holds the manager or NULL, where the interpreter keeps the two
            apart (3.14+); else -1.
    """

    block: Block
    slot: int
    self_slot: int


class Exiting(NamedTuple):
    """The block whose exit method has been called and has not yet returned.

    Attributes:
        block: the block.
        slot: the slot that still holds the exit callable, or -1.
        self_slot: the slot that still holds the manager or NULL (3.14+), or -1.
        awaitable: the slot that holds what ``__aexit__`` returned, or -1.
    """

    block: Block
    slot: int
    self_slot: int
    awaitable: int


IN_FINALLY = -2
"""Stands for a handler's offset where a ``finally`` body of 3.8 begins."""


class Handler(NamedTuple):
    """An exception handler that is in force: its offset, and the depth it cuts the stack to."""

    offset: int
    level: int


class Site(NamedTuple):
    """What holds while the instruction at some offset runs, or its frame is suspended there.

    Attributes:
        live: active blocks whose exit has not been called, outermost first.
        exiting: the block that is being left, if any.
        depth: how many slots of the value stack are in use before the instruction.
        intact: how many of them the instruction leaves alone while it runs.
        handlers: exception handlers in force, outermost first. Up to 3.10 this is the block stack,
            with an offset of -1 for each exception that is being handled. On 3.8 there is also
            `IN_FINALLY` for each ``finally`` body. What is above that is for the way into the body
            that puts least on the stack, one value; on other ways it is one or five slots higher
            (and with five there is an exception on the block stack).
        reads: for each live block, which slot of the frame, the variables' included, leads to its
            manager: the manager's own or else its exit callable's.
        nameless: whether a live block has no ``as`` clause.
        used: how many slots of the frame are in use while the frame waits for a callee.
    """

    live: Tuple[Live, ...]
    exiting: Optional[Exiting]
    depth: int
    intact: int
    handlers: Tuple[Handler, ...]
    reads: Tuple[int, ...]
    nameless: bool
    used: int


class Place(NamedTuple):
    """Where an active block is on the value stack of a suspended coroutine, NULLs left out.

    Attributes:
        slot: that of its exit callable, counted from the top: -1 holds what is awaited.
        self_slot: that of the manager, where the interpreter keeps the two apart; else 0.
        exit_name: as for the block.
        has_target: as for the block.
        is_async: as for the block.
        varname: as for the block.
        line: as for the block.
        find_start_line: that of the block, if its line isn't that of its keyword; else `None`.
    """

    slot: int
    self_slot: int
    exit_name: str
    has_target: bool
    is_async: bool
    varname: Optional[str]
    line: Optional[int]
    find_start_line: Optional[Callable[[], Optional[int]]]


class Plan:
    """Where the active blocks are on the value stack of a coroutine that awaits something.

    Attributes:
        places: those of the blocks, outermost first, without the one that is being left.
        leaving: the block whose exit method is what the coroutine awaits, if any.
        is_complete: whether these are all blocks. Else it can't be told without knowing what is
            NULL, or on which way the coroutine has come.
        named: what to look through for managers that belong to a block without ``as`` clause: from
            and to which place, counted as the slots. The variables are among that.
        in_cells: whether some of these variables are in cells.
    """

    __slots__ = ("places", "leaving", "is_complete", "named", "in_cells")

    def __init__(
        self,
        places: Tuple[Place, ...] = (),
        leaving: Optional[Block] = None,
        is_complete: bool = False,
        named: Optional[Tuple[int, int]] = None,
        in_cells: bool = False,
    ) -> None:
        self.places: Tuple[Place, ...] = places
        self.leaving: Optional[Block] = leaving
        self.is_complete: bool = is_complete
        self.named: Optional[Tuple[int, int]] = named
        self.in_cells: bool = in_cells


def _plan_of_leaving(sites: Tuple[Site, ...]) -> Plan:
    """The same where one piece of code leaves a block with and without an exception (3.8)."""
    left: Optional[Block] = None
    for site in sites:
        exiting = site.exiting
        if site.live or exiting is None or exiting.awaitable < 0:
            return Plan()
        if left is not None and exiting.block is not left:
            return Plan()
        left = exiting.block
    if left is None or not left.has_target:  # without a target, the variables are to be searched
        return Plan()
    return Plan((), left, True)


class CodeAnalysis:
    """The `with` blocks of one code object. Holds no reference to the code object.

    Attributes:
        blocks: all blocks, in order of their opening instruction.
        sites: by ``offset // 2``, the possible `Site` values: none for unreachable code, several
            only on 3.8, where one piece of code leaves a block with and without an exception. They
            are found out when they are asked for.
        names: of the variables that a frame has slots for, in order of the slots. The value stack
            follows them.
        in_slots: whether these are all variables. Those of a module or a class body aren't.
        cells: the slots that hold cells, and these the values.
        keepers: what `stackscope.interpreter.bytecode.keepers` has found out so far.
        plans: what `plan_at` has found out so far, by ``f_lasti``.
    """

    __slots__ = ("blocks", "sites", "names", "in_slots", "cells", "keepers", "plans")

    def __init__(
        self,
        blocks: List[Block],
        sites: Dict[int, Tuple[Site, ...]],
        names: Tuple[str, ...],
        in_slots: bool = False,
        cells: Tuple[int, ...] = (),
    ) -> None:
        self.blocks: List[Block] = blocks
        self.sites: Dict[int, Tuple[Site, ...]] = sites
        self.names: Tuple[str, ...] = names
        self.in_slots: bool = in_slots
        self.cells: Tuple[int, ...] = cells
        self.keepers: Dict[Tuple[int, bool], Any] = {}
        self.plans: Dict[int, Plan] = {}

    def at(self, lasti: int) -> Tuple[Site, ...]:
        """The possible sites of a frame whose ``f_lasti`` is ``lasti``."""
        return self.sites[lasti >> 1]

    def plan_at(self, lasti: int) -> Plan:
        """Where the blocks are while a coroutine of this code awaits something at ``lasti``."""
        sites = self.at(lasti)
        plan = self._plan(sites[0]) if len(sites) == 1 else _plan_of_leaving(sites)
        self.plans[lasti] = plan
        return plan

    def _plan(self, site: Site) -> Plan:
        exiting = site.exiting
        leaving = None if exiting is None else exiting.block
        is_nameless = site.nameless or (leaving is not None and not leaving.has_target)
        if is_nameless and not self.in_slots:
            return Plan()
        slots = site.used - NULLS_ABOVE_AWAITED
        depth = slots - len(self.names)
        above = depth - 1
        if exiting is not None and exiting.awaitable != above:
            return Plan()
        places = []
        for block, slot, self_slot in reversed(site.live):
            if max(slot, self_slot) != above - 1:
                return Plan()  # there is something between, which may be NULL
            above = slot if self_slot < 0 else min(slot, self_slot)
            own = 0 if self_slot < 0 else self_slot - depth
            places.append(
                Place(
                    slot - depth,
                    own,
                    block.exit_name,
                    block.has_target,
                    block.is_async,
                    block.varname,
                    block.line,
                    None if block.keywords is None else block.find_start_line,
                )
            )
        named = (-slots, above - depth) if is_nameless else None
        return Plan(tuple(reversed(places)), leaving, True, named, bool(self.cells))

    def past(self, lasti: int) -> Optional[Site]:
        """The site of a frame that an exception left at ``lasti``; `None` for unreachable code.

        Of several ways to get there (on 3.8) the one with the fewest blocks: those that are open on
        all of them.
        """
        return min(self.at(lasti), key=lambda site: len(site.live), default=None)


class _NoSites(Dict[int, Tuple[Site, ...]]):
    def __missing__(self, unit: int) -> Tuple[Site, ...]:
        return ()


NO_BLOCKS = CodeAnalysis([], _NoSites(), ())
