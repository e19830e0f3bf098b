"""The generations of bytecode, as far as ``with`` statements go.

=========  ===========================================  ==============================
versions   a block is opened by                         handlers
=========  ===========================================  ==============================
3.8        ``SETUP_WITH``,                              block stack; ``finally`` bodies
           ``BEFORE_ASYNC_WITH … SETUP_ASYNC_WITH``     are subroutines
3.9, 3.10  the same                                     block stack
3.11–3.13  ``BEFORE_WITH``, ``BEFORE_ASYNC_WITH``       exception table
3.14+      ``LOAD_SPECIAL __exit__``/``__aexit__``      exception table
PyPy 3.11  ``BEFORE_WITH``, ``BEFORE_ASYNC_WITH``       exception table
=========  ===========================================  ==============================

Evidence: ``Python/ceval.c`` (3.8–3.11), ``Python/bytecodes.c`` (3.12+) and ``Python/compile.c`` or
``Python/codegen.c`` of each version; for PyPy ``pypy/interpreter/pyopcode.py``, and `dis`.
"""

from __future__ import annotations

import sys
from typing import Dict, List, Optional, Tuple

from stackscope.interpreter.bytecode.blocks import Block, Handler
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
from stackscope.interpreter.bytecode.instructions import HandlerEntry, Instruction

_TERMINAL = {
    "RETURN_VALUE",
    "RETURN_CONST",
    "RAISE_VARARGS",
    "RERAISE",
    "INTERPRETER_EXIT",
}
_JUMPS_ONLY = {
    "JUMP_FORWARD",
    "JUMP_BACKWARD",
    "JUMP_BACKWARD_NO_INTERRUPT",
    "JUMP_ABSOLUTE",
    "JUMP",
    "JUMP_NO_INTERRUPT",
}

# -- rules that all share -----------------------------------------------------------------------


