"""Runs of instructions that do no more than change the depth of the stack.

Most instructions are of this kind. What a run does to the depth, and how far down it reaches, is
told by sums over the whole code object, which are made without looking at the instructions one by
one. A run that doesn't reach down to a marked slot is passed over as a whole.
"""

from __future__ import annotations

import dis
import sys
from bisect import bisect_left
from itertools import accumulate
from operator import sub
from typing import (
    TYPE_CHECKING,
    Callable,
    Dict,
    Iterable,
    List,
    Sequence,
    Set,
    Tuple,
)

from stackscope.interpreter.bytecode.instructions import (
    JUMPS,
    HandlerEntry,
    Units,
    effect_of,
)

if TYPE_CHECKING:
    from stackscope.interpreter.bytecode.flow import Generation
    from stackscope.interpreter.bytecode.states import State

Reach = Callable[[int], Tuple[int, int]]
"""By the argument of an operation: how it changes the depth, how many slots it looks at."""

LONGEST = 128
"""How many units there may be between two leaders.

So finding out what holds in between takes no longer, however long the code is.
"""


Turn = Tuple[int, int, int, int, int]
"""A jump, or an instruction that ends the way, without a rule of its own.

Where it jumps, or -1; the next instruction, or -1 if it isn't reached from here; by how much the
depth changes if it jumps; by how much if it doesn't; the lower one of both.
"""


class Runs:
    """The runs of a code object, and the turns between them.

    Attributes:
        size: of the bytecode.
        leaders: the offsets where ways may meet.
        turns: by their offsets.
        entries: for the beginning of each run and turn, its line of the exception table, if any.
        depths: by units, the depth before each, if it were 0 at the start, and every instruction
            led to the next.
    """

    def __init__(
        self,
        units: Units,
        generation: Generation,
        table: Sequence[HandlerEntry],
        bodies: Iterable[int],
    ) -> None:
        self.size: int = units.size
        self._units = units
        self.turns: Dict[int, Turn] = {}
        self.depths: List[int] = []
        self.entries: Dict[int, HandlerEntry] = {}
        self.leaders: Set[int]
        if not generation.has_runs:
            self.leaders = self._alone = set(range(0, self.size, 2))
            for entry in table:
                self.entries.update(dict.fromkeys(range(entry.start, entry.end, 2), entry))
            return
        self.leaders = {0, *bodies, *[entry.target for entry in table]}
        self.leaders.update(map(units.start, range(0, self.size, 2 * LONGEST)))
        tables = _tables_of(generation)
        self._alone = tables.alone_in(units)
        self._find_bounds(self._find_turns(tables), table)
        self._sum_up(tables)

    def _find_turns(self, tables: _Tables) -> List[int]:
        """Find the turns, and where they lead; gives what follows on anything that stands alone."""
        units, leaders = self._units, self.leaders
        code, known, meeting = units.code, tables.turns, tables.meeting
        found = list(map(units.following, self._alone))
        for offset, following in zip(self._alone, found):
            number = code[offset]
            target = -1
            if number in JUMPS:
                target = units.target(offset)
                leaders.add(target)
            if number in meeting:
                leaders.add(following)
            if number in known:
                is_end, taken, passed, lowest = known[number]
                self.turns[offset] = target, -1 if is_end else following, taken, passed, lowest
        return found

    def _find_bounds(self, others: Iterable[int], table: Sequence[HandlerEntry]) -> None:
        """Find where the runs end, and what handles exceptions in them."""
        found = {self.size, *self._alone, *others, *self.leaders}
        for entry in table:
            found.update(entry[:2])
        bounds = sorted(found)
        self._ends = dict(zip(bounds, bounds[1:]))
        for entry in table:
            first, last = bisect_left(bounds, entry.start), bisect_left(bounds, entry.end)
            self.entries.update(dict.fromkeys(bounds[first:last], entry))

    def _sum_up(self, tables: _Tables) -> None:
        """Find the depths, and how far down each of the units reaches from there."""
        changes, reaches = zip(*tables.effects_in(self._units))
        self.depths = [0, *accumulate(changes)]
        self._lowest = list(map(sub, self.depths, reaches))
        self._lows: Dict[int, int] = {}

    def end(self, offset: int, state: State) -> int:
        """Up to where the code from ``offset`` on does no more than change the depth.

        That is ``offset`` itself for an instruction that has to be followed by itself.
        """
        if offset in self._alone:
            return offset
        i, end = offset >> 1, self._ends[offset]
        base = state.depth - self.depths[i]
        low = self._lows.get(i)
        if low is None:
            low = self._lows[i] = min(self._lowest[i : end >> 1])
        if base + low > state.top:
            return end
        k = next(k for k in range(i, end >> 1) if base + self._lowest[k] <= state.top)
        return self._split(offset, 2 * k, end)

    def _split(self, offset: int, middle: int, end: int) -> int:
        """Have runs begin at and behind an instruction that reaches down to a mark."""
        following = self._units.following(middle)
        for start in (middle, following):
            if start < end:
                self._ends[start] = end
                if offset in self.entries:
                    self.entries[start] = self.entries[offset]
        return middle


