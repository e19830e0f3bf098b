"""The dataflow pass: follows every exit callable through the value stack of a code object.

Each code object is interpreted once, abstractly. A slot of the symbolic stack is `None`
("something") or a `Mark` that says which block's exit callable, manager or awaitable it holds. The
rules for the few operations that matter are in `stackscope.interpreter.bytecode.rules`; all others
only change the depth, by `dis.stack_effect`, and whole runs of them are passed over at once (see
`stackscope.interpreter.bytecode.runs`).

An instruction may be reached by several ways with different stacks. The compiler makes sure that
the depth is the same for all of them, except on 3.8, whose ``finally`` bodies are entered with one,
two or six values on top: they are followed as if it were always one (see
`stackscope.interpreter.bytecode.blockstack`). States that differ in shape are kept apart. Ways meet
where a jump, a handler or a ``finally`` body leads: only there states are kept, at the *leaders*.
What holds in between is found out when it is asked for, in `stackscope.interpreter.bytecode.sites`.
"""

from __future__ import annotations

from bisect import bisect_right
from types import CodeType
from typing import Any, Callable, Dict, Iterable, List, Optional, Set, Tuple

from stackscope.interpreter.bytecode.blocks import Block, Handler
from stackscope.interpreter.bytecode.instructions import (
    HandlerEntry,
    Instruction,
    Units,
    exception_table,
    stack_effect,
)
from stackscope.interpreter.bytecode.runs import Reach, Runs
from stackscope.interpreter.bytecode.states import BlockEntry, Mark, Role, State, meet

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
        self.end: int = -1


Rule = Callable[["Flow", Instruction, State], List[Successor]]


class Generation:
    """How one family of interpreter versions compiles ``with`` statements.

    Attributes:
        rules: operation → its effect on the symbolic stack, where the depth is not all.
        reach: those of them that matter only where they reach a marked slot → by their argument,
            how they change the depth, and how many of the topmost slots they look at.
        terminal: operations after which the next instruction is not reached.
        jumps_only: operations that always jump.
        meeting: operations behind which ways meet, though no jump leads there.
        openers: operations of which a code object with blocks has at least one.
        slots_per_exit: 1, or 2 where callable and manager have a slot each.
        has_runs: whether all operations without a rule may raise alike.
    """

    rules: Dict[str, Rule]
    reach: Dict[str, Reach]
    terminal: Set[str]
    jumps_only: Set[str]
    meeting: Set[str] = set()
    openers: Set[str]
    slots_per_exit: int = 1
    has_runs: bool = True

    def exit_callee(self, ins: Instruction, state: State) -> int:
        """How deep below the top the callee of an operation that may call an exit callable lies.

        Counted from 1; 0 for other operations.
        """
        raise NotImplementedError

    def callee_stays(self, instruction: Instruction) -> bool:
        """Whether an exit callable is still in its slot while ``instruction`` calls it."""
        return True

    def handler_edges(self, flow: Flow, guard: Any, state: State) -> List[Successor]:
        """Where an exception leads, if the handler finds ``state``.

        Args:
            flow: the pass.
            guard: what is in force where it is raised: the block stack, or a line of the exception
                table.
            state: the state there.
        """
        raise NotImplementedError

    def state_raised_in(self, flow: Flow, ins: Instruction, state: State) -> Optional[State]:
        """``state`` as a handler finds it if ``ins`` raises; `None` if it never does."""
        raise NotImplementedError

    def finally_starts(self, units: Units) -> Iterable[int]:
        """Where the ``finally`` bodies are that all ways into them share (3.8)."""
        return ()

    def late_edges(self, flow: Flow) -> List[Successor]:
        """More of these, which count only if the handler has not been reached otherwise."""
        return []

    def handlers_at(self, flow: Flow, offset: int, state: State) -> Tuple[Handler, ...]:
        """The program's exception handlers in force, outermost first; see `Site`."""
        raise NotImplementedError


