"""Reading objects of the program under inspection without running its code.

An attribute access may run a property, a ``__getattr__`` or a metaclass of the program. The readers
here go past all of these: they are the descriptors that the interpreter itself has for what is
stored in an object, a class, a module or an exception.
"""

from __future__ import annotations

import builtins
import functools
import sys
from types import GetSetDescriptorType, MemberDescriptorType, ModuleType, TracebackType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Dict, Iterator, Optional, Sequence, Tuple

__all__ = [
    "MISSING",
    "arguments_of_exception",
    "arguments_of_partial",
    "cause_of",
    "class_attribute",
    "context_of",
    "exceptions_in_group",
    "function_of_partial",
    "instance_attributes",
    "is_instance",
    "module_of",
    "mro_of",
    "namespace_of",
    "namespace_of_module",
    "qualname_of",
    "stored_attribute",
    "suppresses_context",
    "traceback_of",
    "values_in_slots",
]

_BUILT_IN_GROUP: Any = getattr(builtins, "BaseExceptionGroup", None)  # 3.11+

MISSING = object()
"""Means that there is no value, where the value may be ``None``."""

mro_of: Callable[[type], Tuple[type, ...]] = type.__dict__["__mro__"].__get__
"""``cls.__mro__``."""

namespace_of: Callable[[type], Dict[str, Any]] = type.__dict__["__dict__"].__get__
"""``cls.__dict__``."""

qualname_of: Callable[[type], str] = type.__dict__["__qualname__"].__get__
"""``cls.__qualname__``."""

namespace_of_module: Callable[[ModuleType], Dict[str, Any]] = vars(ModuleType)["__dict__"].__get__
"""``module.__dict__``."""

function_of_partial: Callable[[object], object] = namespace_of(functools.partial)["func"].__get__
"""What a `functools.partial` calls."""

arguments_of_partial: Callable[[object], Tuple[Any, ...]]
arguments_of_partial = namespace_of(functools.partial)["args"].__get__
"""What it passes to that in front, by position."""

arguments_of_exception: Callable[[BaseException], Tuple[object, ...]]
arguments_of_exception = BaseException.__dict__["args"].__get__
"""``exc.args``."""

traceback_of: Callable[[BaseException], Optional[TracebackType]]
traceback_of = BaseException.__dict__["__traceback__"].__get__
"""``exc.__traceback__``."""

cause_of: Callable[[BaseException], Optional[BaseException]]
cause_of = BaseException.__dict__["__cause__"].__get__
"""``exc.__cause__``."""

context_of: Callable[[BaseException], Optional[BaseException]]
context_of = BaseException.__dict__["__context__"].__get__
"""``exc.__context__``."""

suppresses_context: Callable[[BaseException], bool]
suppresses_context = BaseException.__dict__["__suppress_context__"].__get__
"""``exc.__suppress_context__``."""


def class_attribute(cls: type, name: str, default: object = None) -> Any:
    """Look up an attribute of a class or its bases, without running code of the program.

    Args:
        cls: The class.
        name: The name of the attribute.
        default: What to return if it isn't defined.

    Returns:
        The attribute as it is stored: a function, for example, and not a bound method.

    Example:
        >>> class Base:
        ...     def run(self):
        ...         pass
        >>> class_attribute(type("Derived", (Base,), {}), "run") is Base.run
        True
    """
    for base in mro_of(cls):
        namespace = namespace_of(base)
        if name in namespace:
            return namespace[name]
    return default


def instance_attributes(obj: object) -> Dict[str, Any]:
    """Read the attributes that are stored in an object, without running code of the program.

    Args:
        obj: Anything.

    Returns:
        The dictionary of the object: don't change it. An empty one if it has none.

    Example:
        >>> class Job:
        ...     def __init__(self):
        ...         self.name = "upload"
        ...     def __getattr__(self, name):
        ...         raise SystemExit
        >>> instance_attributes(Job())
        {'name': 'upload'}
    """
    reader = class_attribute(type(obj), "__dict__")
    if type(reader) is not GetSetDescriptorType:
        return {}
    namespace = reader.__get__(obj)
    return namespace if type(namespace) is dict else {}


def stored_attribute(obj: object, name: str) -> Any:
    """Read an attribute that is stored in an object, without running code of the program.

    Args:
        obj: Anything.
        name: The name of the attribute.

    Returns:
        The value from the dictionary of the object or from a slot; ``None`` if there is neither.

    Example:
        >>> class Job:
        ...     __slots__ = ("name",)
        ...     @property
        ...     def state(self):
        ...         raise SystemExit
        >>> job = Job()
        >>> job.name = "upload"
        >>> stored_attribute(job, "name"), stored_attribute(job, "state")
        ('upload', None)
    """
    namespace = instance_attributes(obj)
    if name in namespace:
        return namespace[name]
    slot = class_attribute(type(obj), name)
    if type(slot) is not MemberDescriptorType:
        return None
    try:
        return slot.__get__(obj)
    except AttributeError:  # it has no value yet
        return None


def values_in_slots(obj: object) -> Iterator[object]:
    """What an object keeps in slots that have a value, without running code of the program.

    Args:
        obj: Anything.

    Returns:
        The values, one at a time.

    Example:
        >>> class Job:
        ...     __slots__ = ("name", "state")
        >>> job = Job()
        >>> job.name = "upload"
        >>> list(values_in_slots(job))
        ['upload']
    """
    for cls in mro_of(type(obj)):
        for slot in list(namespace_of(cls).values()):
            if type(slot) is MemberDescriptorType:
                try:
                    value = slot.__get__(obj)
                except (AttributeError, TypeError):  # it has none, or is one of another class
                    continue
                yield value


def is_instance(obj: object, classes: Sequence[type]) -> bool:
    """The same as ``isinstance``, but without running code of the program.

    Args:
        obj: Anything.
        classes: The classes.

    Returns:
        Whether the type of the object is one of the classes, or derived from one.

    Example:
        >>> is_instance(True, [str, int])
        True
    """
    cls = type(obj)
    for wanted in classes:
        if cls is wanted:
            return True
    for base in mro_of(cls):
        for wanted in classes:
            if base is wanted:
                return True
    return False


def module_of(frame: FrameType) -> Optional[str]:
    """The name of the module that a frame's globals belong to, or ``None``."""
    name: Any = dict.get(frame.f_globals, "__name__")  # the globals may be of a dict subclass
    return str.__str__(name) if issubclass(type(name), str) else None


def exceptions_in_group(exception: BaseException) -> Tuple[BaseException, ...]:
    """Read the exceptions in an exception group, without running code of the program.

    Args:
        exception: Any exception. Before Python 3.11, groups are those of the package
            ``exceptiongroup``.

    Returns:
        The members of the group, which may be groups themselves. An empty tuple if ``exception``
        isn't a group.

    Example:
        >>> group = ExceptionGroup("two of three failed", [OSError("full"), KeyError("name")])
        >>> exceptions_in_group(group)
        (OSError('full'), KeyError('name'))
    """
    cls = _BUILT_IN_GROUP or getattr(sys.modules.get("exceptiongroup"), "BaseExceptionGroup", None)
    if cls is None or not is_instance(exception, (cls,)):
        return ()
    members: object
    if _BUILT_IN_GROUP is not None:
        members = namespace_of(cls)["exceptions"].__get__(exception)
    else:  # an attribute as others are, which anybody may have set
        members = instance_attributes(exception).get("_exceptions")
    if type(members) is not tuple:
        return ()
    return tuple(member for member in members if is_instance(member, (BaseException,)))
