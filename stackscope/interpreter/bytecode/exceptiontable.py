"""3.11 and later: handlers that the code object's exception table knows."""

from __future__ import annotations

from typing import Dict, List, Optional, Set, Tuple

from stackscope.interpreter.bytecode.blocks import Handler
from stackscope.interpreter.bytecode.flow import Flow, Generation, Rule, Successor
from stackscope.interpreter.bytecode.instructions import HandlerEntry, Instruction
from stackscope.interpreter.bytecode.rules import (
    JUMPS_ONLY,
    TERMINAL,
    before_async_with,
    call,
    copy,
    fails_while_exiting,
    get_awaitable,
    push_unmarked,
    swap,
    with_except_start,
)
from stackscope.interpreter.bytecode.runs import Reach
from stackscope.interpreter.bytecode.states import Mark, Role, State

_EXITS = ("__exit__", "__aexit__")


class ExceptionTable(Generation):
    """3.11, 3.12 and 3.13. Handlers come from the code object's exception table."""

    openers: Set[str] = {"BEFORE_WITH", "BEFORE_ASYNC_WITH"}
    terminal = TERMINAL
    jumps_only = JUMPS_ONLY
    # The exit callable, then on top of it: an offset, the exception handled before, the new one.
    except_start_callee = 4

    def __init__(self) -> None:
        self.rules: Dict[str, Rule] = {
            "SWAP": swap,
            "COPY": copy,
            "GET_AWAITABLE": get_awaitable,
            "PRECALL": get_awaitable,
            "CALL": call,
            "WITH_EXCEPT_START": with_except_start,
            "BEFORE_WITH": self.before_with,
            "BEFORE_ASYNC_WITH": before_async_with,
            "SEND": self.send,
            "CLEANUP_THROW": self.cleanup_throw,
            "PUSH_EXC_INFO": push_unmarked,
        }
        self.reach: Dict[str, Reach] = {
            "SWAP": lambda depth: (0, depth),
            "COPY": lambda _: (1, 0),
            "GET_AWAITABLE": lambda _: (0, 0),
            "PRECALL": lambda _: (0, 0),
            "CALL": lambda count: (-1 - count, count + 2),
        }

    def exit_callee(self, ins: Instruction, state: State) -> int:
        if ins.op in ("CALL", "PRECALL"):
            return (ins.arg or 0) + 2
        if ins.op == "WITH_EXCEPT_START":
            return self.except_start_callee
        return 0

    def before_with(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        block = flow.block(ins, is_async=False)
        state.drop(1)
        state.push(Mark(Role.EXIT, block), None)
        block.body = flow.following(ins)
        return flow.on(ins, state)

    def send(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        assert ins.target is not None
        done = state.copy()
        self.if_awaited(flow, done, ins.target)
        flow.change_depth(ins, done, jump=True)
        flow.change_depth(ins, state, jump=False)
        return [(ins.target, done), *flow.on(ins, state)]

    def cleanup_throw(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        self.if_awaited(flow, state, -1)
        flow.change_depth(ins, state, jump=False)
        return flow.on(ins, state)

    def if_awaited(self, flow: Flow, state: State, target: int) -> None:
        """If the operands of SEND or CLEANUP_THROW are an enter's or exit's, it has returned."""
        operands = [mark for mark in map(state.peek, range(1, 5)) if mark is not None]
        if not any(mark.role in (Role.ENTERING, Role.EXITING) for mark in operands):
            return
        if target >= 0 and flow.units.op(target) == "END_SEND":
            target = flow.units.following(target)
        flow.await_done(state, target)

    def state_raised_in(self, flow: Flow, ins: Instruction, state: State) -> Optional[State]:
        # It can't raise, and the block whose exit is about to be called is still active here, as it
        # never is in the handler for what that call raises.
        if ins.op == "PUSH_EXC_INFO":
            return None
        return fails_while_exiting(flow, ins, state)

    def handler_edges(self, flow: Flow, guard: HandlerEntry, state: State) -> List[Successor]:
        entry = guard
        handled = state.cut(entry.depth)
        if handled.top >= 0:
            # CLEANUP_THROW makes a StopIteration, by which what was awaited has ended, the result.
            ends_await = flow.units.op(entry.target) == "CLEANUP_THROW"
            if ends_await and handled.find(Role.EXITING) >= 0:
                flow.await_done(handled, -1)
            if self.enters_handler(flow, entry):
                self.note_handler(flow, entry, handled)
        handled.push_unmarked(entry.lasti + 1)
        return [(entry.target, handled)]

    def note_handler(self, flow: Flow, entry: HandlerEntry, handled: State) -> None:
        """A handler that calls an exit callable belongs to the block of that callable."""
        if flow.units.op(flow.units.following(entry.target)) != "WITH_EXCEPT_START":
            return
        mark = handled.peek(flow.generation.slots_per_exit)
        if mark is not None and mark.role is Role.EXIT and mark.block is not None:
            mark.block.handler = entry.target

    @staticmethod
    def enters_handler(flow: Flow, entry: HandlerEntry) -> bool:
        """Whether this is a handler of the program's, and not of the compiler's own making."""
        return flow.units.op(entry.target) == "PUSH_EXC_INFO"

    def handlers_at(self, flow: Flow, offset: int, state: State) -> Tuple[Handler, ...]:
        handlers: List[Handler] = []
        seen = set()
        entry = flow.entry_at(offset)
        while entry is not None and entry.target not in seen:
            seen.add(entry.target)
            if self.enters_handler(flow, entry):
                handlers.append(Handler(entry.target, entry.depth))
            entry = flow.entry_at(entry.target)
        return tuple(reversed(handlers))


class LoadSpecial(ExceptionTable):
    """3.14 and later: exit and enter callables are looked up by ``LOAD_SPECIAL``."""

    openers: Set[str] = {"LOAD_SPECIAL"}
    except_start_callee = 5
    slots_per_exit = 2

    def __init__(self) -> None:
        super().__init__()
        self.rules["LOAD_SPECIAL"] = self.load_special

    def is_opener(self, instruction: Instruction) -> bool:
        """Whether an instruction looks up the exit method, and so opens a block."""
        return instruction.op == "LOAD_SPECIAL" and instruction.value in _EXITS

    def load_special(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        is_async = ins.value == "__aexit__"
        if self.is_opener(ins):
            block = flow.block(ins, is_async)
            state.drop(1)
            state.push(Mark(Role.PENDING_EXIT, block), Mark(Role.PENDING_SELF, block))
            return flow.on(ins, state)
        pending = state.peek(2)
        block_of = pending.block if pending is not None else None
        state.drop(1)
        state.push(Mark(Role.ENTER, block_of) if block_of is not None else None, None)
        return flow.on(ins, state)
