"""PyPy 3.11: the exception table of CPython 3.11, and calls and awaits like those of 3.10."""

from __future__ import annotations

from typing import List, Optional

from stackscope.interpreter.bytecode.blocks import Block
from stackscope.interpreter.bytecode.exceptiontable import ExceptionTable
from stackscope.interpreter.bytecode.flow import Flow, Successor
from stackscope.interpreter.bytecode.instructions import Instruction
from stackscope.interpreter.bytecode.rules import before_async_with, call, duplicate, rotate
from stackscope.interpreter.bytecode.states import Role, State

# What the compiler puts between the calls of exit callables, among others.
_NEVER_RAISE = {
    *("NOP", "LOAD_CONST", "POP_TOP", "DUP_TOP", "ROT_TWO", "ROT_THREE", "ROT_FOUR"),
    *("JUMP_ABSOLUTE", "JUMP_FORWARD", "RETURN_VALUE", "EXTENDED_ARG"),
}


class PyPy(ExceptionTable):
    """PyPy 3.11: the exception table of CPython 3.11, and calls and awaits like those of 3.10."""

    has_runs = False

    def __init__(self) -> None:
        super().__init__()
        self.rules.update(
            {
                "ROT_TWO": rotate(2),
                "ROT_THREE": rotate(3),
                "ROT_FOUR": rotate(4),
                "DUP_TOP": duplicate(1),
                "DUP_TOP_TWO": duplicate(2),
                "CALL_FUNCTION": call,
                "BEFORE_ASYNC_WITH": self.before_async_with,
                "YIELD_FROM": self.yield_from,
            }
        )

    def before_with(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        flow.bottoms[ins.offset] = state.depth - 1
        return super().before_with(flow, ins, state)

    def before_async_with(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        flow.bottoms[ins.offset] = state.depth - 1
        return before_async_with(flow, ins, state)

    def exit_callee(self, ins: Instruction, state: State) -> int:
        if ins.op == "CALL_FUNCTION":
            return (ins.arg or 0) + 1
        return self.except_start_callee if ins.op == "WITH_EXCEPT_START" else 0

    def state_raised_in(self, flow: Flow, ins: Instruction, state: State) -> Optional[State]:
        """That of what can really raise and, where it does, is handled as the table says.

        Where `break`, `continue` or `return` leaves several blocks, the exception table has what
        leaves the outer ones handled as if the inner ones were still open.
        """
        entry = flow.entry_at(ins.offset)
        if entry is None or ins.op in _NEVER_RAISE:
            return None
        left = self.being_left(ins, state)
        if left is not None and entry.depth > flow.bottoms[left.opener]:
            return None
        return super().state_raised_in(flow, ins, state)

    def being_left(self, ins: Instruction, state: State) -> Optional[Block]:
        """The block whose exit is called, or awaited, without an exception."""
        if ins.op == "WITH_EXCEPT_START":
            return None
        callee = state.peek(self.exit_callee(ins, state))
        if callee is not None and callee.role is Role.EXIT:
            return callee.block
        awaitable = state.find(Role.EXITING)
        mark = state.marks.get(awaitable)
        if mark is None or state.find(Role.CALLED_EXIT, mark.block) >= 0:
            return None
        return mark.block

    def late_edges(self, flow: Flow) -> List[Successor]:
        """The way to a handler that only exceptions from elsewhere reach, such as a signal's."""
        # Go on behind the last one, and round once more.
        start, count = flow.searched, len(flow.leaders)
        for i in (*range(start, count), *range(start)):
            offset = flow.leaders[i]
            entry = flow.entry_at(offset)
            if entry is None or entry.target in flow.states:
                continue
            for state in flow.states.get(offset, ()):
                if state.depth >= entry.depth:
                    flow.searched = i
                    seen = super().state_raised_in(flow, flow.units.instruction(offset), state)
                    if seen is not None:
                        return self.handler_edges(flow, entry, seen)
        return []

    def yield_from(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        awaited = state.peek(2)
        if awaited is not None and awaited.role in (Role.ENTERING, Role.EXITING):
            flow.await_done(state, flow.following(ins))
        state.drop(2)
        state.push(None)
        return flow.on(ins, state)
