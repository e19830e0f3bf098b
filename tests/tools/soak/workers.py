"""What the busy threads do: enter and leave `with` blocks in every way, and keep books of it.

Another thread can be stopped anywhere, so the books say what is certain: a manager is active for
certain between `inside` and the start of its exit, and may be from `created` to `gone`.
"""

from __future__ import annotations

import sys
import threading
import types
from time import perf_counter_ns
from typing import Any, Callable, Dict, Iterator, List, Optional

#: Activations of worker functions that are running, by the id of their frame.
ACTIVATIONS: Dict[int, "Activation"] = {}

#: The locks that the threads use: id of the lock → thread.
LOCKS: Dict[int, int] = {}

#: What each thread calls in the middle of whatever it does.
aside: List[Callable[[], None]] = []


class Activation:
    """One call of a worker function."""

    def __init__(self) -> None:
        self.frame_id = id(sys._getframe(1))
        self.thread = threading.get_ident()
        self.begun = perf_counter_ns()
        self.managers: List[Record] = []
        ACTIVATIONS[self.frame_id] = self

    def opened(self, lock: Any, name: str) -> Record:
        """Called first in the body of a `with` of a lock, on the line after it."""
        record = Record(self, name, sys._getframe(1).f_lineno - 1)
        record.manager = lock
        record.entered = True
        record.inside = perf_counter_ns()
        return record

    def settled(self) -> None:
        """Called in the body of a `with`: all managers entered so far are active."""
        now = perf_counter_ns()
        for manager in self.managers:
            if manager.inside is None and manager.entered:
                manager.inside = now

    def swept(self) -> None:
        """Called after a `with`: managers whose exit has run are gone."""
        now = perf_counter_ns()
        for manager in self.managers:
            if manager.left:
                manager.gone = now
        self.managers = [m for m in self.managers if not m.left]

    def over(self) -> None:
        """Called last in the function."""
        self.swept()
        if ACTIVATIONS.get(self.frame_id) is self:
            del ACTIVATIONS[self.frame_id]


class Record:
    """The books of one manager."""

    def __init__(self, activation: Activation, name: Optional[str], line: int) -> None:
        self.activation = activation
        self.name = name
        self.line = line
        self.manager: Any = self
        self.created = perf_counter_ns()
        self.entered = False
        self.inside: Optional[int] = None
        self.leaving: Optional[int] = None
        self.left = False
        self.gone: Optional[int] = None
        activation.managers.append(self)


class Watched(Record):
    """A manager that keeps its own books."""

    def __init__(
        self,
        activation: Activation,
        name: Optional[str],
        swallows: bool = False,
        fails: bool = False,
    ) -> None:
        super().__init__(activation, name, sys._getframe(1).f_lineno)
        self.swallows = swallows
        self.fails = fails

    def __enter__(self) -> Watched:
        _work(2)
        self.entered = True
        return self

    def __exit__(self, *exc: object) -> bool:
        self.leaving = perf_counter_ns()
        _work(2)
        self.left = True
        if self.fails:
            raise Oops
        return self.swallows


class Oops(Exception):
    """What the workers raise."""


def _work(amount: int) -> int:
    total = 0
    for number in range(amount):
        total += number
    for look in aside:
        look()
    return total


def nested(depth: int) -> int:
    """Two blocks, a loop, and recursion."""
    act = Activation()
    with Watched(act, "a") as a, Watched(act, "b") as b:
        act.settled()
        for _ in range(2):
            with Watched(act, None):
                act.settled()
                if depth:
                    nested(depth - 1)
                _work(3)
            act.swept()
    act.swept()
    act.over()
    return a.line + b.line


def early(depth: int) -> int:
    """Break, continue and return out of blocks."""
    act = Activation()
    for number in range(4):
        with Watched(act, "c") as c:
            act.settled()
            if number == 1:
                continue
            if number == 3:
                break
            _work(c.line % 3)
        act.swept()
    act.swept()
    try:
        with Watched(act, "d") as d:
            act.settled()
            return d.line + _sum(generate(depth))
    finally:
        act.over()
    return 0


