"""What a function has acquired, and will release: ``lock.acquire()``, not in a ``with`` statement.

A pass through the code finds out where on all ways an expression's ``acquire()`` has been called,
and its ``release()`` not since. It counts only if the function has such a ``release()`` at all.
"""

from __future__ import annotations

from bisect import bisect_right
from types import CodeType
from typing import Dict, FrozenSet, List, Optional, Tuple

from stackscope.interpreter.bytecode.analyze import GENERATION
from stackscope.interpreter.bytecode.instructions import decode, exception_table, names_in
from stackscope.interpreter.facts import BYTECODE_IS_KNOWN, HAS_EXCEPTION_TABLE

__all__ = ["ACQUIRES", "RELEASES", "Held", "acquired_in"]

Path = Tuple[str, ...]
"""The name of a variable, and of attributes of what it holds."""

ACQUIRES = frozenset(["acquire", "__enter__", "__aenter__"])
RELEASES = frozenset(["release", "__exit__", "__aexit__"])

FARTHEST = 40
"""How many instructions there may be from ``acquire`` to what becomes of its result."""

_LOADS = ("LOAD_FAST", "LOAD_NAME", "LOAD_GLOBAL", "LOAD_DEREF", "LOAD_CLASSDEREF")
_STORES = ("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF", "DELETE_")
_BETWEEN = (
    *("LOAD_", "CALL", "KW_NAMES", "PRECALL", "PUSH_NULL", "GET_AWAITABLE", "SEND", "YIELD_"),
    *("RESUME", "JUMP_BACKWARD_NO_INTERRUPT", "JUMP_NO_INTERRUPT", "CLEANUP_THROW", "END_SEND"),
    *("NOP", "CACHE", "EXTENDED_ARG", "TO_BOOL", "NOT_TAKEN", "BUILD_", "SETUP_FINALLY"),
    "POP_BLOCK",
)
_NOTHING = ("CACHE", "EXTENDED_ARG", "NOP", "PUSH_NULL", "NOT_TAKEN", "COPY_FREE_VARS")

_NONE: FrozenSet[Path] = frozenset()


class Held:
    """What a function holds at each of its instructions.

    Attributes:
        at_end: What it has acquired where it returns, and not released.
        released: What it calls a ``release()`` of.
    """

    __slots__ = ("_offsets", "_states", "at_end", "released")

    def __init__(
        self,
        offsets: List[int],
        states: List[FrozenSet[Path]],
        at_end: FrozenSet[Path],
        released: FrozenSet[Path],
    ) -> None:
        self._offsets = offsets
        self._states = states
        self.at_end: FrozenSet[Path] = at_end
        self.released: FrozenSet[Path] = released

    def at(self, lasti: int) -> FrozenSet[Path]:
        """What is held while the instruction at an offset, or in a cache of it, runs."""
        index = bisect_right(self._offsets, lasti) - 1
        return self._states[index] & self.released if index >= 0 else _NONE


NOTHING_HELD = Held([], [], _NONE, _NONE)


def acquired_in(code: CodeType) -> Held:
    """What is held at each instruction of a function. Not remembered."""
    names = code.co_names
    if not BYTECODE_IS_KNOWN or not any(name in ACQUIRES or name in RELEASES for name in names):
        return NOTHING_HELD
    return _Pass(code).run()


