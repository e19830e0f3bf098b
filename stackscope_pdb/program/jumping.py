"""Where ``jump`` must not go, though the interpreter would.

The interpreter looks at what a frame has on its stack of values, and goes to the place in a line
that needs as much of it as there is (``frame_setlineno`` in Objects/frameobject.c). It doesn't tell
the iterator of one loop from that of another, nor from the exit of a ``with`` block. Nor does it
know what is there at an ``except`` line. The program would go on with the wrong ones, and a
generator that begins anew while it runs takes the interpreter with it. Tried on 3.11 to 3.15.
"""

from __future__ import annotations

import ast
import dis
import inspect
import linecache

from stackscope_pdb.facts import JUMPS_BY_STACK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Iterator, List, Optional

_GENERATORS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class _Block:
    """Lines while which something is on the stack.

    Args:
        body: The statements.
        head: The line before them that puts it there; it may be there already, from an earlier
            time. 0 if there is no such line.
        can_enter: Whether one may go there from outside.
    """

    def __init__(self, body: List[Any], head: int, *, can_enter: bool = False) -> None:
        self.head = head
        self.first: int = body[0].lineno
        self.last: int = body[-1].end_lineno
        self.can_enter = can_enter

    def has(self, line: int) -> bool:
        """Whether ``line`` is in the body."""
        return self.first <= line <= self.last


def outside(frame: FrameType, line: int) -> Optional[str]:
    """Why a line is none that a frame could ever come to, in the words of the interpreter."""
    code = frame.f_code
    last = max((found for _, found in dis.findlinestarts(code) if found), default=0)
    if line < code.co_firstlineno:
        return f"line {line} comes before the current code block"
    return f"line {line} comes after the current code block" if line > last else None


def why_not(frame: FrameType, line: int) -> Optional[str]:
    """Why a frame, which stands at the beginning of a line, can't go on at another one."""
    code, now = frame.f_code, frame.f_lineno
    lines = [found for _, found in dis.findlinestarts(code) if found and found >= line]
    if not JUMPS_BY_STACK or now is None or not lines:
        return None
    line = min(lines)  # lines without code are passed by
    if code.co_flags & _GENERATORS and line == code.co_firstlineno:
        return "a generator or coroutine that runs can't begin anew."
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename, frame.f_globals)))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    if any(isinstance(node, ast.ExceptHandler) and node.lineno == now for node in ast.walk(tree)):
        return "it can't leave an 'except' clause from its first line: 'next' goes into it."
    return _why_not_between(now, line, list(_blocks(tree)))


def _why_not_between(now: int, line: int, blocks: List[_Block]) -> Optional[str]:
    here = [block for block in blocks if block.has(now) or block.head == now]
    left = [block for block in here if not block.has(line) and block.head != line]
    for block in blocks:
        if block in here:
            continue
        if block.head == line or (block.has(line) and block.can_enter):
            if left:
                return "it can't leave one block and begin another: go to a line between first."
        elif block.has(line):
            return "it can't go into a 'for', 'with' or 'except' block."
    return None


def _blocks(tree: ast.AST) -> Iterator[_Block]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.AsyncFor, ast.AsyncWith, ast.For, ast.With)):
            yield _Block(node.body, node.lineno)
        elif isinstance(node, ast.ExceptHandler):
            yield _Block([node], 0)
        elif getattr(node, "finalbody", None):
            yield _Block(node.finalbody, 0, can_enter=True)  # type: ignore[attr-defined]
