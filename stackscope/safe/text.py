"""Text of objects and names that can't be trusted.

The objects that we show are somebody else's, often half built or broken. Their ``repr`` may raise,
be huge, or hold characters that would repaint a terminal or break a tree apart. `safe_repr` and
`safe_text` always give one line of printable characters. No other module here calls ``repr`` on
such an object.
"""

from __future__ import annotations

import types
from _thread import LockType
from collections import OrderedDict, defaultdict, deque
from functools import partial
from itertools import islice
from types import BuiltinFunctionType, BuiltinMethodType, FunctionType, MethodType, ModuleType

from stackscope.safe.interruptions import interrupts
from stackscope.safe.objects import (
    arguments_of_exception,
    arguments_of_partial,
    class_attribute,
    exceptions_in_group,
    function_of_partial,
    mro_of,
    namespace_of,
)
from stackscope.safe.scoped import Scoped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Any,
        Callable,
        Dict,
        Iterable,
        List,
        Mapping,
        Optional,
        Sequence,
        Set,
        Tuple,
        TypeVar,
    )

    R = TypeVar("R")
    Inner = Callable[[Any, Callable[[object, int], str], int], str]

REPR_LIMIT = 400
"""Characters of a representation that are shown by default."""

DEEPEST_CONTAINER = 40
"""Containers nested deeper than that are left to the built-in ``repr``."""

SHORTEST_LIMIT = 200
"""The contract: a cut representation keeps at least that many characters."""

ELLIPSIS = "..."

_type_name: Callable[[type], str] = type.__dict__["__name__"].__get__
_exact: Callable[[str], str] = str.__str__  # also of a subclass with methods of its own


def class_name(obj: object) -> str:
    """The name of the type of an object, read without running code of the program.

    Args:
        obj: Anything.

    Returns:
        The name, as a printable line.

    Example:
        >>> class_name([])
        'list'
    """
    return safe_text(_type_name(type(obj)))


def safe_text(text: str) -> str:
    r"""Make one printable line: what ``str.isprintable`` excludes is escaped, as ``repr`` does.

    This includes control characters, newlines, terminal escapes, lone surrogates and marks that
    change the direction of writing.

    Args:
        text: Any text.

    Returns:
        The line.

    Example:
        >>> print(safe_text("red: \x1b[31m"))
        red: \x1b[31m
    """
    text = _exact(text)
    if text.isprintable():
        return text
    return "".join([c if c.isprintable() else repr(c)[1:-1] for c in text])


def safe_line(line: str) -> str:
    """A line of source text: as `safe_text`, but tabs are kept, for they do no harm."""
    line = _exact(line)
    if line.isprintable():
        return line
    return "\t".join(map(safe_text, line.split("\t")))


def safe_lines(text: str) -> str:
    """Text of several lines: as `safe_line` for each of them."""
    if text.isprintable():
        return text
    return "\n".join(map(safe_line, text.split("\n")))


def cut(text: str, limit: int) -> str:
    """``text``, or its first ``limit`` characters and an ellipsis."""
    return text if len(text) <= limit else text[:limit] + ELLIPSIS


def safe_repr(obj: object, limit: int = REPR_LIMIT) -> str:
    """``repr(obj)`` as one line of printable characters, bounded whatever ``obj`` does.

    Args:
        obj: Anything.
        limit: The most characters to show, before an ellipsis. Less than 200 counts as 200.

    Returns:
        The representation, or ``<ClassName object at 0x… (repr raised ValueError)>``. The same is
        done for each element of a list, tuple, dictionary or set.

    Example:
        >>> safe_repr([1, "two"])
        "[1, 'two']"
    """
    limit = max(limit, SHORTEST_LIMIT)
    try:
        # escaping only makes it longer
        return cut(safe_text(_Describer(limit).describe(obj, limit)[: limit + 1]), limit)
    except BaseException as exc:
        if interrupts(exc):
            raise
        return _failure(obj, exc)


