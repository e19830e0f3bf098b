"""The dataflow pass: follows every exit callable through the value stack of a code object.

Each code object is interpreted once, abstractly. A slot of the symbolic stack is `None`
("something") or a `Mark` that says which block's exit callable, manager or awaitable it holds. The
rules for the few operations that matter are in `stackscope.interpreter.bytecode.rules`; all others
only change the depth, by `dis.stack_effect`.

An instruction may be reached by several ways with different stacks. The compiler makes sure that
the depth is the same for all of them, except on 3.8, whose ``finally`` bodies are entered with one,
two or six values on top: they are followed as if it were always one (see
`stackscope.interpreter.bytecode.blockstack`). States that differ in shape are kept apart.
"""

from __future__ import annotations

import enum
from types import CodeType
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from stackscope.interpreter.bytecode.blocks import Block, CodeAnalysis, Exiting, Handler, Live, Site
from stackscope.interpreter.bytecode.instructions import (
    HandlerEntry,
    Instruction,
    exception_table,
    stack_effect,
)
from stackscope.interpreter.facts import CO_OPTIMIZED, slot_names


class Role(enum.Enum):
    """What a marked slot holds."""

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


class State:
    """The symbolic value stack and block stack before an instruction.

    Attributes:
        depth: how many slots of the value stack are in use.
        marks: those that matter. (A display of a thousand items has as many on the stack.)
        entries: the block stack.
    """

    __slots__ = ("depth", "marks", "entries")

    def __init__(
        self,
        depth: int = 0,
        marks: Optional[Dict[int, Mark]] = None,
        entries: Tuple[BlockEntry, ...] = (),
    ) -> None:
        self.depth = depth
        self.marks: Dict[int, Mark] = {} if marks is None else marks
        self.entries = entries

    def copy(self) -> State:
        return State(self.depth, self.marks.copy(), self.entries)

    def cut(self, depth: int, entries: Tuple[BlockEntry, ...] = ()) -> State:
        """A new state with the lowest slots of this one."""
        return State(depth, {i: m for i, m in self.marks.items() if i < depth}, entries)

    def push(self, *slots: Slot) -> None:
        for mark in slots:
            if mark is not None:
                self.marks[self.depth] = mark
            self.depth += 1

    def push_unmarked(self, count: int) -> None:
        self.depth += count

    def drop(self, count: int) -> None:
        depth = max(self.depth - count, 0)
        for i in [i for i in self.marks if i >= depth]:
            del self.marks[i]
        self.depth = depth

    def peek(self, depth: int) -> Slot:
        """The slot ``depth`` below the top, counted from 1."""
        return self.marks.get(self.depth - depth) if depth > 0 else None

    def swap(self, depth: int) -> None:
        """Swap the top with the slot ``depth`` below it, counted from 1."""
        top, other = self.depth - 1, self.depth - depth
        marks = {i: self.marks.pop(i) for i in (top, other) if i in self.marks}
        swapped = {top: other, other: top}
        self.marks.update({swapped[i]: mark for i, mark in marks.items()})

    def rotate(self, count: int) -> None:
        """Move the top below others, ``count`` in all."""
        lowest, top = self.depth - count, self.depth - 1
        self.marks = {
            i if i < lowest else lowest if i == top else i + 1: mark
            for i, mark in self.marks.items()
        }

    def remove(self, depth: int) -> None:
        """Take out the slot ``depth`` below the top, counted from 1."""
        gone = self.depth - depth
        self.marks = {i - (i > gone): mark for i, mark in self.marks.items() if i != gone}
        self.depth -= 1

    def insert(self, depth: int) -> None:
        """Put in a slot below the topmost ``depth`` ones."""
        new = self.depth - depth
        self.marks = {i + (i >= new): mark for i, mark in self.marks.items()}
        self.depth += 1

    def shape(self) -> Tuple[object, ...]:
        marks = frozenset((i, mark) for i, mark in self.marks.items() if mark.role in _SHAPE)
        return self.depth, self.entries, marks

    def merge(self, other: State) -> bool:
        """Forget what ``other`` doesn't confirm; tell whether anything was forgotten."""
        doubted = [i for i, mark in self.marks.items() if other.marks.get(i) != mark]
        for i in doubted:
            del self.marks[i]
        return bool(doubted)

    def remark(self, block: Block, roles: Dict[Role, Optional[Role]]) -> None:
        """Change the roles of the slots that are marked for ``block``."""
        for i, mark in list(self.marks.items()):
            if mark.block is block and mark.role in roles:
                role = roles[mark.role]
                if role is None:
                    del self.marks[i]
                else:
                    self.marks[i] = Mark(role, block)

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


Successor = Tuple[int, State]


class FinallyBody:
    """A ``finally`` body of 3.8, which all ways into it share.

    Attributes:
        levels: by the block stack where its ``try`` begins, how deep the value stack is there.
        callers: where each way into it goes on afterwards, -1 for behind it, with what state.
        end: the END_FINALLY that returns to them, or -1 if none has been reached.
    """

    __slots__ = ("levels", "callers", "end")

    def __init__(self) -> None:
        self.levels: Dict[Tuple[BlockEntry, ...], int] = {}
        self.callers: Dict[Tuple[int, Tuple[object, ...]], State] = {}
        self.end = -1


