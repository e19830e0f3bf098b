"""Reading objects of the inspected program without running its code, and naming its functions."""

from __future__ import annotations

from types import (
    BuiltinFunctionType,
    BuiltinMethodType,
    FunctionType,
    GetSetDescriptorType,
    MethodType,
    ModuleType,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

__all__ = ["argument_texts", "class_attribute", "instance_attributes", "is_instance", "name_of"]

ARGUMENTS_SHOWN = 50
"""How many arguments of a call are written out."""

_bases: Callable[[type], Tuple[type, ...]] = type.__dict__["__mro__"].__get__
_namespace: Callable[[type], Dict[str, Any]] = type.__dict__["__dict__"].__get__


def class_attribute(cls: type, name: str, default: object = None) -> Any:
    """What ``cls`` or one of its bases defines by a name, as it is in the class: a function, say."""
    for base in _bases(cls):
        if name in _namespace(base):
            return _namespace(base)[name]
    return default


def instance_attributes(obj: object) -> Dict[str, Any]:
    """The attributes that are stored in ``obj`` itself, whatever its class does with attributes."""
    reader = class_attribute(type(obj), "__dict__")
    if type(reader) is not GetSetDescriptorType:
        return {}
    namespace = reader.__get__(obj)
    return namespace if type(namespace) is dict else {}


def is_instance(obj: object, classes: Sequence[type]) -> bool:
    """``isinstance``, but without asking ``obj`` for its ``__class__``."""
    return any(base is cls for base in _bases(type(obj)) for cls in classes)


def name_of(function: object) -> str:
    """``module.qualname`` of a function, ``<self!r>.name`` of a bound method, else the representation."""
    from stackscope.render.safe import safe_repr, safe_text

    thing: Any = function
    if type(thing) is MethodType:
        inner = thing.__func__
        if type(inner) is FunctionType:
            return f"{safe_repr(thing.__self__)}.{safe_text(inner.__name__)}"
        return safe_repr(thing)
    if type(thing) in (BuiltinMethodType, BuiltinFunctionType):  # two types on PyPy
        owner = getattr(thing, "__self__", None)
        if owner is not None and type(owner) is not ModuleType:
            return f"{safe_repr(owner)}.{thing.__name__}"
    elif type(thing) is not FunctionType:
        return safe_repr(thing)
    module = thing.__module__
    qualname = safe_text(thing.__qualname__)
    return f"{safe_text(module)}.{qualname}" if type(module) is str else qualname


def argument_texts(args: Sequence[object], kwargs: Mapping[str, object]) -> List[str]:
    """The arguments of a call as they might stand in source text."""
    from stackscope.render.safe import safe_repr, safe_text

    texts = [safe_repr(value) for value in args[:ARGUMENTS_SHOWN]]
    texts += [f"{safe_text(name)}={safe_repr(value)}" for name, value in kwargs.items()]
    if len(args) > ARGUMENTS_SHOWN or len(texts) > ARGUMENTS_SHOWN:
        texts[ARGUMENTS_SHOWN:] = ["..."]
    return texts