def set_reprs_enabled(enabled: bool) -> None:
    """Choose whether ``__repr__`` methods of the program may be called, in all threads.

    They are called when a stack is drawn. Without them, objects are shown as ``<ClassName object at
    0x…>``, except for numbers, strings and other built-in types whose representation runs no code
    of the program.

    Args:
        enabled: ``True``, the default, or ``False``.

    Example:
        >>> set_reprs_enabled(False)
        >>> safe_repr([1, "two"])
        "[1, 'two']"
        >>> set_reprs_enabled(True)
    """
    global _reprs_enabled  # noqa: PLW0603
    _reprs_enabled = bool(enabled)


_reprs_enabled = True

_is_silent: Scoped[bool] = Scoped("is_silent", False)
"""Whether `without_reprs` is going on."""

_PLAIN_TYPES = frozenset(
    map(
        id,
        (
            bool,
            bytearray,
            complex,
            float,
            int,
            type,
            type(None),
            type(...),
            type(NotImplemented),
            types.AsyncGeneratorType,
            types.BuiltinFunctionType,
            types.CodeType,
            types.CoroutineType,
            types.FrameType,
            types.FunctionType,
            types.GeneratorType,
            LockType,
        ),
    )
)
"""The types, besides strings and containers, whose ``repr`` runs nobody's code."""


def without_reprs(function: Callable[..., R], *args: object) -> R:
    """What ``function`` returns if no code of the program may run meanwhile to describe things.

    That goes for ``__repr__`` and ``__str__``, and for loaders of source. A signal handler may have
    interrupted code that holds the lock that such a method waits for.
    """
    __stackscope_exits_stay__ = True  # noqa: F841 (see `EXITS_STAY`)
    return _is_silent.during(True, function, *args)


def may_run_reprs() -> bool:
    """Whether the program's own ``__repr__`` and ``__str__`` methods may be called now."""
    return _reprs_enabled and not _is_silent.get()


def is_silent() -> bool:
    """Whether `without_reprs` is going on."""
    return _is_silent.get()


def _failure(obj: object, exc: BaseException) -> str:
    return f"<{class_name(obj)} object at {id(obj):#x} (repr raised {class_name(exc)})>"


def str_of_exception(exc: BaseException, limit: int) -> str:
    """The beginning of ``str(exc)``, as it is.

    Raises:
        Exception: Whatever that raises.
    """
    return _exact(str(exc))[:limit]


def describe_exception(exc: BaseException, limit: int = REPR_LIMIT) -> str:
    """``ClassName: message`` on one line, bounded and guarded as `safe_repr` is."""
    name = class_name(exc)
    if not may_run_reprs():
        arguments = ", ".join([safe_repr(value) for value in arguments_of_exception(exc)])
        return f"{name}: {cut(arguments, limit)}" if arguments else name
    try:
        message = cut(safe_text(str_of_exception(exc, limit + 1)), limit)
    except BaseException as failure:
        if interrupts(failure):
            raise
        message = f"(str raised {class_name(failure)})"
    return f"{name}: {message}" if message else name


def exception_in_brief(exc: BaseException, limit: int = REPR_LIMIT) -> str:
    """``ClassName: message``, without running any code of the exception's."""
    arguments = arguments_of_exception(exc)
    is_plain = class_attribute(type(exc), "__str__") is BaseException.__str__
    if is_plain and len(arguments) == 1 and type(arguments[0]) is str:
        return f"{class_name(exc)}: {cut(safe_text(arguments[0]), limit)}"
    return without_reprs(describe_exception, exc, limit)


def _arguments_shown(exc: BaseException) -> Optional[Sequence[object]]:
    """What the ``repr`` of an exception shows; ``None`` if its class has one of its own."""
    shown: object = class_attribute(type(exc), "__repr__")
    arguments = arguments_of_exception(exc)
    if shown is _REPR_OF_EXCEPTIONS:
        return arguments
    members = exceptions_in_group(exc)
    if not members or not arguments or shown is not _repr_of_groups(type(exc)):
        return None
    # On 3.15 and later they stand in what was given.
    is_tuple = type(shown) is not FunctionType and type(arguments[-1]) is tuple
    return arguments[0], members if is_tuple else list(members)