Rule = Callable[["Flow", Instruction, State], List[Successor]]


class Generation:
    """How one family of interpreter versions compiles ``with`` statements.

    Attributes:
        rules: operation → its effect on the symbolic stack, where the depth is not all.
        terminal: operations after which the next instruction is not reached.
        jumps_only: operations that always jump.
        openers: operations of which a code object with blocks has at least one.
        slots_per_exit: 1, or 2 where callable and manager have a slot each.
    """

    rules: Dict[str, Rule]
    terminal: Set[str]
    jumps_only: Set[str]
    openers: Set[str]
    slots_per_exit: int = 1

    def is_opener(self, instruction: Instruction) -> bool:
        """Whether the instruction opens a block."""
        return instruction.op in self.openers

    def exit_callee(self, ins: Instruction, state: State) -> int:
        """How deep below the top the callee of an operation that may call an exit callable lies.

        Counted from 1; 0 for other operations.
        """
        raise NotImplementedError

    def callee_stays(self, instruction: Instruction) -> bool:
        """Whether an exit callable is still in its slot while ``instruction`` calls it."""
        return True

    def exception_edges(self, flow: Flow, ins: Instruction, state: State) -> List[Successor]:
        """Where an exception raised by ``ins`` leads."""
        raise NotImplementedError

    def finally_starts(self, instructions: Sequence[Instruction]) -> Iterable[int]:
        """Where the ``finally`` bodies are that all ways into them share (3.8)."""
        return ()

    def late_edges(self, flow: Flow) -> List[Successor]:
        """More of these, which count only if the handler has not been reached otherwise."""
        return []

    def handlers_at(self, flow: Flow, offset: int, state: State) -> Tuple[Handler, ...]:
        """The program's exception handlers in force, outermost first; see `Site`."""
        raise NotImplementedError


