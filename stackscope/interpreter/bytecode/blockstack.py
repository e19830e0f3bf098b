"""3.8 to 3.10: ``SETUP_WITH``, and handlers that a block stack knows."""

from __future__ import annotations

import dis
from typing import Dict, Iterable, List, Optional, Set, Tuple

from stackscope.interpreter.bytecode.blocks import IN_FINALLY, Handler
from stackscope.interpreter.bytecode.flow import (
    FinallyBody,
    Flow,
    Generation,
    Rule,
    Successor,
)
from stackscope.interpreter.bytecode.instructions import Instruction, Units
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
from stackscope.interpreter.bytecode.runs import Reach
from stackscope.interpreter.bytecode.states import BlockEntry, Mark, Role, State


class BlockStack(Generation):
    """3.9 and 3.10. Handlers come from ``SETUP_*`` instructions."""

    openers: Set[str] = {"SETUP_WITH", "BEFORE_ASYNC_WITH"}
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
        self.reach: Dict[str, Reach] = {
            "ROT_TWO": lambda _: (0, 2),
            "ROT_THREE": lambda _: (0, 3),
            "ROT_FOUR": lambda _: (0, 4),
            "ROT_N": lambda count: (0, count),
            "DUP_TOP": lambda _: (1, 0),
            "DUP_TOP_TWO": lambda _: (2, 0),
            "GET_AWAITABLE": lambda _: (0, 0),
            "CALL_FUNCTION": lambda count: (-count, count + 1),
            "YIELD_FROM": lambda _: (-1, 2),
        }

    def exit_callee(self, ins: Instruction, state: State) -> int:
        if ins.op == "CALL_FUNCTION":
            return (ins.arg or 0) + 1
        if ins.op == "WITH_EXCEPT_START":
            return 7
        return 0

    def setup_finally(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        assert ins.target is not None
        state.entries += (BlockEntry(ins.target, state.depth),)
        return flow.on(ins, state)

    def setup_with(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        assert ins.target is not None
        block = flow.block(ins, is_async=False)
        state.drop(1)
        state.push(Mark(Role.EXIT, block))
        block.handler, block.level = ins.target, state.depth
        state.entries += (BlockEntry(ins.target, state.depth),)
        state.push(None)
        block.body = flow.following(ins)
        return flow.on(ins, state)

    def setup_async_with(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        assert ins.target is not None
        mark = state.peek(2)
        if mark is not None and mark.block is not None:
            mark.block.handler, mark.block.level = ins.target, state.depth - 1
            mark.block.body = flow.following(ins)
        state.entries += (BlockEntry(ins.target, state.depth - 1),)
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

    def state_raised_in(self, flow: Flow, ins: Instruction, state: State) -> Optional[State]:
        return fails_while_exiting(flow, ins, state)

    def handler_edges(
        self, flow: Flow, guard: Tuple[BlockEntry, ...], state: State
    ) -> List[Successor]:
        entries = guard
        while entries and entries[-1].target < 0:
            entries = entries[:-1]
        if not entries:
            return []
        target, level = entries[-1]
        handled = state.cut(level, (*entries[:-1], BlockEntry(-1, level)))
        handled.push_unmarked(self.exception_slots)
        return [(target, handled)]

    def handlers_at(self, flow: Flow, offset: int, state: State) -> Tuple[Handler, ...]:
        return tuple(Handler(*entry) for entry in state.entries)


class Subroutines(BlockStack):
    """3.8: ``finally`` bodies are shared by all ways into them.

    On top of the stack they find NULL; or a return address, with the value below it that is being
    returned, if any; or an exception of six values. A body leaves alone what it finds, and so it is
    followed only once, with one slot that stands for that; bodies within bodies would be followed
    once for each combination of ways otherwise. What differs is `IN_FINALLY` on the block stack,
    which whoever looks at a frame replaces by what is really there. The ways go on, each with its
    own state, when END_FINALLY is reached.
    """

    meeting: Set[str] = {
        *("BEGIN_FINALLY", "CALL_FINALLY", "END_FINALLY", "POP_FINALLY"),
        *("WITH_CLEANUP_START", "WITH_CLEANUP_FINISH"),
    }

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

    def finally_starts(self, units: Units) -> Iterable[int]:
        calls, begins = dis.opmap["CALL_FINALLY"], dis.opmap["BEGIN_FINALLY"]
        for i, number in enumerate(units.opcodes):
            if number == calls:
                yield units.target(2 * i)
            elif number == begins and units.op(2 * i + 2) != "WITH_CLEANUP_START":
                yield 2 * i + 2

    def setup_finally(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        assert ins.target is not None
        body = flow.finally_bodies.get(ins.target)
        if body is not None:
            body.levels[state.entries] = state.depth
        return super().setup_finally(flow, ins, state)

    def begin_finally(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        start = flow.following(ins)
        if start in flow.finally_bodies:
            return self.enter_finally(flow, start, -1, state)
        state.push(Mark(Role.NO_EXCEPTION))
        return [(start, state)]

    def call_finally(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        assert ins.target is not None
        return self.enter_finally(flow, ins.target, flow.following(ins), state)

    def enter_finally(self, flow: Flow, start: int, address: int, state: State) -> List[Successor]:
        """Into a body without an exception, and to ``address`` if the body is known to return."""
        body = flow.finally_bodies[start]
        body.callers[address, state.shape()] = state
        # A value that is being returned stays out of account.
        level = body.levels.get(state.entries, state.depth)
        successors = [(start, self.in_finally(start, level, state, state.entries))]
        if body.end >= 0:
            successors += self.returns(flow, body, address, state)
        return successors

    @staticmethod
    def in_finally(start: int, level: int, state: State, entries: Tuple[BlockEntry, ...]) -> State:
        """The state at the beginning of a ``finally`` block."""
        inside = state.cut(level, (*entries, BlockEntry(IN_FINALLY, level)))
        inside.push(Mark(Role.FINALLY, start=start))
        return inside

    @staticmethod
    def returns(flow: Flow, body: FinallyBody, address: int, state: State) -> List[Successor]:
        """Where a ``finally`` block continues; below it, if the address is negative."""
        if address < 0:
            address = flow.units.following(body.end)
        return [(address, state.copy())]

    def end_finally(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        top = state.peek(1)
        if top is None:
            return []
        if top.role is not Role.FINALLY:
            state.drop(1)
            return flow.on(ins, state)
        body = flow.finally_bodies[top.start]
        body.end = ins.offset
        successors: List[Successor] = []
        for (address, _), caller in body.callers.items():
            successors += self.returns(flow, body, address, caller)
        return successors

    def pop_finally(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        if ins.arg:
            state.drop(1)
        top = state.peek(1)
        if top is None:
            state.drop(self.exception_slots)
        else:
            state.drop(1)
        if top is None or top.role is Role.FINALLY:
            state.entries = state.entries[:-1]
        if ins.arg:
            state.push(None)
        return flow.on(ins, state)

    def handler_edges(
        self, flow: Flow, guard: Tuple[BlockEntry, ...], state: State
    ) -> List[Successor]:
        edges = super().handler_edges(flow, guard, state)
        return [
            (
                target,
                self.in_finally(target, handled.entries[-1].level, handled, handled.entries[:-1]),
            )
            if target in flow.finally_bodies
            else (target, handled)
            for target, handled in edges
        ]

    def with_cleanup_start(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        """Takes the exit callable out of the stack and calls it."""
        depth = self.exit_callee(ins, state)
        callee = state.peek(depth)
        state.remove(depth)
        if depth == 7:
            # "We just shifted the stack down, so we have to tell the except handler block that
            # the values are lower than it expects": a slot is put below the new exception.
            state.insert(3)
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
        swallowed = state.cut(state.entries[-1].level, state.entries[:-1])
        swallowed.push(Mark(Role.NO_EXCEPTION))
        return flow.on(ins, state) + flow.on(ins, swallowed)
