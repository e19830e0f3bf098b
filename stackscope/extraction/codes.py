"""Finding code objects, and dispatching on them by identity.

Two functions written alike in different places have *equal* code objects, and comparing code
objects is slow. So everything here tells them apart with ``is``; but for `function_dispatch`: where
a code object isn't known, one from the same place is the same function's
(`stackscope.interpreter.same_code`).
"""

from __future__ import annotations

import functools
import types

# See stackscope.extraction.walk.
from _collections_abc import MutableMapping

from stackscope.extraction.registrations import note_registration
from stackscope.interpreter.same_code import place_of_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Any,
        Callable,
        Dict,
        Generic,
        Iterable,
        Iterator,
        Mapping,
        Optional,
        Tuple,
        TypeVar,
        overload,
    )

    K = TypeVar("K")
    V = TypeVar("V")
    R = TypeVar("R")
    Impl = TypeVar("Impl", bound=Callable[..., Any])

    class _IdentityMapping(MutableMapping[K, V]):
        """`collections.abc.MutableMapping`; Python 3.8 can't subscript that at run time."""

    class _ReturnsR(Generic[R]):
        """A base class that is generic, without importing `typing` at run time."""

else:
    K = V = R = None

    class _IdentityMapping(MutableMapping):
        __slots__ = ()

        def __class_getitem__(cls, parameters):
            return cls

    class _ReturnsR:
        def __class_getitem__(cls, parameters):
            return cls


__all__ = ["CodeDispatch", "IdentityDict", "code_dispatch", "function_dispatch", "get_code"]

MAX_WRAPPERS = 100
"""How many wrappers `get_code` looks through before it takes them for a cycle."""


def get_code(thing: object, *nested_names: str) -> types.CodeType:
    """Find the code object that runs when ``thing`` is called.

    Args:
        thing: A code object, function, method, ``classmethod``, ``staticmethod`` or partial; or
            anything whose ``__wrapped__`` leads to one of these.
        nested_names: The path to a function or class defined inside ``thing``: the name of
            something that ``thing`` defines, then of something that this defines, and so on.

    Returns:
        The code object.

    Raises:
        TypeError: There is no code object behind ``thing``.
        ValueError: A name of ``nested_names`` isn't defined there.

    Example:
        >>> def outer():
        ...     def inner():
        ...         pass
        >>> get_code(outer, "inner").co_name
        'inner'
    """
    code = _own_code(thing)
    path = code.co_name
    for name in nested_names:
        inner = _nested_code(code, name)
        if inner is None:
            raise ValueError(f"Couldn't find a function or class named {name!r} in {path}")
        code = inner
        path += f".{name}"
    return code


def _own_code(thing: object) -> types.CodeType:
    target: Any = thing
    for _ in range(MAX_WRAPPERS):
        if isinstance(target, types.CodeType):
            return target
        if isinstance(target, (functools.partial, functools.partialmethod)):
            target = target.func
        elif isinstance(target, (types.MethodType, classmethod, staticmethod)):
            target = target.__func__
        elif not isinstance(target, type) and hasattr(target, "__wrapped__"):
            target = target.__wrapped__
        elif isinstance(target, types.FunctionType):
            return target.__code__
        elif isinstance(getattr(target, "__code__", None), types.CodeType):
            target = target.__code__  # Cython's functions and their like
        else:
            break
    raise TypeError(f"Don't know how to extract a code object from {thing!r}")