def failing(depth: int) -> None:
    """Exceptions, swallowed by managers and not."""
    act = Activation()
    with Watched(act, None, True):
        act.settled()
        with Watched(act, "e") as e:
            act.settled()
            raise Oops(e)
    act.swept()
    try:
        with Watched(act, "f") as f, Watched(act, "g") as g:
            act.settled()
            raise Oops(f, g)
    except Oops:
        act.swept()
        with Watched(act, "h") as h:
            act.settled()
            _work(h.line % 3 + depth)
        act.swept()
    finally:
        act.over()


def generate(count: int) -> Iterator[int]:
    """A generator that yields in blocks."""
    act = Activation()
    try:
        with Watched(act, "i") as i:
            act.settled()
            for number in range(count):
                yield number
                with Watched(act, "j") as j:
                    act.settled()
                    yield from (i.line, j.line)
                act.swept()
    finally:
        act.over()


def locking(lock: Any, count: int) -> int:
    """A manager that is implemented in C."""
    act = Activation()
    for _ in range(count):
        with lock as got:
            record = act.opened(lock, "got")
            _work(3 + (got is not None))
            record.leaving = perf_counter_ns()
        record.left = True
        act.swept()
    act.over()
    return count


class Row:
    """As large as a bound method, so that both come from the same arenas."""

    __slots__ = ("a", "b", "c", "d")


def cleaning() -> Iterator[int]:
    """A generator that works when it is closed."""
    act = Activation()
    try:
        with Watched(act, "o") as o:
            act.settled()
            yield o.line
    finally:
        act.swept()
        with Watched(act, "p") as p:
            act.settled()
            _work(3 + p.line % 2)
        act.over()


def crumbling(fails: bool, rows: int) -> None:
    """Leaves blocks with an exception, while the memory around their exit methods is given back.

    What the frame drops next, on its way out, takes its time.
    """
    act = Activation()
    try:
        with Watched(act, "q") as q:
            act.settled()
            for number in cleaning():
                data = [Row() for _ in range(rows)]
                with Watched(act, "r", fails=fails) as r:
                    act.settled()
                    data.clear()
                    _work((number + q.line + r.line) % 3)
                    if not fails:
                        raise Oops
    except Oops:
        act.swept()
    finally:
        act.over()


class Cyclic:
    """What only the garbage collector frees, in whichever thread it comes along."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        act = Activation()
        with Watched(act, "m") as m:
            act.settled()
            _work(m.line % 3)
        act.over()


async def asynchronous(count: int) -> int:
    """A coroutine that is stepped by hand."""
    act = Activation()
    try:
        with Watched(act, "k") as k:
            act.settled()
            for _ in range(count):
                with Watched(act, None):
                    act.settled()
                    await _suspend()
                act.swept()
        return k.line
    finally:
        act.over()


@types.coroutine
def _suspend() -> Any:
    yield


def _sum(numbers: Iterator[int]) -> int:
    return sum(numbers)


def _step(coroutine: Any) -> None:
    while True:
        try:
            coroutine.send(None)
        except StopIteration:
            return


_WATCHED = (
    *(nested, early, failing, generate, locking, Cyclic.__del__, asynchronous),
    *(cleaning, crumbling),
)

#: The code objects whose frames are checked.
CHECKED = {f.__code__ for f in _WATCHED}


class Workers:
    """Busy threads, for use in a with statement."""

    def __init__(self, count: int) -> None:
        self.rounds = 0
        self.errors: List[BaseException] = []
        self._stop = False
        self.threads = [
            threading.Thread(target=self._run, args=(number,), daemon=True)
            for number in range(count)
        ]

    def __enter__(self) -> Workers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop = True
        for thread in self.threads:
            thread.join()

    def _run(self, number: int) -> None:
        lock = threading.Lock()
        LOCKS[id(lock)] = threading.get_ident()
        try:
            while not self._stop:
                nested(2)
                locking(lock, 10)
                early(3)
                failing(number)
                # An arena has room for 4,096 of them (256 KB; up to 3.9; 1 MB in later versions).
                crumbling(bool(self.rounds % 2), 5_000 if self.rounds % 50 < 2 else 50)
                Cyclic()
                _step(asynchronous(3))
                self.rounds += 1
        except BaseException as exc:
            self.errors.append(exc)
