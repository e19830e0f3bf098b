"""3.8 to 3.10: ``SETUP_WITH``, and handlers that a block stack knows."""

from __future__ import annotations

from typing import Dict, List, Tuple

from stackscope.interpreter.bytecode.blocks import Handler
from stackscope.interpreter.bytecode.flow import (
    BlockEntry,
    Flow,
    Generation,
    Mark,
    Role,
    Rule,
    State,
    Successor,
)
from stackscope.interpreter.bytecode.instructions import Instruction
from stackscope.interpreter.bytecode.rules import (
    JUMPS_ONLY,
    TERMINAL,
    before_async_with,
    call,
    duplicate,
    fails_while_exiting,
    get_awaitable,
    rotate,
    with_except_start,
)


class BlockStack(Generation):
    """3.9 and 3.10. Handlers come from ``SETUP_*`` instructions."""

    openers = {"SETUP_WITH", "BEFORE_ASYNC_WITH"}
    terminal = TERMINAL
    jumps_only = JUMPS_ONLY

    # Type, value and traceback of the exception being handled, then of the new one.
    exception_slots = 6

    def __init__(self) -> None:
        self.rules: Dict[str, Rule] = {
            "ROT_TWO": rotate(2),
            "ROT_THREE": rotate(3),
            "ROT_FOUR": rotate(4),
            "ROT_N": rotate(0),
            "DUP_TOP": duplicate(1),
            "DUP_TOP_TWO": duplicate(2),
            "GET_AWAITABLE": get_awaitable,
            "CALL_FUNCTION": call,
            "WITH_EXCEPT_START": with_except_start,
            "SETUP_FINALLY": self.setup_finally,
            "SETUP_WITH": self.setup_with,
            "BEFORE_ASYNC_WITH": before_async_with,
            "SETUP_ASYNC_WITH": self.setup_async_with,
            "YIELD_FROM": self.yield_from,
            "POP_BLOCK": self.pop_block,
            "POP_EXCEPT": self.pop_except,
            "END_ASYNC_FOR": self.end_async_for,
        }

    def exit_callee(self, ins: Instruction, state: State) -> int:
        if ins.op == "CALL_FUNCTION":
            return (ins.arg or 0) + 1
        if ins.op == "WITH_EXCEPT_START":
            return 7
        return 0

    def setup_finally(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        assert ins.target is not None
        state.entries += (BlockEntry(ins.target, len(state.stack)),)
        return flow.on(ins, state)

    def setup_with(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        assert ins.target is not None
        block = flow.block(ins, is_async=False)
        block.handler = ins.target
        state.drop(1)
        state.push(Mark(Role.EXIT, block))
        state.entries += (BlockEntry(ins.target, len(state.stack)),)
        state.push(None)
        block.body = flow.following(ins)
        return flow.on(ins, state)

    def setup_async_with(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        assert ins.target is not None
        mark = state.peek(2)
        if mark is not None and mark.block is not None:
            mark.block.handler = ins.target
            mark.block.body = flow.following(ins)
        state.entries += (BlockEntry(ins.target, len(state.stack) - 1),)
        return flow.on(ins, state)

    def yield_from(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        awaited = state.peek(2)
        if awaited is not None and awaited.role in (Role.ENTERING, Role.EXITING):
            flow.await_done(state, -1)
        state.drop(2)
        state.push(None)
        return flow.on(ins, state)

    def pop_block(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        state.entries = state.entries[:-1]
        return flow.on(ins, state)

    def pop_except(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        state.entries = state.entries[:-1]
        state.drop(3)
        return flow.on(ins, state)

    def end_async_for(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        # Takes the StopAsyncIteration and the iterator, or raises again.
        state.entries = state.entries[:-1]
        state.drop(self.exception_slots + 1)
        return flow.on(ins, state)

    def exception_edges(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        entries = state.entries
        while entries and entries[-1].target < 0:
            entries = entries[:-1]
        if not entries:
            return []
        target, level = entries[-1]
        seen = fails_while_exiting(flow, ins, state)
        handled = State(seen.stack[:level], entries[:-1] + (BlockEntry(-1, level),))
        handled.push(*[None] * self.exception_slots)
        return [(target, handled)]

    def handlers_at(self, flow: Flow, offset: int, state: State) -> Tuple[Handler, ...]:
        return tuple(Handler(*entry) for entry in state.entries)


class Subroutines(BlockStack):
    """3.8: ``finally`` bodies are shared by all ways into them.

    On top of the stack they find NULL, a return address, or an exception of six values.
    """

    terminal = TERMINAL

    def __init__(self) -> None:
        super().__init__()
        self.rules.update(
            {
                "BEGIN_FINALLY": self.begin_finally,
                "CALL_FINALLY": self.call_finally,
                "END_FINALLY": self.end_finally,
                "POP_FINALLY": self.pop_finally,
                "WITH_CLEANUP_START": self.with_cleanup_start,
                "WITH_CLEANUP_FINISH": self.with_cleanup_finish,
            }
        )

    def exit_callee(self, ins: Instruction, state: State) -> int:
        if ins.op == "CALL_FUNCTION":
            return (ins.arg or 0) + 1
        if ins.op == "WITH_CLEANUP_START":
            return 2 if state.peek(1) is not None else 7
        return 0

    def callee_stays(self, instruction: Instruction) -> bool:
        return instruction.op != "WITH_CLEANUP_START"

    def begin_finally(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        state.push(Mark(Role.NO_EXCEPTION))
        return flow.on(ins, state)

    def call_finally(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        assert ins.target is not None
        state.push(Mark(Role.RETURN_ADDRESS, address=flow.following(ins)))
        return [(ins.target, state)]

    def end_finally(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        top = state.peek(1)
        state.drop(1)
        if top is None:
            return []
        if top.role is Role.RETURN_ADDRESS:
            return [(top.address, state)]
        return flow.on(ins, state)

    def pop_finally(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        if ins.arg:
            state.drop(1)
        if state.peek(1) is None:
            state.drop(self.exception_slots)
            state.entries = state.entries[:-1]
        else:
            state.drop(1)
        if ins.arg:
            state.push(None)
        return flow.on(ins, state)

    def with_cleanup_start(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        """Takes the exit callable out of the stack and calls it."""
        depth = self.exit_callee(ins, state)
        callee = state.peek(depth)
        del state.stack[-depth]
        if depth == 7:
            # "We just shifted the stack down, so we have to tell the except handler block that
            # the values are lower than it expects": a slot is put below the new exception.
            state.stack.insert(len(state.stack) - 3, None)
            target, level = state.entries[-1]
            state.entries = state.entries[:-1] + (BlockEntry(target, level - 1),)
        result = None
        if callee is not None and callee.role is Role.EXIT:
            assert callee.block is not None
            if callee.block.is_async:
                result = Mark(Role.EXITING, callee.block)
        state.push(None, result)
        return flow.on(ins, state)

    def with_cleanup_finish(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        state.drop(2)
        if state.peek(1) is not None:
            return flow.on(ins, state)
        swallowed = State(state.stack[: state.entries[-1].level], state.entries[:-1])
        swallowed.push(Mark(Role.NO_EXCEPTION))
        return flow.on(ins, state) + flow.on(ins, swallowed)