_REPR_OF_EXCEPTIONS: object = BaseException.__dict__["__repr__"]


def _repr_of_groups(kind: type) -> object:
    for base in mro_of(kind):
        if _type_name(base) == "BaseExceptionGroup":
            return namespace_of(base).get("__repr__")
    return None


_registered: Dict[int, Tuple[object, Inner]] = {}
"""By the id of a ``__repr__``: that, and what is called in its place."""


def register_repr(own: object, describe: Inner) -> None:
    """Have objects described that hold others of their kind, one in another without end.

    Their own ``__repr__`` would write all of these, each time that one of them is drawn.

    Args:
        own: The ``__repr__`` of the class. That of a class derived from it may be another one, and
            is called.
        describe: Gets an object, a function that describes what is in it, and how many characters
            there is room for. That function takes another object and the room for that. It returns
            what ``own`` would, as far as there is room, or more.
    """
    _registered[id(own)] = own, describe


class _Describer:
    """``repr`` for containers and what else holds others, which stops where the limit is reached.

    So a list of a million elements costs no more than what is shown of it, and an element that
    can't be represented spoils only its own place.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.may_run_reprs = may_run_reprs()
        self.inside: Set[int] = set()

    def describe(self, obj: Any, room: int) -> str:
        """Represent ``obj``: all of it, or at least ``room`` characters if it is longer."""
        kind = type(obj)
        if kind is str or kind is bytes:
            return repr(obj if len(obj) <= room else obj[: max(room, 0)])
        if kind is int and obj.bit_length() > 4 * self.limit:
            return cut(f"{obj:#x}", self.limit)  # decimal digits take quadratic time, or raise
        # by identity, for hashing or comparing a type may run code of its metaclass
        is_container = kind is list or kind is tuple or kind is dict or kind is set
        if len(self.inside) < DEEPEST_CONTAINER:
            if is_container:
                return self._container(obj, room)
            holder = _HOLDERS.get(id(kind))
            if holder is not None:
                return self._holder(obj, room, holder, self)
            if _registered and self.may_run_reprs:
                found = _registered.get(id(class_attribute(kind, "__repr__")))
                if found is not None:
                    return self._holder(obj, room, found[1], self.describe)
        if issubclass(kind, BaseException):
            arguments = _arguments_shown(obj)
            if arguments is not None:
                return self._exception(obj, arguments, room)
        if not self.may_run_reprs and id(kind) not in _PLAIN_TYPES:
            return f"<{class_name(obj)} object at {id(obj):#x}>"
        try:
            return _exact(repr(obj))
        except RecursionError:
            raise  # caught where there is room on the stack again; see record_repr
        except BaseException as exc:
            if interrupts(exc):
                raise
            return _failure(obj, exc)

    def _container(self, obj: Any, room: int) -> str:
        opening, closing = _brackets(type(obj))
        if id(obj) in self.inside:
            return f"{opening}...{closing}"
        if not obj:
            return repr(obj)
        if room <= 0:
            return opening + ELLIPSIS
        self.inside.add(id(obj))
        try:
            return opening + self.elements(obj, room) + closing
        finally:
            self.inside.discard(id(obj))

    def _holder(self, obj: Any, room: int, describe: Callable[..., str], inner: object) -> str:
        if id(obj) in self.inside or room <= 0:
            return f"<{class_name(obj)} {ELLIPSIS}>"
        self.inside.add(id(obj))
        try:
            return _exact(describe(obj, inner, room))
        except RecursionError:
            raise
        except BaseException as exc:
            if interrupts(exc):
                raise
            return _failure(obj, exc)
        finally:
            self.inside.discard(id(obj))

    def _exception(self, exc: BaseException, arguments: Sequence[object], room: int) -> str:
        """The same for an exception. Those in it may be nested without end."""
        name = _type_name(type(exc))
        room -= len(name) + 1
        if id(exc) in self.inside or room <= 0 or len(self.inside) >= DEEPEST_CONTAINER:
            return f"{name}({ELLIPSIS})"
        self.inside.add(id(exc))
        try:
            parts = []
            for argument in arguments:
                parts.append(self.describe(argument, room))
                room -= len(parts[-1]) + 2
                if room < 0:
                    break
            return f"{name}({', '.join(parts)})"
        finally:
            self.inside.discard(id(exc))

    def elements(self, obj: Any, room: int) -> str:
        """Represent what is in a container, without its brackets."""
        is_dict = issubclass(type(obj), dict)
        # list() at once, since another thread may change the container between two elements
        elements: Iterable[Any] = list(islice(obj.items() if is_dict else obj, room))
        parts = []
        for element in elements:
            if is_dict:
                key = self.describe(element[0], room)
                parts.append(f"{key}: {self.describe(element[1], room - len(key))}")
            else:
                parts.append(self.describe(element, room))
            room -= len(parts[-1]) + 2
            if room < 0:
                break
        if type(obj) is tuple and len(parts) == 1 and len(obj) == 1:
            return parts[0] + ","
        return ", ".join(parts)


def _brackets(kind: type) -> Tuple[str, str]:
    if kind is list:
        return "[", "]"
    return ("(", ")") if kind is tuple else ("{", "}")


def _frozenset(obj: Any, describer: _Describer, room: int) -> str:
    return f"frozenset({{{describer.elements(obj, room)}}})" if obj else "frozenset()"


def _deque(obj: Any, describer: _Describer, room: int) -> str:
    end = "" if obj.maxlen is None else f", maxlen={obj.maxlen}"
    return f"deque([{describer.elements(obj, room)}]{end})"


def _defaultdict(obj: Any, describer: _Describer, room: int) -> str:
    factory = describer.describe(obj.default_factory, room)
    return f"defaultdict({factory}, {{{describer.elements(obj, room - len(factory))}}})"


def _ordered_dict(obj: Any, describer: _Describer, room: int) -> str:
    if not obj:
        return "OrderedDict()"
    if _DICT_INSIDE:
        return f"OrderedDict({{{describer.elements(obj, room)}}})"
    return f"OrderedDict({describer.describe(list(islice(obj.items(), room + 1)), room)})"


def _partial(obj: Any, describer: _Describer, room: int) -> str:
    texts = [describer.describe(function_of_partial(obj), room)]
    for name, value in (
        *[("", one) for one in arguments_of_partial(obj)],
        *[(f"{name}=", one) for name, one in obj.keywords.items()],
    ):
        left = room - sum(map(len, texts))
        if left < 0:
            break
        texts.append(name + describer.describe(value, left))
    return f"functools.partial({', '.join(texts)})"


def _method(obj: Any, describer: _Describer, room: int) -> str:
    function = obj.__func__
    if type(function) is not FunctionType:
        return repr(obj)
    owner = describer.describe(obj.__self__, room)
    return f"<bound method {function.__qualname__} of {owner}>"


_DICT_INSIDE = repr(OrderedDict(a=1)).startswith("OrderedDict({")
"""Whether the ``repr`` of an `OrderedDict` has that of a dictionary in it, as from 3.12 on."""

_HOLDERS: Dict[int, Callable[[Any, _Describer, int], str]] = {
    id(kind): describe
    for kind, describe in (
        (frozenset, _frozenset),
        (deque, _deque),
        (defaultdict, _defaultdict),
        (OrderedDict, _ordered_dict),
        (partial, _partial),
        (MethodType, _method),
    )
}
"""The types of the standard library that hold others, by their ids, and how they are described."""

ARGUMENTS_SHOWN = 50
"""How many arguments of a call are written out."""


def name_of(function: object) -> str:
    """``module.qualname`` of a function, ``<self!r>.name`` of a method, else its repr."""
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
    texts = [safe_repr(value) for value in args[:ARGUMENTS_SHOWN]]
    texts += [f"{safe_text(name)}={safe_repr(value)}" for name, value in kwargs.items()]
    if len(args) > ARGUMENTS_SHOWN or len(texts) > ARGUMENTS_SHOWN:
        texts[ARGUMENTS_SHOWN:] = ["..."]
    return texts