class Flow:
    """One run of the pass over one code object. Holds no reference to the code object.

    Attributes:
        units: the bytecode.
        blocks: the blocks, by the offsets of their openers.
        bottoms: by opener, the slot that the exit callable is put into (PyPy).
        finally_bodies: those that all ways into them share, by where they start (3.8).
        table: the exception table (3.11+).
        leaders: where ways may meet, in order.
        states: for those of them that are reached, the states there, one of each shape.
    """

    def __init__(self, code: CodeType, units: Units, generation: Generation) -> None:
        self.generation = generation
        self.units = units
        self.blocks: Dict[int, Block] = {}
        self.bottoms: Dict[int, int] = {}
        self.finally_bodies: Dict[int, FinallyBody] = {
            start: FinallyBody() for start in generation.finally_starts(units)
        }
        self.table: List[HandlerEntry] = exception_table(code)
        self._starts = [entry.start for entry in self.table]
        self.leaders: List[int] = []
        self.states: Dict[int, List[State]] = {}
        # By their ids, what has led to a handler, and with what marks.
        self._handled: Dict[Tuple[int, int], Tuple[object, Dict[int, Mark]]] = {}
        # Up to which leader `Generation.late_edges` has come.
        self.searched = 0

    # -- for the rules ------------------------------------------------------------------

    def block(self, instruction: Instruction, is_async: bool) -> Block:
        """The block that ``instruction`` opens."""
        block = self.blocks.get(instruction.offset)
        if block is None:
            block = self.blocks[instruction.offset] = Block(instruction.offset, is_async)
        return block

    def following(self, instruction: Instruction) -> int:
        """Offset of the next instruction."""
        return self.units.following(instruction.offset)

    def entry_at(self, offset: int) -> Optional[HandlerEntry]:
        """The line of the exception table for an offset."""
        i = bisect_right(self._starts, offset) - 1
        return self.table[i] if i >= 0 and offset < self.table[i].end else None

    def on(self, instruction: Instruction, state: State) -> List[Successor]:
        """The state goes on to the next instruction."""
        return [(self.units.following(instruction.offset), state)]

    def enter_returned(self, block: Block, state: State, body: int) -> None:
        """From here on ``block`` is active; its body starts at ``body``, if that is known."""
        state.remark(
            block,
            {
                Role.PENDING_EXIT: Role.EXIT,
                Role.PENDING_SELF: Role.SELF,
                Role.ENTERING: None,
            },
        )
        if body >= 0:
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
        runs = Runs(self.units, self.generation, self.table, self.finally_bodies)
        self.leaders = sorted(runs.leaders)
        work: List[Successor] = [(0, State())]
        while work:
            while work:
                offset, incoming = work.pop()
                if offset < runs.size:
                    state = meet(self.states.setdefault(offset, []), incoming)
                    if state is not None:
                        self.follow(offset, state.copy(), runs, work)
            work = self.generation.late_edges(self)
        self._handled.clear()

    def follow(self, offset: int, state: State, runs: Runs, work: List[Successor]) -> None:
        """Go on from a leader up to the next one, and note what else can be reached."""
        entries, turns, depths = runs.entries, runs.turns, runs.depths
        while 0 <= offset < runs.size:
            guard = state.entries or entries.get(offset)
            turn = turns.get(offset)
            end = offset if turn is not None else runs.end(offset, state)
            if end == offset and (turn is None or state.depth + turn[-1] <= state.top):
                offset, state = self.follow_one(offset, state, guard, runs, work)
                continue
            if guard:
                self.note_handler(guard, state, work)
            if turn is None:
                state.depth += depths[end >> 1] - depths[offset >> 1]
                offset = end
            else:
                target, following, taken, passed, _ = turn
                if target >= 0:
                    self.note_jump(target, state, taken, work)
                state.depth += passed
                offset = following
            if offset in runs.leaders:
                self.note_jump(offset, state, 0, work)
                return

    def note_handler(self, guard: object, state: State, work: List[Successor]) -> None:
        """An exception may be raised. Its handler finds what is marked, and nothing else."""
        key = id(guard), id(state.marks)
        if key not in self._handled:
            self._handled[key] = guard, state.marks
            work.extend(self.generation.handler_edges(self, guard, state))

    def note_jump(self, target: int, state: State, effect: int, work: List[Successor]) -> None:
        """A leader is reached, unless that is known."""
        depth = state.depth + effect
        for known in self.states.get(target, ()):
            if (
                known.depth == depth
                and known.marks is state.marks
                and known.entries == state.entries
            ):
                return
        jumped = state.copy()
        jumped.depth = depth
        work.append((target, jumped))

    def follow_one(
        self, offset: int, state: State, guard: object, runs: Runs, work: List[Successor]
    ) -> Successor:
        """What comes next behind an instruction that is followed by itself; -1 for nothing."""
        ins = self.units.instruction(offset)
        seen = self.generation.state_raised_in(self, ins, state) if guard else None
        if seen is not None:
            self.note_handler(guard, seen, work)
        successors = self.step(ins, state)
        if len(successors) == 1 and successors[0][0] not in runs.leaders:
            return successors[0]
        following = self.units.following(offset)
        found = (-1, state)
        for target, after in successors:
            if target == following and target not in runs.leaders:
                found = (target, after)
            else:
                work.append((target, after))
        return found

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
        """Add or remove slots, as an instruction does that means nothing to us."""
        effect = stack_effect(instruction, jump)
        if effect < 0:
            state.drop(-effect)
        else:
            state.push_unmarked(effect)
