"""Which variable still holds a manager when its block is over, as far as the code proves it.

Two kinds of ``with`` items leave their manager in a local variable: ``with name:``, and ``with
Class(...) as name:`` of a class whose enter method returns ``self``. Either is worth something only
if nothing can have been assigned to the variable since.
"""

from __future__ import annotations

from bisect import bisect_left
from types import CodeType
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from stackscope.interpreter.bytecode.analyze import GENERATION
from stackscope.interpreter.bytecode.blocks import Block, CodeAnalysis, Site
from stackscope.interpreter.bytecode.instructions import (
    Instruction,
    decode,
    exception_table,
    names_in,
    stack_effect,
)


class Keeper(NamedTuple):
    """A variable that holds a manager.

    Attributes:
        name: the local variable.
        callee: for ``with a.b(...) as name:``, the names ``("a", "b")``; else empty.
    """

    name: str
    callee: Tuple[str, ...]


_CO_YIELDS = 0x20 | 0x200  # inspect.CO_GENERATOR, CO_ASYNC_GENERATOR
_LOCALS = {"LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW"}
_NAMES = {*_LOCALS, "LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF"}
_ATTRIBUTES = {"LOAD_ATTR", "LOAD_METHOD"}
_NOTHING = {"NOP", "CACHE", "EXTENDED_ARG", "PRECALL", "NOT_TAKEN", "RESUME", "KW_NAMES"}
_CALLS = {"CALL_FUNCTION": 0, "CALL_METHOD": 0, "CALL": 0, "CALL_FUNCTION_KW": 1, "CALL_KW": 1}
"""Operations that call, with how many operands there are beside the callee and its arguments."""


class _Decoded:
    """Code as what follows looks at it: without the operations that do nothing."""

    def __init__(self, code: CodeType) -> None:
        self.instructions = [ins for ins in decode(code) if ins.op not in _NOTHING]
        self.offsets = [ins.offset for ins in self.instructions]
        self.handlers = {
            offset: entry.target
            for entry in exception_table(code)
            for offset in range(entry.start, entry.end, 2)
        }

    def index(self, offset: int) -> int:
        """Of the first instruction that is not before ``offset``."""
        return bisect_left(self.offsets, offset)


def find_keepers(
    code: CodeType, analysis: CodeAnalysis, site: Site, left: bool
) -> Dict[Block, Keeper]:
    """The variables that hold the managers of blocks that an exception has left.

    Args:
        code: the code.
        analysis: its analysis.
        site: where the exception was raised.
        left: whether the exception is known to have left the frame.

    Returns:
        By the blocks that were active there, as far as they have one.
    """
    key = (id(site), left)  # the sites live as long as the analysis
    if key not in analysis.keepers:
        blocks = [live.block for live in (*site.live, site.exiting) if live is not None]
        decoded = _Decoded(code)
        handlers = [handler.offset for handler in site.handlers if handler.offset >= 0]
        reachable = _reachable(decoded, handlers, left)
        found = {block: _find_keeper(code, decoded, analysis, block, reachable) for block in blocks}
        analysis.keepers[key] = {
            block: keeper for block, keeper in found.items() if keeper is not None
        }
    keepers: Dict[Block, Keeper] = analysis.keepers[key]
    return keepers


def _find_keeper(
    code: CodeType,
    decoded: _Decoded,
    analysis: CodeAnalysis,
    block: Block,
    reachable: Set[int],
) -> Optional[Keeper]:
    instructions = decoded.instructions
    end = decoded.index(block.opener) - 1
    while end >= 0 and instructions[end].op == "COPY":  # 3.14+
        end -= 1
    if end < 0:
        return None
    if not block.has_target:
        first, keeper = end, Keeper(_loaded(instructions[end]), ())
    else:
        first, callee = _callee(instructions, end)
        keeper = Keeper(block.varname if callee and block.varname else "", callee)
    if keeper.name not in code.co_varnames or keeper.name in code.co_cellvars:
        return None
    after = instructions[first].offset
    if any(ins.target is not None and after < ins.target <= block.opener for ins in instructions):
        return None  # another way to this block, with another manager
    if _may_be_stored(instructions, analysis, block, keeper, reachable):
        return None
    return keeper


