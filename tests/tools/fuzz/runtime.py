"""The names that the random programs use, and the driver that runs a program to its end."""

from __future__ import annotations

import contextlib
import gc
import linecache
import random
import sys
import types
import warnings
import weakref
from typing import Any, Callable, Dict, Iterator, List, Optional, Set

from . import managers
from .oracle import FORGETS_STARS, Oracle, Token, awaited_by, chain_of, frame_of, is_suspended

#: How often a program may choose, loop or call before everything ends.
_FUEL = 250
#: How often each function is run, which takes different ways each time.
_TIMES = 4
#: After so many probes a program gets no more fuel: other programs tell more.
_MOST_PROBES = 4_000
_MOST_SUSPENDED = 6
_MOST_FRAMES = 60


class Oops(Exception):
    """The exception that the programs raise and catch."""


class SubOops(Oops):
    """A special one."""


class OtherOops(Oops):
    """Another one."""


#: What the driver may see when a program closes or throws in awkward places.
_KNOWN_RUNTIME_ERRORS = (
    "ignored GeneratorExit",
    "generator didn't",
    "generator raised Stop",
    "coroutine raised Stop",
    "cannot reuse already awaited",
    "already running",
)


class _Sink:
    """Takes any attribute and any item."""

    def __init__(self) -> None:
        self.__dict__["bar"] = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        pass

    def __getitem__(self, key: Any) -> Any:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def h(self, *args: Any, **kwargs: Any) -> int:
        """Swallow the arguments."""
        return 1

    def fn(self, *args: Any, **kwargs: Any) -> Any:
        """Swallow the arguments and give the sink."""
        return self


class _Touchy:
    """Probes when it's assigned to."""

    _probe: Callable[[], int]

    def __init__(self, probe: Callable[[], int]) -> None:
        object.__setattr__(self, "_probe", probe)

    def __setattr__(self, name: str, value: Any) -> None:
        self._probe()

    def __setitem__(self, key: Any, value: Any) -> None:
        self._probe()


class _Suspension:
    """An awaitable that suspends some times."""

    def __init__(self, times: int, probe: Callable[[], int]) -> None:
        self._times = times
        self._probe = probe

    def __await__(self) -> Iterator[None]:
        for _ in range(self._times):
            self._probe()
            yield
        self._probe()


@types.coroutine
def _suspend_plainly(times: int) -> Any:
    for _ in range(times):
        yield


