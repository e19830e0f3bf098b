"""The names of functions written in C, which have no frames, in the calls that lead to them."""

from __future__ import annotations

import functools
from types import (
    BuiltinFunctionType,
    BuiltinMethodType,
    CodeType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
)

from stackscope.safe.objects import arguments_of_partial, function_of_partial, is_instance
from stackscope.safe.text import class_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

__all__ = ["is_in_c", "name_in_c"]

DEEPEST_PARTIAL = 10
"""How many objects around a function are looked through for it."""


def name_in_c(function: object, args: Any = ()) -> Optional[str]:
    """The name of the function that a call leads to, if it is one in C: ``time.sleep()``."""
    for _ in range(DEEPEST_PARTIAL):
        if type(function) is functools.partial:
            given = args if type(args) is tuple else ()
            function, args = (
                function_of_partial(function),
                (*arguments_of_partial(function), *given),
            )
        elif _is_run_of_context(function) and type(args) is tuple and args:
            function, args = args[0], args[1:]
        else:
            break
    if not is_in_c(function):
        return None
    called: Any = function
    owner = getattr(called, "__self__", None)
    if owner is None or type(owner) is ModuleType:
        module = getattr(called, "__module__", None)
        place = module if type(module) is str else ""
    else:
        place = type.__dict__["__name__"].__get__(type(owner))
    return f"{place}.{called.__name__}()" if place else f"{called.__name__}()"


def is_in_c(function: object) -> bool:
    """Whether a function or method is written in C, or by Cython, as uvloop's are.

    PyPy has one type for functions, and one for methods; their code tells. What a method there
    calls may be an object of the program's, which isn't asked for anything.
    """
    called: Any = function
    if type(called) is MethodType:
        called = called.__func__
    kind = type(called)
    if kind is FunctionType:
        return type(called.__code__) is not CodeType
    if kind is MethodDescriptorType or class_name(called) == "cython_function_or_method":
        return True
    return kind is not MethodType and is_instance(called, (BuiltinFunctionType, BuiltinMethodType))


def _is_run_of_context(function: object) -> bool:
    """Whether it is the method by which ``to_thread()`` calls in a context."""
    method: Any = function
    if not is_instance(function, (BuiltinMethodType,)):
        return False
    return class_name(method.__self__) == "Context" and method.__name__ == "run"