class Flow:
    """One run of the pass over one code object."""

    def __init__(
        self, code: CodeType, generation: Generation, instructions: Sequence[Instruction]
    ) -> None:
        self.names = slot_names(code)
        cells = code.co_cellvars or code.co_freevars
        self.plain = bool(code.co_flags & CO_OPTIMIZED) and not cells
        self.generation = generation
        self.instructions = instructions
        self.size = len(code.co_code)
        self.index = {ins.offset: i for i, ins in enumerate(instructions)}
        self.blocks: Dict[int, Block] = {}
        # By opener: the slot that the exit callable is put into.
        self.bottoms: Dict[int, int] = {}
        self.states: Dict[int, List[State]] = {}
        self.finally_bodies: Dict[int, FinallyBody] = {
            start: FinallyBody() for start in generation.finally_starts(instructions)
        }
        # Up to which instruction `Generation.late_edges` has come.
        self.searched = 0
        # The exception table by offset (3.11+).
        self.table: Dict[int, HandlerEntry] = {
            offset: entry
            for entry in exception_table(code)
            for offset in range(entry.start, entry.end, 2)
        }

    # -- for the rules ------------------------------------------------------------------

    def block(self, instruction: Instruction, is_async: bool) -> Block:
        """The block that ``instruction`` opens."""
        block = self.blocks.get(instruction.offset)
        if block is None:
            block = self.blocks[instruction.offset] = Block(instruction.offset, is_async)
            block.start_line = instruction.line
        return block

    def following(self, instruction: Instruction) -> int:
        """Offset of the next instruction."""
        i = self.index[instruction.offset] + 1
        return self.instructions[i].offset if i < len(self.instructions) else self.size

    def on(self, instruction: Instruction, state: State) -> List[Successor]:
        """The state goes on to the next instruction."""
        return [(self.following(instruction), state)]

    def enter_returned(self, block: Block, state: State, body: int) -> None:
        """From here on ``block`` is active."""
        state.remark(
            block,
            {
                Role.PENDING_EXIT: Role.EXIT,
                Role.PENDING_SELF: Role.SELF,
                Role.ENTERING: None,
            },
        )
        block.body = body

    def exit_called(self, block: Block, state: State) -> None:
        """The exit callable of ``block`` has been called; its slots, if any, are still there."""
        state.remark(block, {Role.EXIT: Role.CALLED_EXIT, Role.SELF: Role.CALLED_SELF})

    def await_done(self, state: State, body: int) -> None:
        """What is being awaited, if it comes from an enter or exit method, has returned."""
        for _, mark in sorted(state.marks.items(), reverse=True):
            if mark.block is None:
                continue
            if mark.role is Role.ENTERING:
                self.enter_returned(mark.block, state, body)
                return
            if mark.role is Role.EXITING:
                over = (Role.EXITING, Role.CALLED_EXIT, Role.CALLED_SELF)
                state.remark(mark.block, dict.fromkeys(over))
                return

    # -- the pass -----------------------------------------------------------------------

    def run(self) -> None:
        """Reach the fixed point."""
        work: List[Tuple[int, State]] = [(self.instructions[0].offset, State())]
        while work:
            self.follow(work)
            work = self.generation.late_edges(self)

    def follow(self, work: List[Tuple[int, State]]) -> None:
        """Go on from offsets and states until that gives nothing new."""
        while work:
            offset, incoming = work.pop()
            state = self.arrive(offset, incoming)
            if state is None:
                continue
            instruction = self.instructions[self.index[offset]]
            # It can't raise, and the block whose exit is about to be called is still active here,
            # as it never is in the handler for what that call raises.
            if instruction.op != "PUSH_EXC_INFO":
                work.extend(self.generation.exception_edges(self, instruction, state))
            work.extend(self.step(instruction, state.copy()))

    def arrive(self, offset: int, incoming: State) -> Optional[State]:
        """Note that ``offset`` is reached; gives the state to go on with if that is news."""
        known = self.states.setdefault(offset, [])
        shape = incoming.shape()
        for state in known:
            if state.shape() == shape:
                return state if state.merge(incoming) else None
        if offset not in self.index:
            return None
        state = incoming.copy()
        known.append(state)
        return state

    def step(self, instruction: Instruction, state: State) -> List[Successor]:
        """Where an instruction leads, apart from exceptions, and with what state."""
        generation = self.generation
        rule = generation.rules.get(instruction.op)
        if rule is not None:
            return rule(self, instruction, state)
        if instruction.op in generation.terminal:
            return []
        successors = []
        if instruction.target is not None:
            jumped = state.copy()
            self.change_depth(instruction, jumped, jump=True)
            successors.append((instruction.target, jumped))
        if instruction.op not in generation.jumps_only:
            self.change_depth(instruction, state, jump=False)
            successors += self.on(instruction, state)
        return successors

    def change_depth(self, instruction: Instruction, state: State, jump: bool) -> None:
        effect = stack_effect(instruction, jump)
        if effect < 0:
            state.drop(-effect)
        else:
            state.push_unmarked(effect)

    # -- the result ---------------------------------------------------------------------

    def sites(self) -> List[Tuple[Site, ...]]:
        """By ``offset // 2``: what holds there. Caches count to their instruction."""
        interned: Dict[Site, Site] = {}
        table: List[Tuple[Site, ...]] = [()] * (self.size // 2)
        for instruction in self.instructions:
            found = tuple(
                self.site(instruction, s) for s in self.states.get(instruction.offset, ())
            )
            sites = tuple(interned.setdefault(site, site) for site in dict.fromkeys(found))
            for i in range(instruction.offset // 2, self.following(instruction) // 2):
                table[i] = sites
        return table

    def site(self, instruction: Instruction, state: State) -> Site:
        exiting = self.exiting(instruction, state)
        live = tuple(
            Live(mark.block, slot, state.find(Role.SELF, mark.block))
            for slot, mark in sorted(state.marks.items())
            if mark.block is not None
            and mark.role is Role.EXIT
            and not (exiting is not None and exiting.block is mark.block)
        )
        variables = len(self.names)
        intact = self.intact(instruction, state)
        return Site(
            live,
            exiting,
            state.depth,
            intact,
            self.generation.handlers_at(self, instruction.offset, state),
            tuple(variables + max(block.slot, block.self_slot) for block in live),
            any(not block.block.has_target for block in live),
            variables + intact,
        )

    def intact(self, instruction: Instruction, state: State) -> int:
        """How many slots ``instruction`` leaves alone while it runs.

        It may have taken its operands off the stack already. What lies below its result is
        untouched, and no operation with more than one result takes more than one operand.
        """
        depth = state.depth
        after = [s.depth for _, s in self.step(instruction, state.copy())]
        if not after:
            after = [depth + stack_effect(instruction, jump=False)]
        return max(min([depth, *(d - 1 for d in after)]), 0)

    def exiting(self, instruction: Instruction, state: State) -> Optional[Exiting]:
        """The block that is being left while ``instruction`` runs."""
        callee = self.called_exit(instruction, state)
        if callee is not None:
            slot, block = callee
            return Exiting(block, slot, state.find(Role.SELF, block) if slot >= 0 else -1, -1)
        awaitable = state.find(Role.EXITING)
        if awaitable < 0:
            return None
        awaited = state.marks[awaitable].block
        assert awaited is not None
        block = awaited
        return Exiting(
            block,
            state.find(Role.CALLED_EXIT, block),
            state.find(Role.CALLED_SELF, block),
            awaitable,
        )

    def called_exit(self, instruction: Instruction, state: State) -> Optional[Tuple[int, Block]]:
        """The block whose exit ``instruction`` calls, and its slot if that stays in place."""
        depth = self.generation.exit_callee(instruction, state)
        mark = state.peek(depth)
        if mark is None or mark.role is not Role.EXIT:
            return None
        assert mark.block is not None
        stays = self.generation.callee_stays(instruction)
        return (state.depth - depth if stays else -1), mark.block

    def analysis(self) -> CodeAnalysis:
        blocks = sorted(self.blocks.values(), key=lambda block: block.opener)
        return CodeAnalysis(blocks, self.sites(), self.names, self.plain)
