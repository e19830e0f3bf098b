"""Whether two code objects are that of the same function.

They are usually one and the same. But a function may get another ``__code__`` while it runs, as
from debuggers that mark it and from what reloads modules: a frame keeps the one that it has begun
with. Then they are known by their place: the name, the file and the first line.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Hashable, Optional, Tuple

__all__ = ["code_key", "place_of_code", "same_code"]


def place_of_code(code: CodeType) -> Optional[Tuple[str, str, int]]:
    """Where the function of a code object is written.

    It is ``None`` where there may be others at the same place: for lambdas and comprehensions, and
    for code that was generated.
    """
    name, file = code.co_name, code.co_filename
    if name[:1] == "<" or file[:1] == "<":
        return None
    return name, file, code.co_firstlineno


def same_code(one: CodeType, other: object) -> bool:
    """Whether two code objects are that of the same function.

    Args:
        one: A code object.
        other: Another one; anything else isn't the same.
    """
    return one is other or (
        type(other) is type(one)
        and one.co_name == other.co_name  # type: ignore[attr-defined]
        and one.co_firstlineno == other.co_firstlineno  # type: ignore[attr-defined]
        and one.co_filename == other.co_filename  # type: ignore[attr-defined]
        and place_of_code(one) is not None
    )


def code_key(code: CodeType) -> Hashable:
    """What is equal for code objects of the same function, as long as these exist."""
    return place_of_code(code) or id(code)
