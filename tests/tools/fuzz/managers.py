"""The context managers of the random programs: every way to write one, each logging its life.

A manager is active from the return of its enter to the return of its exit. So `entered` is the
last thing that an enter method does, and `leaving` is a block around all that an exit does.
Between these calls and the return proper no code of the program runs.
"""

from __future__ import annotations

import contextlib
import functools
import io
import threading
import types
from typing import Any, Callable, Dict, Iterator, List

from .oracle import Activation, Entry


class Member:
    """What all managers have: ties to the activation and the runtime, and the log."""

    #: When the reported object may be None: "never", "exiting" (its exit is no Python method that
    #: has the manager as its first argument) or "always" (its exit isn't bound to the manager).
    none_allowed = "never"

    runtime: Any
    activation: Activation
    block_id: int
    entries: List[Entry]

    def attach(self, runtime: Any, activation: Activation, block_id: int) -> None:
        """Say which activation and which `with` item this manager belongs to."""
        self.runtime = runtime
        self.activation = activation
        self.block_id = block_id
        self.entries = []

    def entered(self) -> Any:
        """Log that enter is about to return; give what it must return."""
        entry = Entry(self, self.block_id, self.none_allowed)
        self.entries.append(entry)
        value = self.runtime.value_for(self.block_id, self)
        self.activation.push(entry)
        return value

    def leaving(self) -> _Leaving:
        """Log the exit: a block to put around all that it does."""
        return _Leaving(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class _Leaving:
    def __init__(self, member: Any) -> None:
        self._activation = member.activation
        self._entry = member.entries[-1]

    def __enter__(self) -> None:
        self._activation.begin_exit(self._entry)

    def __exit__(self, *exc: object) -> None:
        self._activation.pop(self._entry)


# -------------------------------------------------------------------- sync


class Plain(Member):
    """The usual way."""

    def __enter__(self) -> Any:
        self.runtime.in_enter()
        return self.entered()

    def __exit__(self, *exc: object) -> Any:
        with self.leaving():
            return self.runtime.in_exit(exc)


class ThreeArguments(Plain):
    """Named arguments, and a `self` by another name."""

    def __exit__(  # type: ignore[override]
        me,
        exc_type: Any,
        exc: Any,
        traceback: Any,  # noqa: N805
    ) -> Any:
        with me.leaving():
            return me.runtime.in_exit((exc_type, exc, traceback))


class SelfInCell(Plain):
    """`self` is a cell variable of the exit method."""

    def __exit__(self, *exc: object) -> Any:
        def leave() -> Any:
            with self.leaving():
                return self.runtime.in_exit(exc)

        return leave()


class Inherited(Plain):
    """The exit calls that of the base class."""

    def __exit__(self, *exc: object) -> Any:
        return super().__exit__(*exc)


class Slots(Plain):
    """Without a dictionary (except for what the base has)."""

    __slots__ = ("unused",)


class Returner(Plain):
    """Runs functions of the program in its exit more often."""

    def __exit__(self, *exc: object) -> Any:
        with self.leaving():
            self.runtime.call_program()
            return self.runtime.in_exit(exc)


def _decorated(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapper(self: Any, *args: Any) -> Any:
        return method(self, *args)

    return wrapper


class Wrapped(Plain):
    """The exit method is decorated."""

    @_decorated
    def __exit__(self, *exc: object) -> Any:
        with self.leaving():
            return self.runtime.in_exit(exc)


class Stack(Member, contextlib.ExitStack):
    """An `ExitStack` with something on it."""

    def __enter__(self) -> Any:
        super().__enter__()
        self.callback(self.runtime.probe)
        return self.entered()

    def __exit__(self, *exc: Any) -> Any:
        with self.leaving():
            super().__exit__(*exc)
            return self.runtime.in_exit(exc)


class _HostileMember(Member):
    """Notices when it's touched by the reader."""

    def _touched(self, what: str) -> None:
        if self.runtime.oracle.reading:
            self.runtime.side_effect(f"{type(self).__name__}.{what}")

    def __getattr__(self, name: str) -> Any:
        # Only reached for missing attributes, which none of our own code asks for.
        object.__getattribute__(self, "_touched")(f"__getattr__({name})")
        raise AttributeError(name)

    def __eq__(self, other: object) -> bool:
        self._touched("__eq__")
        return self is other

    def __bool__(self) -> bool:
        self._touched("__bool__")
        return False

    def __len__(self) -> int:
        self._touched("__len__")
        return 0

    def __repr__(self) -> str:
        self._touched("__repr__")
        return "<hostile>"

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        self._touched("__class__")
        return int

    __hash__ = None  # type: ignore[assignment]


class Hostile(_HostileMember, Plain):
    """A plain one that notices when it's touched."""


class _Meta(type):
    def __enter__(cls) -> Any:
        cls.runtime.in_enter()  # type: ignore[attr-defined]
        return Member.entered(cls)  # type: ignore[arg-type]

    def __exit__(cls, *exc: object) -> Any:
        with _Leaving(cls):
            return cls.runtime.in_exit(exc)  # type: ignore[attr-defined]


class _OfMetaclass(Member, metaclass=_Meta):
    pass


def OfMetaclass() -> Any:  # noqa: N802
    """A manager that is itself a class."""
    # `attach` is then called as a plain function of the class, see `Runtime.make`.
    return _Meta("Managed", (_OfMetaclass,), {})


class SelfDeleted(Plain):
    """The exit method forgets its first argument."""

    none_allowed = "exiting"

    def __exit__(self, *exc: object) -> Any:
        with self.leaving():
            runtime = self.runtime
            del self
            return runtime.in_exit(exc)


class StarArguments(Plain):
    """The exit method has no first parameter."""

    none_allowed = "exiting"

    def __exit__(*args: Any) -> Any:
        with args[0].leaving():
            return args[0].runtime.in_exit(args[1:])


class ClosedInC(Member, io.RawIOBase):
    """`__exit__` is written in C and calls the Python method `close`."""

    none_allowed = "exiting"

    def __enter__(self) -> Any:
        return self.entered()

    def close(self) -> None:
        """Called by `__exit__`, and by the destructor."""
        entries = self.__dict__.get("entries")
        if entries and self.activation.active()[-1:] == entries[-1:]:
            with self.leaving():
                self.runtime.in_exit((None, None, None))


class _Unbound(Member):
    """The exit isn't bound to the manager; it knows it through a closure."""

    none_allowed = "always"

    def __enter__(self) -> Any:
        self.runtime.in_enter()
        return self.entered()


def _leave_last(runtime: Any, manager: Any, exc: Any) -> Any:
    with manager.leaving():
        return runtime.in_exit(exc)


def _unbound_class(name: str, make_exit: Callable[[Callable[[], Any]], Any]) -> Callable[[], Any]:
    """A class per manager, whose exit knows the manager through a closure."""

    def make() -> Any:
        holder: List[Any] = []
        cls = type(name, (_Unbound,), {"__exit__": make_exit(lambda: holder[0])})
        manager = cls()
        holder.append(manager)
        return manager

    return make


def _static(get: Callable[[], Any]) -> Any:
    def leave(*exc: object) -> Any:
        manager = get()
        return _leave_last(manager.runtime, manager, exc)

    return staticmethod(leave)


class _Callable:
    def __init__(self, get: Callable[[], Any]) -> None:
        self._get = get

    def __call__(self, *exc: object) -> Any:
        manager = self._get()
        return _leave_last(manager.runtime, manager, exc)


def _partial(get: Callable[[], Any]) -> Any:
    def leave(_: int, *exc: object) -> Any:
        manager = get()
        return _leave_last(manager.runtime, manager, exc)

    # Since 3.14 a partial is a method descriptor, so keep it from being bound.
    return staticmethod(functools.partial(leave, 1))


def _class_method(get: Callable[[], Any]) -> Any:
    def leave(cls: type, *exc: object) -> Any:
        manager = get()
        return _leave_last(manager.runtime, manager, exc)

    return classmethod(leave)


# ------------------------------------------------- managers known by their state


def _by_state(make: Callable[[], Any], locked: Callable[[Any], bool]) -> Callable[..., Any]:
    def create(runtime: Any, activation: Activation, block_id: int) -> Any:
        manager = make()
        entry = Entry(manager, block_id, "exiting")
        entry.is_active = lambda: locked(manager)
        activation.push(entry)
        return manager

    return create


STATE_MANAGERS: Dict[str, Callable[..., Any]] = {
    "Lock": _by_state(threading.Lock, lambda lock: lock.locked()),
    "RLock": _by_state(threading.RLock, lambda lock: lock._is_owned()),
    "Condition": _by_state(
        lambda: threading.Condition(threading.Lock()), lambda c: c._lock.locked()
    ),
}


# ------------------------------------------------------- generators as managers


class GeneratorManager(Member, contextlib._GeneratorContextManager):  # type: ignore[type-arg]
    """What `@contextmanager` makes, plus the log."""

    def __enter__(self) -> Any:
        super().__enter__()
        return self.entered()

    def __exit__(self, *exc: Any) -> Any:
        with self.leaving():
            return super().__exit__(*exc)


class AsyncGeneratorManager(
    Member,
    contextlib._AsyncGeneratorContextManager,  # type: ignore[type-arg]
):
    """What `@asynccontextmanager` makes, plus the log."""

    async def __aenter__(self) -> Any:
        await super().__aenter__()
        return self.entered()

    async def __aexit__(self, *exc: Any) -> Any:
        with self.leaving():
            return await super().__aexit__(*exc)


# ------------------------------------------------------------------- async


class AsyncPlain(Member):
    """The usual way."""

    async def __aenter__(self) -> Any:
        await self.runtime.in_aenter()
        return self.entered()

    async def __aexit__(self, *exc: object) -> Any:
        with self.leaving():
            return await self.runtime.in_aexit(exc)


class AsyncHostile(_HostileMember, AsyncPlain):
    """Notices when it's touched."""


class AsyncInherited(AsyncPlain):
    """The exit awaits that of the base class."""

    async def __aexit__(self, *exc: object) -> Any:
        return await super().__aexit__(*exc)


class AsyncSelfInCell(AsyncPlain):
    """`self` is a cell variable of the exit method."""

    async def __aexit__(self, *exc: object) -> Any:
        async def leave() -> Any:
            with self.leaving():
                return await self.runtime.in_aexit(exc)

        return await leave()


class AsyncReturnsCoroutine(AsyncPlain):
    """The exit is a plain method that returns another method's coroutine."""

    none_allowed = "exiting"

    def __aexit__(self, *exc: object) -> Any:
        return self._finish(exc)

    async def _finish(self, exc: Any) -> Any:
        with self.leaving():
            return await self.runtime.in_aexit(exc)


class _Awaitable:
    def __init__(self, manager: Any, exc: Any) -> None:
        self._manager = manager
        self._exc = exc

    def __await__(self) -> Any:
        manager = self._manager
        with manager.leaving():
            return (yield from manager.runtime.in_aexit(self._exc).__await__())


class AsyncAwaitable(AsyncPlain):
    """The exit returns an object with `__await__`."""

    none_allowed = "exiting"

    def __aexit__(self, *exc: object) -> Any:
        return _Awaitable(self, exc)


class EndingIterable:
    """An awaitable whose iterator is written in C but knows when it ends."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._leaving = manager.leaving()
        self._left = -1

    def __await__(self) -> Iterator[Any]:
        return iter(self._step, 0)

    def abandon(self) -> None:
        """The driver is about to throw, and that goes past a C iterator."""
        if self._left > 0:
            self._left = 0
            self._leaving.__exit__()

    # The same if the coroutine is dropped, and its frame drops the iterator.
    __del__ = abandon

    @property
    def is_abandoned(self) -> bool:
        """Whether its end has been noted; nothing awaits it then, or won't for long."""
        return self._left == 0

    def _step(self) -> int:
        manager = self._manager
        if self._left == -1:
            self._leaving.__enter__()
            self._left = manager.runtime.rng.randrange(1, 3)
        self._left -= 1
        if self._left > 0:
            manager.runtime.probe()
        else:
            self._leaving.__exit__()
        return self._left


class AsyncIterable(AsyncPlain):
    """The awaitable of the exit is iterated over in C and has no frame."""

    none_allowed = "exiting"

    def __aexit__(self, *exc: object) -> Any:
        return EndingIterable(self)


class AsyncLegacy(AsyncPlain):
    """The exit is a coroutine based on a generator."""

    @types.coroutine
    def __aexit__(self, *exc: object) -> Any:
        with self.leaving():
            return (yield from self.runtime.in_aexit(exc))


class AsyncStack(Member, contextlib.AsyncExitStack):
    """An `AsyncExitStack` with something on it."""

    async def __aenter__(self) -> Any:
        await super().__aenter__()
        self.push_async_callback(self.runtime.in_aenter, 1)
        return self.entered()

    async def __aexit__(self, *exc: Any) -> Any:
        with self.leaving():
            await super().__aexit__(*exc)
            return await self.runtime.in_aexit(exc)


class _AsyncUnbound(Member):
    none_allowed = "always"

    async def __aenter__(self) -> Any:
        await self.runtime.in_aenter()
        return self.entered()


def AsyncStatic() -> Any:  # noqa: N802
    """A manager whose exit is a static method."""

    async def leave(*exc: object) -> Any:
        with manager.leaving():
            return await manager.runtime.in_aexit(exc)

    cls = type("AsyncStatic", (_AsyncUnbound,), {"__aexit__": staticmethod(leave)})
    manager = cls()
    return manager


MANAGERS: Dict[str, Callable[[], Any]] = {
    "StaticExit": _unbound_class("StaticExit", _static),
    "CallableExit": _unbound_class("CallableExit", _Callable),
    "PartialExit": _unbound_class("PartialExit", _partial),
    "ClassExit": _unbound_class("ClassExit", _class_method),
    "OfMetaclass": OfMetaclass,
    "AsyncStatic": AsyncStatic,
    **{
        cls.__name__: cls
        for cls in (
            Plain,
            ThreeArguments,
            SelfInCell,
            Inherited,
            Slots,
            Returner,
            Wrapped,
            Stack,
            Hostile,
            SelfDeleted,
            StarArguments,
            ClosedInC,
            AsyncPlain,
            AsyncHostile,
            AsyncInherited,
            AsyncSelfInCell,
            AsyncReturnsCoroutine,
            AsyncAwaitable,
            AsyncIterable,
            AsyncLegacy,
            AsyncStack,
        )
    },
}