class _Pass:
    """One pass through the code of a function."""

    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.instructions = decode(code)
        self.index = {ins.offset: i for i, ins in enumerate(self.instructions)}
        self.acquired: Dict[int, Path] = {}
        """What is held once the instruction with that index is done: it drops the result."""
        self.tested: Dict[int, Tuple[Path, bool]] = {}
        """What is held behind a jump with that index, and whether it is if it jumps."""
        self.released: Dict[int, Path] = {}
        self.bound: Dict[int, List[str]] = {}
        """The names that get another value."""

    def run(self) -> Held:
        """What is held where."""
        self.read()
        states = self.flow() if self.acquired or self.tested else {}
        ends = [
            states[i]
            for i, ins in enumerate(self.instructions)
            if i in states and ins.op.startswith("RETURN_") and ins.op != "RETURN_GENERATOR"
        ]
        return Held(
            [ins.offset for ins in self.instructions] if states else [],
            [states.get(i, _NONE) for i in range(len(self.instructions))] if states else [],
            frozenset.intersection(*ends) if ends else _NONE,
            frozenset(self.released.values()),
        )

    def read(self) -> None:
        """Find the calls, and what changes the meaning of a name."""
        path: Optional[Path] = None
        for i, ins in enumerate(self.instructions):
            if ins.op in _NOTHING:
                continue
            names = names_in(ins)
            if ins.op.startswith(_STORES):
                self.bound[i] = names[:1] if "_LOAD_FAST" in ins.op else names
                path = (names[-1],) if "_LOAD_FAST" in ins.op else None
            elif ins.op.startswith(_LOADS) and names:
                path = (names[-1],)
            elif ins.op in ("LOAD_ATTR", "LOAD_METHOD") and path is not None and names:
                if names[0] in RELEASES:
                    self.released[i] = path
                elif names[0] in ACQUIRES:
                    self.note_acquire(i, path)
                path = (*path, names[0])
            else:
                path = None

    def note_acquire(self, start: int, path: Path) -> None:
        """Find out what becomes of the result of a call."""
        for i in range(start + 1, min(start + FARTHEST, len(self.instructions))):
            op = self.instructions[i].op
            if op == "POP_TOP":
                self.acquired[i] = path
                return
            if op.startswith("POP_JUMP") and op.endswith(("_TRUE", "_FALSE")):
                self.tested[i] = (path, op.endswith("_TRUE"))
                return
            if not op.startswith(_BETWEEN):
                return

    def flow(self) -> Dict[int, FrozenSet[Path]]:
        """What is held before each instruction on all ways that lead to it, by its index."""
        handlers = self.handlers()
        states: Dict[int, FrozenSet[Path]] = {0: _NONE}
        todo = [0]
        while todo:
            i = todo.pop()
            state = states[i]
            for target, after in self.successors(i, state):
                _meet(states, todo, target, after)
            handler = handlers.get(i)
            if handler is not None:
                _meet(states, todo, handler, state)
        return states

    def successors(self, i: int, state: FrozenSet[Path]) -> List[Tuple[int, FrozenSet[Path]]]:
        """Where it may go on after an instruction, and what is held there."""
        ins = self.instructions[i]
        if i in self.bound:
            state = frozenset([path for path in state if path[0] not in self.bound[i]])
        if i in self.released:
            state -= {self.released[i]}
        after = state | {self.acquired[i]} if i in self.acquired else state
        jumped = after
        if i in self.tested:
            path, if_jumped = self.tested[i]
            jumped = state | {path} if if_jumped else state
            after = state if if_jumped else state | {path}
        found = []
        is_handler = ins.op.startswith("SETUP_")
        if ins.target is not None and not is_handler:
            found.append((self.index[ins.target], jumped))
        if ins.op == "CALL_FINALLY":
            after = _NONE  # what its body does isn't followed (3.8)
        if ins.op not in GENERATION.terminal and ins.op not in GENERATION.jumps_only:
            found.append((i + 1, after))
        return [(target, held) for target, held in found if target < len(self.instructions)]

    def handlers(self) -> Dict[int, int]:
        """The handler of an exception at each instruction, by their indices."""
        found: Dict[int, int] = {}
        if HAS_EXCEPTION_TABLE:
            for entry in exception_table(self.code):
                for offset in range(entry.start, entry.end, 2):
                    if offset in self.index and entry.target in self.index:
                        found[self.index[offset]] = self.index[entry.target]
            return found
        open_ones: List[int] = []
        for i, ins in enumerate(self.instructions):
            while open_ones and open_ones[-1] <= i:
                open_ones.pop()
            if open_ones:
                found[i] = open_ones[-1]
            if ins.op.startswith("SETUP_") and ins.target is not None:
                found[i] = self.index[ins.target]
                open_ones.append(self.index[ins.target])
        return found


def _meet(
    states: Dict[int, FrozenSet[Path]], todo: List[int], target: int, state: FrozenSet[Path]
) -> None:
    known = states.get(target)
    met = state if known is None else known & state
    if known is None or met != known:
        states[target] = met
        todo.append(target)
