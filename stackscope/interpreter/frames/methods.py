"""Which manager an exit callable belongs to, without running any code of its class."""

from __future__ import annotations

from types import (
    BuiltinMethodType,
    CodeType,
    FrameType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    WrapperDescriptorType,
)
from typing import Any, Tuple

from stackscope.interpreter.frames.variables import first_argument
from stackscope.interpreter.same_code import same_code
from stackscope.safe.objects import class_attribute, namespace_of

# How many decorators of a method are looked behind.
_WRAPPERS = 20


def manager_of(exit_callable: object, name: str) -> Tuple[bool, object]:
    """The manager that a bound exit method belongs to, and whether that is sure.

    Args:
        exit_callable: what the interpreter found as ``manager.__exit__``.
        name: ``"__exit__"`` or ``"__aexit__"``.
    """
    kind = type(exit_callable)
    if kind is MethodType:
        method: Any = exit_callable
        manager = method.__self__
        function = method.__func__
        cls = type(manager)
        # Mostly it is the class's own.
        if namespace_of(cls).get(name) is function or class_attribute(cls, name) is function:
            return True, manager
    elif kind is BuiltinMethodType or kind is MethodWrapperType:
        builtin: Any = exit_callable
        manager = builtin.__self__
        defined = type(class_attribute(type(manager), name))
        if defined is MethodDescriptorType or defined is WrapperDescriptorType:
            return True, manager
    return False, None


def is_exit_of(function: object, manager: object, name: str) -> bool:
    """Whether ``function`` is the unbound exit method of ``manager``."""
    kind = type(function)
    if kind not in (FunctionType, MethodDescriptorType, WrapperDescriptorType):
        return False
    return class_attribute(type(manager), name) is function


def manager_in_exit(frame: FrameType, name: str) -> Tuple[bool, object]:
    """The manager whose exit method ``frame`` runs: its first argument, if that fits."""
    found, manager = first_argument(frame)
    if found and is_exit_code(frame.f_code, manager, name):
        return True, manager
    return False, None


def is_exit_code(code: CodeType, manager: object, name: str) -> bool:
    """Whether ``code`` is that of the exit method of ``manager``."""
    return _runs(class_attribute(type(manager), name), code)


def _runs(attribute: object, code: CodeType) -> bool:
    """Whether a method, or what it wraps (`functools.wraps`), has this code."""
    for _ in range(_WRAPPERS):
        if type(attribute) is not FunctionType:
            return False
        if same_code(code, attribute.__code__):
            return True
        attribute = attribute.__dict__.get("__wrapped__")
    return False
