"""What holds at the instructions of a code object, found out when it is asked for.

The pass over the code (`stackscope.interpreter.bytecode.flow`) keeps the states at leaders. What
holds behind one of them follows from these, by the same rules, up to the next leader.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Dict, List, Optional, Tuple

from stackscope.interpreter.bytecode.blocks import Block, Exiting, Live, Site
from stackscope.interpreter.bytecode.flow import Flow
from stackscope.interpreter.bytecode.instructions import Instruction, stack_effect
from stackscope.interpreter.bytecode.states import BlockEntry, Role, State, meet


def _shallow_first(state: State) -> Tuple[int, Tuple[BlockEntry, ...]]:
    """By what states are sorted, whichever of the ways has been followed first."""
    return state.depth, state.entries


class Sites(Dict[int, Tuple[Site, ...]]):
    """By ``offset // 2``: what holds there. Caches count to their instruction.

    Those that have been asked for are kept, each of them as one object.
    """

    __slots__ = ("_flow", "_shared", "_variables")

    def __init__(self, flow: Flow, variables: int) -> None:
        super().__init__()
        self._flow = flow
        self._variables = variables
        self._shared: Dict[Tuple[Site, ...], Tuple[Site, ...]] = {}

    def __missing__(self, unit: int) -> Tuple[Site, ...]:
        units = self._flow.units
        if not 0 <= 2 * unit < units.size:
            return ()
        instruction = units.instruction(units.start(2 * unit))
        if 2 * unit != instruction.offset:
            return self.setdefault(unit, self[instruction.offset // 2])
        states = sorted(self._states_at(instruction.offset), key=_shallow_first)
        found = tuple(dict.fromkeys(self._site(instruction, state) for state in states))
        # Another thread may have been faster.
        return self.setdefault(unit, self._shared.setdefault(found, found))

    def _states_at(self, offset: int) -> List[State]:
        """The states before an instruction, one of each shape."""
        flow = self._flow
        at = flow.leaders[bisect_right(flow.leaders, offset) - 1]
        states = flow.states.get(at, [])
        while at < offset and states:
            instruction = flow.units.instruction(at)
            at = flow.following(instruction)
            reached: List[State] = []
            for state in states:
                for target, after in flow.step(instruction, state.copy()):
                    if target == at:
                        meet(reached, after)
            states = reached
        return states

    def _site(self, instruction: Instruction, state: State) -> Site:
        exiting = self._exiting(instruction, state)
        live = tuple(
            Live(mark.block, slot, state.find(Role.SELF, mark.block))
            for slot, mark in sorted(state.marks.items())
            if mark.block is not None
            and mark.role is Role.EXIT
            and not (exiting is not None and exiting.block is mark.block)
        )
        variables = self._variables
        intact = self._intact(instruction, state)
        return Site(
            live,
            exiting,
            state.depth,
            intact,
            self._flow.generation.handlers_at(self._flow, instruction.offset, state),
            tuple(variables + max(block.slot, block.self_slot) for block in live),
            any(not block.block.has_target for block in live),
            variables + intact,
        )

    def _intact(self, instruction: Instruction, state: State) -> int:
        """How many slots ``instruction`` leaves alone while it runs.

        It may have taken its operands off the stack already. What lies below its result is
        untouched, and no operation with more than one result takes more than one operand.
        """
        depth = state.depth
        after = [s.depth for _, s in self._flow.step(instruction, state.copy())]
        if not after:
            after = [depth + stack_effect(instruction, jump=False)]
        return max(min([depth, *(d - 1 for d in after)]), 0)

    def _exiting(self, instruction: Instruction, state: State) -> Optional[Exiting]:
        """The block that is being left while ``instruction`` runs."""
        callee = self._called_exit(instruction, state)
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

    def _called_exit(self, instruction: Instruction, state: State) -> Optional[Tuple[int, Block]]:
        """The block whose exit ``instruction`` calls, and its slot if that stays in place."""
        depth = self._flow.generation.exit_callee(instruction, state)
        mark = state.peek(depth)
        if mark is None or mark.role is not Role.EXIT:
            return None
        assert mark.block is not None
        stays = self._flow.generation.callee_stays(instruction)
        return (state.depth - depth if stays else -1), mark.block