class Runtime:
    """Runs one program under one oracle."""

    def __init__(self, oracle: Oracle, *, with_source: bool = True) -> None:
        self.oracle = oracle
        self.program = oracle.program
        self.rng = random.Random(oracle.program.seed)
        self.fuel = _FUEL
        self._last_probe = oracle.figures.probes + _MOST_PROBES
        self.ended = False
        #: Everything that may be suspended (weakly).
        self.known: List[Any] = []
        #: Left suspended by the driver, to be continued later.
        self.parked: List[Any] = []
        self.unexpected: List[BaseException] = []
        self.touched: List[str] = []
        self._sink = _Sink()
        self._with_source = with_source
        self._frames = 0
        self.namespace = self._make_namespace()

    # ------------------------------------------------------------- running

    def run(self) -> None:
        """Run the module, then every function, then all that is still suspended."""
        source, filename = self.program.source, self.program.filename
        if self._with_source:
            lines = source.splitlines(True)
            linecache.cache[filename] = (len(source), None, lines, filename)
        hooks = sys.get_asyncgen_hooks()
        unraisable = sys.unraisablehook
        sys.set_asyncgen_hooks(finalizer=self._finalize)
        sys.unraisablehook = lambda args: self._note(args.exc_value)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                code = compile(source, filename, "exec")
                self._guarded(exec, code, self.namespace)
                for function in self.program.functions * _TIMES:
                    if self.oracle.figures.probes > self._last_probe:
                        break
                    self.fuel = _FUEL
                    self._guarded(self._run_function, function)
                self._finish()
        finally:
            sys.set_asyncgen_hooks(*hooks)
            sys.unraisablehook = unraisable
            linecache.cache.pop(filename, None)

    def _run_function(self, function: Any) -> None:
        made = self.namespace.get(function.name)
        if made is None or function.kind.endswith("manager"):
            return
        result = made()
        if function.kind != "function":
            self.drive(self.keep(result))

    def _finish(self) -> None:
        """Let everything suspended run out, with no fuel and nothing thrown."""
        self.ended = True
        self.fuel = 0
        while self.parked:
            thing = self.parked.pop()
            self._guarded(self._run_out, thing)
            del thing
        # Cycles end here, while the hooks are in place, not in another program.
        gc.collect()

    def _guarded(self, action: Callable[..., Any], *args: Any) -> None:
        try:
            action(*args)
        except BaseException as exc:
            self._note(exc)

    def _note(self, exc: Optional[BaseException]) -> None:
        """Count an exception that no program may cause: the generator would be wrong."""
        if isinstance(exc, (KeyboardInterrupt, SystemExit)):
            raise exc
        if exc is None or isinstance(exc, (Oops, GeneratorExit)):
            return
        if isinstance(exc, RuntimeError) and any(t in str(exc) for t in _KNOWN_RUNTIME_ERRORS):
            return
        if FORGETS_STARS and isinstance(exc, ValueError) and "to unpack" in str(exc):
            return
        if hasattr(exc, "exceptions"):
            for part in exc.exceptions:
                self._note(part)
            return
        self.oracle.figures.unexpected += 1
        self.unexpected.append(exc)

    # --------------------------------------------------- what programs call

    def _make_namespace(self) -> Dict[str, Any]:
        return {
            "__name__": "fuzzed",
            "begin": self._begin,
            "p": self.probe,
            "c": self._choose,
            "r": self._range,
            "go": self._may_call,
            "boom": self._boom,
            "k": self.keep,
            "h": lambda *args, **kwargs: 1,
            "last": lambda *args, **kwargs: args[-1],
            "fn": lambda *args, **kwargs: self._sink,
            "ns": self._sink,
            "sink": self._sink,
            "touchy": _Touchy(self.probe),
            "dct": {},
            "dct2": {"x": 1},
            "lst": [1, 2],
            "M": self._make,
            "sus": self.suspend,
            "nothing": self._nothing,
            "anothing": self._async_nothing,
            "conothing": self._coroutine_of_nothing,
            "drive": self.drive,
            "legacy": types.coroutine,
            "manager": self._decorator(managers.GeneratorManager),
            "async_manager": self._decorator(managers.AsyncGeneratorManager),
            "Oops": Oops,
            "SubOops": SubOops,
            "OtherOops": OtherOops,
        }

    def _begin(self) -> Token:
        return Token(self.oracle, sys._getframe(1))

    def probe(self, *_: Any) -> int:
        """Compare all frames on the stack and some that are suspended."""
        running = self.oracle.check_stack(sys._getframe(0))
        self._probe_suspended(running)
        if self.oracle.figures.probes > self._last_probe:
            self.fuel = 0
        return 1

    def _probe_suspended(self, running: Set[int]) -> None:
        for _ in range(min(3, len(self.known))):
            known = self.known  # a collection may probe meanwhile, and put another list there
            if not known:
                break
            reference = known[self.rng.randrange(len(known))]
            thing = reference()
            if thing is None or frame_of(thing) is None:
                self.known = [one for one in known if one is not reference]
            else:
                self._check_suspended(thing, running)

    def _choose(self) -> bool:
        self.fuel -= 1
        return self.fuel > 0 and self.rng.random() < 0.55

    def _range(self, most: int) -> range:
        self.fuel -= 1
        return range(self.rng.randint(0, most) if self.fuel > 0 else 0)

    def _may_call(self) -> bool:
        self.fuel -= 1
        if self.fuel <= 0:
            return False
        frame: Optional[types.FrameType] = sys._getframe(1)
        for _ in range(_MOST_FRAMES):
            if frame is None:
                return self.rng.random() < 0.6
            frame = frame.f_back
        return False

    def _boom(self) -> int:
        if self.rng.random() < 0.2:
            raise self._error()
        return 1

    def _error(self) -> Oops:
        error: Oops = self.rng.choice((Oops, SubOops, OtherOops))()
        return error

    def keep(self, thing: Any) -> Any:
        """Note something that may be suspended; give it back."""
        self.known.append(weakref.ref(thing))
        return thing

    def suspend(self, times: int) -> Any:
        """Something to await that suspends some times."""
        if self.ended:
            times = 0
        if self.rng.random() < 0.3:
            return _suspend_plainly(times)
        return _Suspension(times, self.probe)

    def _nothing(self) -> Iterator[Any]:
        yield from ()

    async def _async_nothing(self) -> Any:
        for _ in ():
            yield

    async def _coroutine_of_nothing(self) -> int:
        return 1

    def call_program(self) -> None:
        """Call one of the program's plain functions, sometimes."""
        functions = [f for f in self.program.functions if f.kind == "function"]
        if functions and self.rng.random() < 0.3 and self._may_call():
            self.namespace[self.rng.choice(functions).name]()

    # ------------------------------------------------------------- managers

    def _make(self, token: Token, block_id: int, kind: str) -> Any:
        state = managers.STATE_MANAGERS.get(kind)
        if state is not None:
            return state(self, token.activation, block_id)
        manager = managers.MANAGERS[kind]()
        if isinstance(type(manager), type) and issubclass(type(manager), type):
            managers.Member.attach(manager, self, token.activation, block_id)
        else:
            manager.attach(self, token.activation, block_id)
        return manager

    def _decorator(self, cls: Any) -> Any:
        def decorate(function: Any) -> Any:
            def create(token: Token, block_id: int, _: str) -> Any:
                manager = cls(function, (), {})
                manager.attach(self, token.activation, block_id)
                self.keep(manager.gen)
                return manager

            return create

        return decorate

    def value_for(self, block_id: int, manager: Any) -> Any:
        """What enter must give so that the target can be assigned to, mostly."""
        shape = self.program.blocks[block_id].shape
        if shape is None:
            return manager if self.rng.random() < 0.3 else 1
        if self.rng.random() < 0.05:
            return _Unpackable()
        return _fill(shape)

    def in_enter(self) -> None:
        """What every enter does: probe, fail, call."""
        self._in_method()

    def in_exit(self, exc: Any) -> bool:
        """What every exit does; gives whether to swallow the exception."""
        self._in_method()
        return self._swallows(exc)

    async def in_aenter(self, *_: Any) -> None:
        """The same with suspensions."""
        self._in_method()
        await self.suspend(self.rng.choice((0, 0, 1, 2)))

    async def in_aexit(self, exc: Any) -> bool:
        """The same with suspensions."""
        self._in_method()
        closing = exc and exc[0] is GeneratorExit
        await self.suspend(0 if closing else self.rng.choice((0, 1, 1, 2)))
        self.probe()
        return self._swallows(exc)

    def _in_method(self) -> None:
        choice = self.rng.random()
        if choice < 0.6:
            self.probe()
        if choice < 0.05:
            raise self._error()
        if choice > 0.9:
            self.call_program()

    def _swallows(self, exc: Any) -> bool:
        if exc and exc[0] is not None and issubclass(exc[0], Exception):
            return self.rng.random() < 0.4
        # A true result means nothing without an exception.
        return self.rng.random() < 0.1 and (not exc or exc[0] is None)

    def side_effect(self, what: str) -> None:
        """The reader ran code of the program."""
        self.oracle.figures.side_effects += 1
        self.touched.append(what)

    # --------------------------------------------------------------- driver

    def drive(self, thing: Any) -> int:
        """Step a generator, coroutine or async generator: send, throw, close, or leave it."""
        if self._drive(thing):
            self.parked.append(thing)
        elif self.parked and self.rng.random() < 0.3:
            other = self.parked.pop(self.rng.randrange(len(self.parked)))
            if self._drive(other):
                self.parked.append(other)
        return 1

    def _drive(self, thing: Any) -> bool:
        """Do some steps; return whether it's still suspended."""
        for _ in range(40):
            choice = self.rng.random()
            if choice < 0.1 and len(self.parked) < _MOST_SUSPENDED and not self.ended:
                return True
            if not self._step(thing, choice):
                return False
            self._check_chain(thing)
        return True

    def _step(self, thing: Any, choice: float) -> bool:
        """Resume once; return whether there's more to come."""
        is_async_generator = isinstance(thing, types.AsyncGeneratorType)
        frame = frame_of(thing)
        started = frame is not None and frame.f_lasti >= 0
        del frame
        try:
            if choice > 0.88 and started and not self.ended:
                error = self._error()
                if is_async_generator:
                    self._complete(thing.athrow(error))
                else:
                    _before_throw(thing)
                    thing.throw(error)
            elif choice > 0.82 and not self.ended:
                if is_async_generator:
                    self._complete(thing.aclose())
                else:
                    _before_throw(thing)
                    thing.close()
                return False
            elif is_async_generator:
                self._complete(thing.asend(None))
            else:
                thing.send(None)
        except (StopIteration, StopAsyncIteration):
            return False
        except BaseException as exc:
            self._note(exc)
            # Ignoring GeneratorExit leaves it suspended.
            return frame_of(thing) is not None
        return True

    def _complete(self, awaitable: Any) -> None:
        """Run what an async generator's method gives to its end."""
        thrown = False
        for _ in range(200):
            try:
                if thrown:
                    thrown = False
                    _before_throw(awaitable)
                    awaitable.throw(Oops())
                else:
                    awaitable.send(None)
            except StopIteration:
                return
            self._check_chain(awaitable)
            thrown = self.rng.random() < 0.1 and not self.ended
        # Up to 3.10 what was closed awkwardly may suspend without end; it's dropped instead.

    def _check_chain(self, thing: Any) -> None:
        """Compare a suspended thing with all that it waits for."""
        running = self.oracle.check_stack(sys._getframe(0))
        for part in chain_of(thing):
            self._check_suspended(part, running)
        self._probe_suspended(running)

    def _check_suspended(self, thing: Any, running: Set[int]) -> None:
        if not is_suspended(thing, running):
            return
        iterable = _ending_iterable(thing)
        if iterable is not None and iterable.is_abandoned:
            # What was to be thrown has not come here: something on the way had been closed.
            self.oracle.figures.skipped += 1
        else:
            self.oracle.check_suspended(thing)

    def _run_out(self, thing: Any) -> None:
        # Some never end: up to 3.10 an async generator whose close was interrupted stays "running".
        for _ in range(5):
            if not self._drive(thing):
                return

    def _finalize(self, generator: Any) -> None:
        """An async generator was dropped: close it at once, as far as it lets us."""
        with contextlib.suppress(Oops, RuntimeError, StopAsyncIteration):
            self._complete(generator.aclose())


def _before_throw(thing: Any) -> None:
    """Tell the iterator that `thing` waits for, if it is one that wouldn't notice an exception."""
    last = None
    for last in chain_of(thing):
        pass
    iterable = _ending_iterable(last)
    if iterable is not None:
        iterable.abandon()


def _ending_iterable(thing: Any) -> Optional[managers.EndingIterable]:
    """The origin of the iterator that `thing` waits for and that ignores exceptions."""
    for referent in gc.get_referents(awaited_by(thing)):
        owner = getattr(referent, "__self__", None)
        if type(owner) is managers.EndingIterable:
            return owner
    return None


class _Unpackable:
    def __iter__(self) -> Iterator[Any]:
        raise Oops


def _fill(shape: Any) -> Any:
    if shape is None:
        return 1
    filled: List[Any] = []
    for part in shape:
        if part == "*":
            filled.extend((1, 2))
        else:
            filled.append(_fill(part))
    return filled