def _swap(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
    stack, depth = state.stack, ins.arg or 0
    if 0 < depth <= len(stack):
        stack[-1], stack[-depth] = stack[-depth], stack[-1]
    return flow.on(ins, state)


def _copy(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
    # A copy of an exit callable would be no second block.
    state.push(None)
    return flow.on(ins, state)


def _rotate(depth: int) -> Rule:
    def rule(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        count = depth or ins.arg or 1
        state.stack.insert(len(state.stack) - count, state.stack.pop())
        return flow.on(ins, state)

    return rule


def _duplicate(count: int) -> Rule:
    def rule(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        state.push(*[None] * count)
        return flow.on(ins, state)

    return rule


def _get_awaitable(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
    # Replaces an awaitable by its iterator: the slot keeps its meaning.
    return flow.on(ins, state)


def _call(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
    """A call with positional arguments, perhaps of an enter or exit callable."""
    operands = flow.generation.exit_callee(ins, state)
    callee = state.peek(operands)
    state.drop(operands)
    if callee is None or callee.block is None:
        state.push(None)
        return flow.on(ins, state)
    block = callee.block
    if callee.role is Role.EXIT:
        state.push(Mark(Role.EXITING, block) if block.is_async else None)
    elif callee.role is Role.ENTER and block.is_async:
        state.push(Mark(Role.ENTERING, block))
    elif callee.role is Role.ENTER:
        state.push(None)
        flow.enter_returned(block, state, flow.following(ins))
    else:
        state.push(None)
    return flow.on(ins, state)


def _before_async_with(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
    """Replaces the manager by its exit callable and the awaitable that ``__aenter__`` gave."""
    block = flow.block(ins, is_async=True)
    state.drop(1)
    state.push(Mark(Role.PENDING_EXIT, block), Mark(Role.ENTERING, block))
    return flow.on(ins, state)


def _with_except_start(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
    """Calls the exit callable below the exception; it stays where it is."""
    callee = state.peek(flow.generation.exit_callee(ins, state))
    result = None
    if callee is not None and callee.role is Role.EXIT:
        assert callee.block is not None
        flow.exit_called(callee.block, state)
        if callee.block.is_async:
            result = Mark(Role.EXITING, callee.block)
    state.push(result)
    return flow.on(ins, state)


def _fails_while_exiting(flow: Flow, ins: Instruction, state: State) -> State:
    """The state as a handler sees it if ``ins`` raises: an exit that it calls has been called."""
    callee = state.peek(flow.generation.exit_callee(ins, state))
    if callee is None or callee.role is not Role.EXIT:
        return state
    assert callee.block is not None
    state = state.copy()
    flow.exit_called(callee.block, state)
    return state


# -- 3.8, 3.9, 3.10: block stack ----------------------------------------------------------------


class _BlockStack(Generation):
    """3.9 and 3.10. Handlers come from ``SETUP_*`` instructions."""

    openers = {"SETUP_WITH", "BEFORE_ASYNC_WITH"}
    terminal = _TERMINAL
    jumps_only = _JUMPS_ONLY

    # Type, value and traceback of the exception being handled, then of the new one.
    exception_slots = 6

    def __init__(self) -> None:
        self.rules: Dict[str, Rule] = {
            "ROT_TWO": _rotate(2),
            "ROT_THREE": _rotate(3),
            "ROT_FOUR": _rotate(4),
            "ROT_N": _rotate(0),
            "DUP_TOP": _duplicate(1),
            "DUP_TOP_TWO": _duplicate(2),
            "GET_AWAITABLE": _get_awaitable,
            "CALL_FUNCTION": _call,
            "WITH_EXCEPT_START": _with_except_start,
            "SETUP_FINALLY": self.setup_finally,
            "SETUP_WITH": self.setup_with,
            "BEFORE_ASYNC_WITH": _before_async_with,
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
        seen = _fails_while_exiting(flow, ins, state)
        handled = State(seen.stack[:level], entries[:-1] + (BlockEntry(-1, level),))
        handled.push(*[None] * self.exception_slots)
        return [(target, handled)]

    def handlers_at(self, flow: Flow, offset: int, state: State) -> Tuple[Handler, ...]:
        return tuple(Handler(*entry) for entry in state.entries)


class _Subroutines(_BlockStack):
    """3.8: ``finally`` bodies are shared by all ways into them.

    On top of the stack they find NULL, a return address, or an exception of six values.
    """

    terminal = _TERMINAL

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


# -- 3.11 and later: exception table ------------------------------------------------------------


class _ExceptionTable(Generation):
    """3.11, 3.12 and 3.13. Handlers come from the code object's exception table."""

    openers = {"BEFORE_WITH", "BEFORE_ASYNC_WITH"}
    terminal = _TERMINAL
    jumps_only = _JUMPS_ONLY
    # The exit callable, then on top of it: an offset, the exception handled before, the new one.
    except_start_callee = 4

    def __init__(self) -> None:
        self.rules: Dict[str, Rule] = {
            "SWAP": _swap,
            "COPY": _copy,
            "GET_AWAITABLE": _get_awaitable,
            "PRECALL": _get_awaitable,
            "CALL": _call,
            "WITH_EXCEPT_START": _with_except_start,
            "BEFORE_WITH": self.before_with,
            "BEFORE_ASYNC_WITH": _before_async_with,
            "SEND": self.send,
            "CLEANUP_THROW": self.cleanup_throw,
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
        operands = state.stack[-4:]
        if not any(
            mark is not None and mark.role in (Role.ENTERING, Role.EXITING) for mark in operands
        ):
            return
        body = target
        if target >= 0 and flow.instructions[flow.index[target]].op == "END_SEND":
            body = flow.following(flow.instructions[flow.index[target]])
        block_body = [m.block.body for m in operands if m is not None and m.block is not None]
        flow.await_done(state, body if target >= 0 else max(block_body))

    def exception_edges(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        entry = flow.table.get(ins.offset)
        if entry is None:
            return []
        seen = _fails_while_exiting(flow, ins, state)
        handled = State(seen.stack[: entry.depth])
        handled.push(*[None] * (entry.depth - len(handled.stack)))
        if self.enters_handler(flow, entry):
            self.note_handler(flow, entry, handled)
        handled.push(*[None] * (entry.lasti + 1))
        return [(entry.target, handled)]

    def note_handler(self, flow: Flow, entry: HandlerEntry, handled: State) -> None:
        """A handler that calls an exit callable belongs to the block of that callable."""
        i = flow.index[entry.target] + 1
        if i >= len(flow.instructions) or flow.instructions[i].op != "WITH_EXCEPT_START":
            return
        mark = handled.peek(flow.generation.slots_per_exit)
        if mark is not None and mark.role is Role.EXIT and mark.block is not None:
            mark.block.handler = entry.target

    @staticmethod
    def enters_handler(flow: Flow, entry: HandlerEntry) -> bool:
        """Whether this is a handler of the program's, and not of the compiler's own making."""
        return flow.instructions[flow.index[entry.target]].op == "PUSH_EXC_INFO"

    def handlers_at(self, flow: Flow, offset: int, state: State) -> Tuple[Handler, ...]:
        handlers: List[Handler] = []
        seen = set()
        entry = flow.table.get(offset)
        while entry is not None and entry.target not in seen:
            seen.add(entry.target)
            if self.enters_handler(flow, entry):
                handlers.append(Handler(entry.target, entry.depth))
            entry = flow.table.get(entry.target)
        return tuple(reversed(handlers))


class _LoadSpecial(_ExceptionTable):
    """3.14 and later: exit and enter callables are looked up by ``LOAD_SPECIAL``."""

    openers = {"LOAD_SPECIAL"}
    except_start_callee = 5
    slots_per_exit = 2

    def __init__(self) -> None:
        super().__init__()
        self.rules["LOAD_SPECIAL"] = self.load_special

    def is_opener(self, instruction: Instruction) -> bool:
        return instruction.op == "LOAD_SPECIAL" and "exit__" in instruction.text

    def callee_stays(self, instruction: Instruction) -> bool:
        # The operands of a normal call move into the callee's frame.
        return instruction.op == "WITH_EXCEPT_START"

    def load_special(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        is_async = "__a" in ins.text
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


# -- PyPy ---------------------------------------------------------------------------------------


# What the compiler puts between the calls of exit callables, among others.
_NEVER_RAISE = {
    *("NOP", "LOAD_CONST", "POP_TOP", "DUP_TOP", "ROT_TWO", "ROT_THREE", "ROT_FOUR"),
    *("JUMP_ABSOLUTE", "JUMP_FORWARD", "RETURN_VALUE", "EXTENDED_ARG"),
}


class _PyPy(_ExceptionTable):
    """PyPy 3.11: the exception table of CPython 3.11, and calls and awaits like those of 3.10."""

    def __init__(self) -> None:
        super().__init__()
        self.rules.update(
            {
                "ROT_TWO": _rotate(2),
                "ROT_THREE": _rotate(3),
                "ROT_FOUR": _rotate(4),
                "DUP_TOP": _duplicate(1),
                "DUP_TOP_TWO": _duplicate(2),
                "CALL_FUNCTION": _call,
                "BEFORE_ASYNC_WITH": self.before_async_with,
                "YIELD_FROM": self.yield_from,
            }
        )

    def before_with(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        flow.bottoms[ins.offset] = len(state.stack) - 1
        return super().before_with(flow, ins, state)

    def before_async_with(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        flow.bottoms[ins.offset] = len(state.stack) - 1
        return _before_async_with(flow, ins, state)

    def exit_callee(self, ins: Instruction, state: State) -> int:
        if ins.op == "CALL_FUNCTION":
            return (ins.arg or 0) + 1
        return self.except_start_callee if ins.op == "WITH_EXCEPT_START" else 0

    def exception_edges(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        """Those of what can really raise and, where it does, is handled as the table says.

        Where `break`, `continue` or `return` leaves several blocks, the exception table has what leaves
        the outer ones handled as if the inner ones were still open.
        """
        entry = flow.table.get(ins.offset)
        if entry is None or ins.op in _NEVER_RAISE:
            return []
        left = self.being_left(ins, state)
        if left is not None and entry.depth > flow.bottoms[left.opener]:
            return []
        return super().exception_edges(flow, ins, state)

    def being_left(self, ins: Instruction, state: State) -> Optional[Block]:
        """The block whose exit is called, or awaited, without an exception."""
        if ins.op == "WITH_EXCEPT_START":
            return None
        callee = state.peek(self.exit_callee(ins, state))
        if callee is not None and callee.role is Role.EXIT:
            return callee.block
        awaitable = state.find(Role.EXITING)
        mark = state.stack[awaitable] if awaitable >= 0 else None
        if mark is None or state.find(Role.CALLED_EXIT, mark.block) >= 0:
            return None
        return mark.block

    def late_edges(self, flow: Flow) -> List[Successor]:
        """The way to a handler that only an exception from elsewhere leads to, such as a signal's."""
        for ins in flow.instructions:
            entry = flow.table.get(ins.offset)
            if entry is None or entry.target in flow.states:
                continue
            for state in flow.states.get(ins.offset, ()):
                if len(state.stack) >= entry.depth:
                    return super().exception_edges(flow, ins, state)
        return []

    def yield_from(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        awaited = state.peek(2)
        if awaited is not None and awaited.role in (Role.ENTERING, Role.EXITING):
            flow.await_done(state, flow.following(ins))
        state.drop(2)
        state.push(None)
        return flow.on(ins, state)


def current_generation() -> Generation:
    """The generation of the running interpreter; the newest known for a newer one."""
    if sys.implementation.name == "pypy":
        return _PyPy()
    if sys.version_info < (3, 9):
        return _Subroutines()
    if sys.version_info < (3, 11):
        return _BlockStack()
    if sys.version_info < (3, 14):
        return _ExceptionTable()
    return _LoadSpecial()
