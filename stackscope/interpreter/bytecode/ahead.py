"""What a function may still do: the names of what it gets from objects, after an instruction."""

from __future__ import annotations

from types import CodeType
from typing import FrozenSet, Set

from stackscope.interpreter.bytecode.analyze import GENERATION
from stackscope.interpreter.bytecode.instructions import decode, names_in
from stackscope.interpreter.facts import BYTECODE_IS_KNOWN

__all__ = ["attributes_ahead"]


def attributes_ahead(code: CodeType, lasti: int) -> FrozenSet[str]:
    """The attributes and methods that a function may still get, unless an exception is raised.

    Args:
        code: The code of the function.
        lasti: The offset of the instruction that it is at.
    """
    if not BYTECODE_IS_KNOWN:
        return frozenset()
    instructions = decode(code)
    index = {ins.offset: i for i, ins in enumerate(instructions)}
    start = max([i for offset, i in index.items() if offset <= lasti], default=0)
    found: Set[str] = set()
    seen: Set[int] = set()
    todo = [start]
    while todo:
        i = todo.pop()
        if i in seen or i >= len(instructions):
            continue
        seen.add(i)
        ins = instructions[i]
        if i != start and ins.op in ("LOAD_ATTR", "LOAD_METHOD"):
            found.update(names_in(ins))
        elif ins.op == "GET_ANEXT":
            found.add("__anext__")
        if ins.target is not None and not ins.op.startswith("SETUP_"):
            todo.append(index[ins.target])
        if ins.op not in GENERATION.terminal and ins.op not in GENERATION.jumps_only:
            todo.append(i + 1)
    return frozenset(found)