def _nested_code(code: types.CodeType, name: str) -> Optional[types.CodeType]:
    """The first code object of that name among the constants of ``code``."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            if constant.co_name == name:
                return constant
            # `def name[T]()` of Python 3.12+ is defined inside a scope of its own
            if constant.co_name == f"<generic parameters of {name}>":
                return _nested_code(constant, name)
    return None


class IdentityDict(_IdentityMapping[K, V]):
    """A mapping that compares its keys with ``is``, so that they need not be hashable.

    It keeps the order in which keys were added.

    Args:
        pairs: The initial items, as (key, value).

    Example:
        >>> one, other = [], []
        >>> names = IdentityDict([(one, "one")])
        >>> one in names, other in names
        (True, False)
    """

    __slots__ = ("_items",)

    def __init__(self, pairs: Iterable[Tuple[K, V]] = ()) -> None:
        self._items: Dict[int, Tuple[K, V]] = {}
        for key, value in pairs:
            self[key] = value

    def __getitem__(self, key: K) -> V:
        try:
            return self._items[id(key)][1]
        except KeyError:
            raise KeyError(key) from None

    def __setitem__(self, key: K, value: V) -> None:
        self._items[id(key)] = (key, value)

    def __delitem__(self, key: K) -> None:
        try:
            del self._items[id(key)]
        except KeyError:
            raise KeyError(key) from None

    def __contains__(self, key: object) -> bool:
        return id(key) in self._items

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[K]:
        return (key for key, value in self._items.values())

    def __reversed__(self) -> Iterator[K]:
        return (key for key, value in reversed(list(self._items.values())))

    def popitem(self) -> Tuple[K, V]:
        """Remove the item that was added last.

        Returns:
            The item, as (key, value).

        Raises:
            KeyError: The mapping is empty.
        """
        if not self._items:
            raise KeyError("popitem(): dictionary is empty")
        return self._items.popitem()[1]

    def clear(self) -> None:
        """Remove all items."""
        self._items.clear()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IdentityDict):
            return super().__eq__(other)
        return self._items.keys() == other._items.keys() and all(
            value == other._items[identity][1] for identity, (key, value) in self._items.items()
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.items())!r})"

    def __reduce__(self) -> Tuple[object, ...]:
        # A copy of the attributes would be keyed by the identities of the old keys.
        return (type(self), (list(self.items()),))


class CodeDispatch(_ReturnsR[R]):
    """A function with an implementation of its own for each registered code object.

    Made by `code_dispatch`. Calling it calls the implementation for the code object that belongs to
    its first argument, and the decorated function if there is none.
    """

    def __init__(
        self, code_from_arg: Callable[[Any], types.CodeType], default: Callable[..., R]
    ) -> None:
        functools.update_wrapper(self, default)
        self._code_from_arg = code_from_arg
        self.default = default
        """What is called for a code object without an implementation."""
        self._implementations: IdentityDict[types.CodeType, Callable[..., R]] = IdentityDict()
        self.registry: Mapping[types.CodeType, Callable[..., R]]
        """The implementations by code object, read-only."""
        self.registry = types.MappingProxyType(self._implementations)

    def __call__(self, arg: Any, /, *args: Any, **kwargs: Any) -> R:
        return self.dispatch(arg)(arg, *args, **kwargs)

    def dispatch(self, arg: Any) -> Callable[..., R]:
        """The implementation that is called for ``arg`` as the first argument."""
        return self.for_code(self._code_from_arg(arg)) or self.default

    def for_code(self, code: types.CodeType) -> Optional[Callable[..., R]]:
        """The implementation registered for ``code``; ``None`` if there is none."""
        found = self._implementations._items.get(id(code))
        return None if found is None else found[1]

    def _set(self, code: types.CodeType, implementation: Callable[..., R]) -> None:
        try:
            self._implementations[code] = implementation
        finally:
            note_registration()

    if TYPE_CHECKING:

        @overload
        def register(self, target: object, *names: str) -> Callable[[Impl], Impl]: ...

        @overload
        def register(self, target: object, name_or_impl: Impl, /) -> Impl: ...

        @overload
        def register(self, target: object, name: str, name_or_impl: Impl, /) -> Impl: ...

        @overload
        def register(self, target: object, n1: str, n2: str, name_or_impl: Impl, /) -> Impl: ...

    def register(self, target: object, *names: Any) -> Any:
        """Set the implementation for the code object of ``target``. It replaces an earlier one.

        Args:
            target: Anything that `get_code` takes.
            names: The path to a function inside ``target``, and then the implementation. Without an
                implementation, this is a decorator.

        Returns:
            The implementation, unchanged.

        Raises:
            TypeError: There is no code object behind ``target``.
            ValueError: Nothing is defined by a name of ``names``.
        """
        if not names or isinstance(names[-1], str):
            code = get_code(target, *names)

            def decorate(implementation: Impl) -> Impl:
                self._set(code, implementation)
                return implementation

            return decorate
        *path, implementation = names
        self._set(get_code(target, *path), implementation)
        return implementation


class FunctionDispatch(CodeDispatch[R]):
    """A `CodeDispatch` for functions, which knows them even if their code object was replaced."""

    def __init__(
        self, code_from_arg: Callable[[Any], types.CodeType], default: Callable[..., R]
    ) -> None:
        super().__init__(code_from_arg, default)
        self._by_place: Dict[Tuple[str, str, int], Callable[..., R]] = {}

    def for_code(self, code: types.CodeType) -> Optional[Callable[..., R]]:
        """The implementation registered for the function of ``code``."""
        found = self._implementations._items.get(id(code))  # as the other one, without a call
        if found is not None:
            return found[1]
        place = place_of_code(code)
        return None if place is None else self._by_place.get(place)

    def _set(self, code: types.CodeType, implementation: Callable[..., R]) -> None:
        place = place_of_code(code)
        if place is not None:
            self._by_place[place] = implementation
        super()._set(code, implementation)


def function_dispatch(
    code_from_arg: Callable[[Any], types.CodeType],
) -> Callable[[Callable[..., R]], FunctionDispatch[R]]:
    """As `code_dispatch`, for hooks that are about functions."""

    def decorate(function: Callable[..., R]) -> FunctionDispatch[R]:
        return FunctionDispatch(code_from_arg, function)

    return decorate


def code_dispatch(
    code_from_arg: Callable[[Any], types.CodeType],
) -> Callable[[Callable[..., R]], CodeDispatch[R]]:
    """Make a decorator for functions that dispatch on a code object.

    It does for code objects what `functools.singledispatch` does for types: the decorated function
    is the default, and its ``register()`` adds implementations.

    Args:
        code_from_arg: Returns the code object that belongs to the first argument.

    Returns:
        The decorator.

    Example:
        >>> @code_dispatch(get_code)
        ... def describe(function):
        ...     return "some function"
        >>> def special():
        ...     pass
        >>> @describe.register(special)
        ... def describe_special(function):
        ...     return "the special one"
        >>> describe(special), describe(get_code)
        ('the special one', 'some function')
    """

    def decorate(function: Callable[..., R]) -> CodeDispatch[R]:
        return CodeDispatch(code_from_arg, function)

    return decorate
