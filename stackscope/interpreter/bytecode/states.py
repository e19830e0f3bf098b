"""The symbolic value stack: what is known of it at one place of the code."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Dict, List, NamedTuple, Optional, Tuple

from stackscope.interpreter.bytecode.blocks import Block


class Role(enum.Enum):
    """What a marked slot holds."""

    if not TYPE_CHECKING:
        __hash__ = object.__hash__  # that of enumerations is written in Python

    EXIT = "the exit callable of an active block"
    SELF = "the manager of an active block, above its exit callable"
    PENDING_EXIT = "the exit callable of a block whose enter has not returned"
    PENDING_SELF = "the manager of such a block"
    ENTER = "the enter callable of a block, about to be called"
    ENTERING = "the awaitable from __aenter__"
    CALLED_EXIT = "an exit callable that has been called and is still in its slot"
    CALLED_SELF = "its manager"
    EXITING = "the awaitable from __aexit__"
    NO_EXCEPTION = "3.8: says that a with block is left without an exception"
    FINALLY = "3.8: what a finally body was entered with"


class Mark(NamedTuple):
    """A slot that matters. ``start``, of a ``finally`` body, is for `Role.FINALLY` alone."""

    role: Role
    block: Optional[Block] = None
    start: int = -1


Slot = Optional[Mark]

# Roles that must agree for two states to be the same shape.
_SHAPE = (Role.NO_EXCEPTION, Role.FINALLY)


class BlockEntry(NamedTuple):
    """An entry of the interpreter's block stack (3.8–3.10).

    ``target`` is -1 while an exception is handled (the interpreter's EXCEPT_HANDLER), and
    `IN_FINALLY` in a ``finally`` body of 3.8.
    """

    target: int
    level: int


_NO_MARKS: Dict[int, Mark] = {}


class State:
    """The symbolic value stack and block stack before an instruction.

    Attributes:
        depth: how many slots of the value stack are in use.
        marks: those that matter. (A display of a thousand items has as many on the stack.) The
            dictionary is shared with other states: it is replaced, and never changed.
        entries: the block stack.
        top: the topmost marked slot, or -1.
    """

    __slots__ = ("depth", "marks", "entries", "top")

    def __init__(
        self,
        depth: int = 0,
        marks: Dict[int, Mark] = _NO_MARKS,
        entries: Tuple[BlockEntry, ...] = (),
    ) -> None:
        self.depth: int = depth
        self.entries: Tuple[BlockEntry, ...] = entries
        self.put(marks)

    def copy(self) -> State:
        """A state like this one, which can be changed."""
        same = State.__new__(State)
        same.depth = self.depth
        same.marks = self.marks
        same.entries = self.entries
        same.top = self.top
        return same

    def cut(self, depth: int, entries: Tuple[BlockEntry, ...] = ()) -> State:
        """A new state with the lowest slots of this one."""
        if self.top < depth:
            same = self.copy()
            same.depth = depth
            same.entries = entries
            return same
        return State(depth, {i: m for i, m in self.marks.items() if i < depth}, entries)

    def put(self, marks: Dict[int, Mark]) -> None:
        """Have other marks from now on."""
        self.marks: Dict[int, Mark] = marks or _NO_MARKS
        self.top: int = max(marks, default=-1)

    def push(self, *slots: Slot) -> None:
        """Add slots on top."""
        for mark in slots:
            if mark is not None:
                self.put({**self.marks, self.depth: mark})
            self.depth += 1

    def push_unmarked(self, count: int) -> None:
        """Add slots on top that mean nothing."""
        self.depth += count

    def drop(self, count: int) -> None:
        """Remove slots from the top."""
        self.depth = depth = max(self.depth - count, 0)
        if self.top >= depth:
            self.put({i: mark for i, mark in self.marks.items() if i < depth})

    def peek(self, depth: int) -> Slot:
        """The slot ``depth`` below the top, counted from 1."""
        return self.marks.get(self.depth - depth) if depth > 0 else None

    def swap(self, depth: int) -> None:
        """Swap the top with the slot ``depth`` below it, counted from 1."""
        top, other = self.depth - 1, self.depth - depth
        swapped = {top: other, other: top}
        self.put({swapped.get(i, i): mark for i, mark in self.marks.items()})

    def rotate(self, count: int) -> None:
        """Move the top below others, ``count`` in all."""
        lowest, top = self.depth - count, self.depth - 1
        self.put(
            {
                i if i < lowest else lowest if i == top else i + 1: mark
                for i, mark in self.marks.items()
            }
        )

    def remove(self, depth: int) -> None:
        """Take out the slot ``depth`` below the top, counted from 1."""
        gone = self.depth - depth
        self.put({i - (i > gone): mark for i, mark in self.marks.items() if i != gone})
        self.depth -= 1

    def insert(self, depth: int) -> None:
        """Put in a slot below the topmost ``depth`` ones."""
        new = self.depth - depth
        self.put({i + (i >= new): mark for i, mark in self.marks.items()})
        self.depth += 1

    def shape(self) -> Tuple[object, ...]:
        """What two states have in common that can be treated alike."""
        marks = frozenset((i, mark) for i, mark in self.marks.items() if mark.role in _SHAPE)
        return self.depth, self.entries, marks

    def is_like(self, other: State) -> bool:
        """Whether the other one has the same shape."""
        if self.depth != other.depth or self.entries != other.entries:
            return False
        return self.marks is other.marks or self.shape() == other.shape()

    def equals(self, other: State) -> bool:
        """Whether the other state has the same slots and entries."""
        return (
            self.depth == other.depth
            and (self.marks is other.marks or self.marks == other.marks)
            and self.entries == other.entries
        )

    def merge(self, other: State) -> bool:
        """Forget what ``other`` doesn't confirm; tell whether anything was forgotten."""
        confirmed = {i: mark for i, mark in self.marks.items() if other.marks.get(i) == mark}
        if len(confirmed) == len(self.marks):
            return False
        self.put(confirmed)
        return True

    def remark(self, block: Block, roles: Dict[Role, Optional[Role]]) -> None:
        """Change the roles of the slots that are marked for ``block``."""
        marks = dict(self.marks)
        for i, mark in self.marks.items():
            if mark.block is block and mark.role in roles:
                role = roles[mark.role]
                if role is None:
                    del marks[i]
                else:
                    marks[i] = Mark(role, block)
        self.put(marks)

    def find(self, role: Role, block: Optional[Block] = None) -> int:
        """The topmost slot with this role, or -1."""
        return max(
            (
                i
                for i, mark in self.marks.items()
                if mark.role is role and (block is None or mark.block is block)
            ),
            default=-1,
        )


def meet(states: List[State], incoming: State) -> Optional[State]:
    """Note that a place is reached in one more way.

    Args:
        states: those known at that place, of different shapes. Gets a new one.
        incoming: the state in which it is reached, which nobody else changes.

    Returns:
        The state to go on with, if there is any news.
    """
    for state in states:
        if state.equals(incoming):
            return None
    for state in states:
        if state.is_like(incoming):
            return state if state.merge(incoming) else None
    states.append(incoming)
    return incoming
