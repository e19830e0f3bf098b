"""What goes wrong in an extraction, and what is made of it."""

from __future__ import annotations

import builtins
import sys

from stackscope.model.stacks import Stack
from stackscope.safe.objects import traceback_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List


OWN_MODULES = (f"{__package__}.walk", f"{__package__}.extraction")
"""The modules whose frames call hooks."""

UNWRAP_LIMIT = 100
"""How many times an item may be unwrapped before that must lead to a frame or a leaf."""


def without_our_frames(exc: BaseException) -> BaseException:
    """``exc`` with a traceback that begins in the hook that raised it.

    The frames of this package's own modules lead to the stack under construction, and so back to
    ``exc``.
    """
    modules = map(sys.modules.get, OWN_MODULES)
    ours = [id(vars(module)) for module in modules if module is not None]
    traceback = traceback_of(exc)
    while traceback is not None and id(traceback.tb_frame.f_globals) in ours:
        traceback = traceback.tb_next
    return BaseException.with_traceback(exc, traceback)


def as_one(errors: List[BaseException]) -> BaseException:
    """The only one of ``errors``, or a group of them all.

    Where nearly no recursion is left, each frame has the same one.
    """
    if len(errors) == 1 or all(type(error) is RecursionError for error in errors):
        return errors[0]
    found: BaseException = _group_type()(
        "multiple errors encountered while extracting stack", list(errors)
    )
    return found


def _group_type() -> Any:
    built_in = getattr(builtins, "BaseExceptionGroup", None)  # 3.11+
    if built_in is not None:
        return built_in
    import exceptiongroup  # pyright: ignore[reportMissingImports] (not installed on 3.11+)

    return exceptiongroup.BaseExceptionGroup


def add_error(stack: Stack, error: BaseException) -> None:
    """Note an error in a stack that may have one already."""
    stack.error = error if stack.error is None else as_one([stack.error, error])


def no_frame(item: object, leaf: object) -> RuntimeError:
    """The error for an item that there is no frame behind."""
    from stackscope.safe.text import safe_repr

    return RuntimeError(
        f"Couldn't extract a frame from {safe_repr(item)}: "
        f"unwrapping only reached {safe_repr(leaf)}"
    )


def too_many_unwrappings(item: object, result: object) -> RuntimeError:
    """The error for an item that seems to unwrap to itself."""
    from stackscope.safe.text import safe_repr

    return RuntimeError(
        f"{safe_repr(item)} has been unwrapped more than {UNWRAP_LIMIT} times without reaching "
        f"something irreducible; probably an infinite loop? (next result is {safe_repr(result)})"
    )
