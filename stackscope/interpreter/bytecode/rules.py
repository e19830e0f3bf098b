"""What the generations of bytecode have in common, as far as ``with`` statements go.

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

Those with a block stack are in `blockstack`, those with an exception table in `exceptiontable` and
`pypy`. A rule is what an operation does to the symbolic stack; see
`stackscope.interpreter.bytecode.flow`.

Evidence: ``Python/ceval.c`` (3.8–3.11), ``Python/bytecodes.c`` (3.12+) and ``Python/compile.c`` or
``Python/codegen.c`` of each version; for PyPy ``pypy/interpreter/pyopcode.py``, and `dis`.
"""

from __future__ import annotations

from typing import List

from stackscope.interpreter.bytecode.flow import Flow, Rule, Successor
from stackscope.interpreter.bytecode.instructions import Instruction
from stackscope.interpreter.bytecode.states import Mark, Role, State

TERMINAL = {
    "RETURN_VALUE",
    "RETURN_CONST",
    "RAISE_VARARGS",
    "RERAISE",
    "INTERPRETER_EXIT",
}
JUMPS_ONLY = {
    "JUMP_FORWARD",
    "JUMP_BACKWARD",
    "JUMP_BACKWARD_NO_INTERRUPT",
    "JUMP_ABSOLUTE",
    "JUMP",
    "JUMP_NO_INTERRUPT",
}


def swap(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
    """Swaps the top of the stack with another slot."""
    if ins.arg:
        state.swap(ins.arg)
    return flow.on(ins, state)


def copy(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
    """Pushes a copy of a slot."""
    # A copy of an exit callable would be no second block.
    state.push(None)
    return flow.on(ins, state)


def push_unmarked(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
    """Pushes something, perhaps below what is on top."""
    state.push_unmarked(1)
    return flow.on(ins, state)


def rotate(depth: int) -> Rule:
    """Moves the top of the stack below others: ``depth`` in all, or as the argument says."""

    def rule(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        state.rotate(depth or ins.arg or 1)
        return flow.on(ins, state)

    return rule


def duplicate(count: int) -> Rule:
    """Pushes copies of the topmost slots."""

    def rule(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        state.push_unmarked(count)
        return flow.on(ins, state)

    return rule


def get_awaitable(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
    """Replaces an awaitable by its iterator: the slot keeps its meaning."""
    return flow.on(ins, state)


def call(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
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


def before_async_with(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
    """Replaces the manager by its exit callable and the awaitable that ``__aenter__`` gave."""
    block = flow.block(ins, is_async=True)
    state.drop(1)
    state.push(Mark(Role.PENDING_EXIT, block), Mark(Role.ENTERING, block))
    return flow.on(ins, state)


def with_except_start(flow: Flow, ins: Instruction, state: State) -> List[Successor]:
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


def fails_while_exiting(flow: Flow, ins: Instruction, state: State) -> State:
    """The state as a handler sees it if ``ins`` raises: an exit that it calls has been called."""
    if state.top < 0:
        return state
    callee = state.peek(flow.generation.exit_callee(ins, state))
    if callee is None or callee.role is not Role.EXIT:
        return state
    assert callee.block is not None
    state = state.copy()
    flow.exit_called(callee.block, state)
    return state
