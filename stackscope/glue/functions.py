"""The names of functions written in C, which have no frames, in the calls that lead to them."""

from __future__ import annotations

import functools
from types import BuiltinFunctionType, BuiltinMethodType, ModuleType

from stackscope.safe.objects import is_instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

__all__ = ["name_in_c"]

DEEPEST_PARTIAL = 10
"""How many objects around a function are looked through for it."""

_partial_function = vars(functools.partial)["func"].__get__
_partial_arguments = vars(functools.partial)["args"].__get__


def name_in_c(function: object, args: Any = ()) -> Optional[str]:
    """The name of the function that a call leads to, if it is one in C: ``time.sleep()``."""
    for _ in range(DEEPEST_PARTIAL):
        if type(function) is functools.partial:
            given = args if type(args) is tuple else ()
            function, args = _partial_function(function), (*_partial_arguments(function), *given)
        elif _is_run_of_context(function) and type(args) is tuple and args:
            function, args = args[0], args[1:]
        else:
            break
    if not is_instance(function, (BuiltinFunctionType, BuiltinMethodType)):
        return None
    called: Any = function
    owner = getattr(called, "__self__", None)
    if owner is None or type(owner) is ModuleType:
        module = getattr(called, "__module__", None)
        place = module if type(module) is str else ""
    else:
        place = type.__dict__["__name__"].__get__(type(owner))
    return f"{place}.{called.__name__}()" if place else f"{called.__name__}()"


def _is_run_of_context(function: object) -> bool:
    """Whether it is the method by which ``to_thread()`` calls in a context."""
    if not is_instance(function, (BuiltinMethodType,)):
        return False
    method: Any = function
    owner = type(method.__self__)
    return bool(method.__name__ == "run" and owner.__name__ == "Context")