# ----------------------------------------------------------- what is the same everywhere

_DEEPEST = 1 << 60


class _Tables(Dict[int, Tuple[int, int]]):
    """What a generation of bytecode says about runs.

    The dictionary has, by units as numbers, how they change the depth, and how many slots they look
    at.

    Attributes:
        meeting: those behind which ways meet.
        turns: those of turns → whether they end the way, and the last three fields of `Turn`.
    """

    def __init__(self, generation: Generation) -> None:
        super().__init__()
        self._reach = generation.reach
        ruled = set(generation.rules)
        self.meeting = _numbers(generation.meeting)
        self.turns: Dict[int, Tuple[bool, int, int, int]] = {}
        for number in JUMPS | _numbers(generation.terminal):
            if dis.opname[number] not in ruled:
                self.turns[number] = self._turn(number, generation)
        alone = _numbers(ruled.difference(generation.reach)) | JUMPS | set(self.turns)
        self._alone = bytes(number in alone for number in range(256))

    @staticmethod
    def _turn(number: int, generation: Generation) -> Tuple[bool, int, int, int]:
        op = dis.opname[number]
        is_end = op in generation.terminal or op in generation.jumps_only
        if op in generation.terminal:
            return True, 0, 0, 0
        taken = effect_of(number, 0, jump=True)
        passed = 0 if is_end else effect_of(number, 0, jump=False)
        return is_end, taken, passed, min(taken, passed)

    def __missing__(self, unit: int) -> Tuple[int, int]:
        number, argument = unit.to_bytes(2, sys.byteorder)
        effect = self[unit] = self._effect(number, argument)
        return effect

    def _effect(self, number: int, argument: int) -> Tuple[int, int]:
        reach = self._reach.get(dis.opname[number])
        if reach is not None:
            return reach(argument)
        try:
            change = effect_of(number, argument, jump=False)
        except ValueError:  # no operation; this is looked at only if it is reached
            return 0, _DEEPEST
        return change, max(-change, 0)

    def alone_in(self, units: Units) -> Set[int]:
        """The offsets of the instructions that are followed by themselves."""
        flags = units.opcodes.translate(self._alone)
        found = set()
        i = flags.find(1)
        while i >= 0:
            found.add(2 * i)
            i = flags.find(1, i + 1)
        return found

    def effects_in(self, units: Units) -> List[Tuple[int, int]]:
        """How each of the units changes the depth, and how many slots it looks at."""
        found = list(map(self.__getitem__, memoryview(units.code).cast("H")))
        if units.has_prefixes:
            for i, number in enumerate(units.opcodes[:-1]):
                if number == dis.EXTENDED_ARG:
                    following = units.opcodes[i + 1]
                    found[i + 1] = self._effect(following, units.argument(2 * i + 2))
        return found


_known: List[Tuple[Generation, _Tables]] = []


def _tables_of(generation: Generation) -> _Tables:
    if not _known or _known[0][0] is not generation:
        _known[:] = [(generation, _Tables(generation))]
    return _known[0][1]


def _numbers(operations: Iterable[str]) -> Set[int]:
    return {dis.opmap[op] for op in operations if op in dis.opmap}