def _loaded(instruction: Instruction) -> str:
    """The local variable that an instruction loads; empty if it loads something else."""
    if instruction.op in _LOCALS or instruction.op == "STORE_FAST_LOAD_FAST":
        return names_in(instruction)[-1]
    return ""


def _callee(instructions: Sequence[Instruction], end: int) -> Tuple[int, Tuple[str, ...]]:
    """What the call that ends at index ``end`` calls: where it is loaded, and its names.

    No names if it isn't a plain call.
    """
    call = instructions[end]
    if call.op not in _CALLS or call.arg is None:
        return end, ()
    position = end - 1
    wanted = call.arg + _CALLS[call.op]
    while wanted > 0 and position >= 0:
        wanted -= stack_effect(instructions[position], jump=False)
        position -= 1
    names: List[str] = []
    while position >= 0 and instructions[position].op in {*_ATTRIBUTES, "PUSH_NULL"}:
        if instructions[position].op in _ATTRIBUTES:
            names.insert(0, str(instructions[position].value))
        position -= 1
    if position < 0 or instructions[position].op not in _NAMES:
        return end, ()
    return position, (str(instructions[position].value), *names)


def _may_be_stored(
    instructions: Sequence[Instruction],
    analysis: CodeAnalysis,
    block: Block,
    keeper: Keeper,
    reachable: Set[int],
) -> bool:
    """Whether the variable may have been assigned to after the block was entered."""
    stores = {
        ins.offset
        for ins in instructions
        if ins.op.startswith(("STORE_FAST", "DELETE_FAST", "LOAD_FAST_AND_CLEAR"))
        and keeper.name in names_in(ins)
    }
    if keeper.callee:  # the target itself
        stores.discard(min((offset for offset in stores if offset >= block.body), default=-1))
    if not stores:
        return False
    for offset in stores:
        if any(live.block is block for there in analysis.at(offset) for live in there.live):
            return True
    return not stores.isdisjoint(reachable)


def _reachable(decoded: _Decoded, starts: Iterable[int], left: bool) -> Set[int]:
    """Where the frame may go on from ``starts``; if ``left``, without a manager that swallows."""
    instructions = decoded.instructions
    seen: Set[int] = set()
    pending = list(starts)
    swallows = _where_exits_swallow(instructions) if left else set()
    while pending:
        # A target may be one of the operations that do nothing.
        index = decoded.index(pending.pop())
        if index >= len(instructions) or instructions[index].offset in seen:
            continue
        ins = instructions[index]
        seen.add(ins.offset)
        if ins.target is not None and ins.offset not in swallows:
            pending.append(ins.target)
        if ins.op not in GENERATION.terminal and ins.op not in GENERATION.jumps_only:
            pending.append(ins.offset + 2)
        if ins.offset in decoded.handlers:
            pending.append(decoded.handlers[ins.offset])
    return seen


def _where_exits_swallow(instructions: Sequence[Instruction]) -> Set[int]:
    """The jumps that are taken when an exit method has swallowed its exception."""
    found = set()
    waiting = False
    for ins in instructions:
        if ins.op == "WITH_EXCEPT_START":
            waiting = True
        elif waiting and ins.op.startswith("POP_JUMP") and "TRUE" in ins.op:
            found.add(ins.offset)
            waiting = False
    return found


def returns_its_argument(code: CodeType) -> bool:
    """Whether a function, or a coroutine function, always returns its first argument."""
    if not code.co_argcount or code.co_flags & _CO_YIELDS:
        return False
    name = code.co_varnames[0]
    instructions = _Decoded(code).instructions
    targets = {ins.target for ins in instructions}
    returns = False
    for previous, ins in zip(instructions, instructions[1:]):
        if ins.op.startswith(("STORE_FAST", "DELETE_FAST")) and name in names_in(ins):
            return False
        if ins.op == "RETURN_CONST":  # 3.12 and 3.13
            return False
        if ins.op == "RETURN_VALUE":
            if _loaded(previous) != name or ins.offset in targets:
                return False
            returns = True
    return returns
