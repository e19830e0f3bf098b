"""Busy threads that look at their own stacks, and at generators that all share.

Nobody else moves the stack of a thread, so what the thread sees of it must be what the books say,
exactly. The same holds for a generator that nobody touches. While another thread resumes or closes
it contexts may be missing, but none may be wrong.
"""

from __future__ import annotations

import sys
import threading
from itertools import cycle
from time import perf_counter_ns
from typing import Any, Dict, Iterator, List

import stackscope

from . import workers
from .check import Figures, describe, note_error, problems_of_frame
from .workers import ACTIVATIONS, CHECKED, Cyclic, Workers

# : A thread looks at something at every third call of `workers.aside`, and at a shared generator at
# every fourth look.
_LOOK_EVERY, _SHARED_EVERY = 3, 4
#: A finalizer that interrupts a look may look as well, and so on.
_DEEPEST = 3
_SHARED = 4
_FINALIZER = Cyclic.__del__.__code__


class Shared:
    """A generator or coroutine that all threads resume by turns, and close at times, and look at.

    Attributes:
        moves: odd while a thread moves it.
    """

    def __init__(self, number: int) -> None:
        self.item: Any = None
        self.moves = 0
        self._makers = cycle([workers.generate, workers.asynchronous])
        self._lives = cycle(range(3 + number))
        self._steps_left = 0
        self._lock = threading.Lock()

    def move(self) -> None:
        """Resume it, or close it and make another one; nothing if another thread is at it."""
        if not self._lock.acquire(blocking=False):
            return
        self.moves += 1
        try:
            self._move()
        finally:
            self.moves += 1
            self._lock.release()

    def _move(self) -> None:
        if self._steps_left <= 0 and self.item is not None:
            self.item.close()
            self.item = None
        if self.item is None:
            self.item = next(self._makers)(3)
            self._steps_left = next(self._lives)
        self._steps_left -= 1
        try:
            self.item.send(None)
        except StopIteration:
            self.item = None

    def close(self) -> None:
        """Close what is left of it."""
        if self.item is not None:
            self.item.close()


class Eye:
    """What one thread has seen."""

    def __init__(self, shared: List[Shared], most_problems: int) -> None:
        self.figures = Figures()
        self.wrong: List[str] = []
        self._most_problems = most_problems
        self._calls = 0
        self._depth = 0
        self._shared = shared

    def look(self) -> None:
        """Move a generator, look at something, or do nothing."""
        self._calls += 1
        if self._calls % _LOOK_EVERY or self._depth >= _DEEPEST:
            return
        self._depth += 1
        try:
            looks = self._calls // _LOOK_EVERY
            one = self._shared[looks // _SHARED_EVERY % len(self._shared)]
            if looks % _SHARED_EVERY == 0:
                self._note(self._at(one))
            elif looks % _SHARED_EVERY == 1:
                one.move()
            else:
                self._note(self._within(looks % _SHARED_EVERY == 2))
        finally:
            self._depth -= 1

    def _note(self, found: Iterator[str]) -> None:
        problems = list(found)
        self.figures.wrong += bool(problems)
        self.wrong += problems[: self._most_problems - len(self.wrong)]

    def _within(self, as_thread: bool) -> Iterator[str]:
        """This thread's own stack."""
        expected = list(_checked_frames(sys._getframe()))
        if as_thread:
            stack = stackscope.extract(threading.current_thread())
        else:
            stack = stackscope.extract_since(None)
        now = perf_counter_ns()
        frames = [frame for frame in stack.frames if frame.pyframe.f_code in CHECKED]
        self._count(stack, frames)
        if stack.error is not None:
            yield f"own stack: {stack.error!r}"
        if [id(frame.pyframe) for frame in frames] != expected:
            yield f"own stack: {[frame.funcname for frame in frames]} are other frames"
        # Between two steps of a finalizer's callers the books may be behind.
        finalizer = max((i for i, f in enumerate(frames) if _is_finalizer(f)), default=0)
        for index, frame in enumerate(frames):
            if index >= finalizer:
                yield from self._compare(frame)
            else:
                yield from self._judge(frame, now, now)

    def _at(self, shared: Shared) -> Iterator[str]:
        """A shared generator, which may be moved at any time."""
        moves, item = shared.moves, shared.item
        if item is None:
            return
        begun = perf_counter_ns()
        stack = stackscope.extract(item)
        ended = perf_counter_ns()
        frames = [frame for frame in stack.frames if frame.pyframe.f_code in CHECKED]
        found = [problem for frame in frames for problem in self._compare(frame)]
        is_still = moves == shared.moves and moves % 2 == 0
        if not is_still:
            found = [p for frame in frames for p in self._judge(frame, begun, ended)]
        self._count(stack, frames)
        self.figures.generators += 1
        self.figures.still += is_still
        errors = getattr(stack.error, "exceptions", [stack.error])
        may_be = type(None) if is_still else (RuntimeError, type(None))
        if not all(isinstance(error, may_be) for error in errors):
            yield f"shared {item.__name__}: {stack.error!r}"
        if is_still and len(frames) != 1:
            yield f"shared {item.__name__}: {len(frames)} frames"
        yield from found

    def _count(self, stack: Any, frames: List[Any]) -> None:
        self.figures.extractions += 1
        self.figures.frames += len(frames)
        self.figures.contexts += sum(len(frame.contexts) for frame in frames)
        if stack.error is not None:
            note_error(stack.error, self.figures)

    def _compare(self, frame: Any) -> Iterator[str]:
        """A frame with the books, which are up to date."""
        activation = ACTIVATIONS.get(id(frame.pyframe))
        expected = [] if activation is None else activation.managers
        active = [one for one in expected if one.entered and not one.left]
        wanted = [(one.manager, one.name, one.line, one.leaving is not None) for one in active]
        found = [(c.obj, c.varname, c.start_line, c.is_exiting) for c in frame.contexts]
        if len(wanted) != len(found) or any(
            one[0] is not other[0] or one[1:] != other[1:] for one, other in zip(wanted, found)
        ):
            names = [f"{one.name} of line {one.line}" for one in active]
            yield f"{self._place(frame)}; active: {names}"

    def _judge(self, frame: Any, begun: int, ended: int) -> Iterator[str]:
        """A frame with the books, which may be behind, or written by another thread meanwhile."""
        is_vague = begun != ended
        for problem in problems_of_frame(frame, None, begun, ended, is_vague, False, self.figures):
            yield f"{problem}; {self._place(frame)}"

    def _place(self, frame: Any) -> str:
        reported = ", ".join(map(describe, frame.contexts)) or "nothing"
        return f"{frame.pyframe.f_code.co_name}, line {frame.lineno}; reported: {reported}"


def _checked_frames(inner: Any) -> Iterator[int]:
    """The ids of the callers of a frame that are in the books, outermost first."""
    found = []
    while inner is not None:
        if inner.f_code in CHECKED:
            found.append(id(inner))
        inner = inner.f_back
    return reversed(found)


def _is_finalizer(frame: Any) -> bool:
    return frame.pyframe.f_code is _FINALIZER


class Lookers(Workers):
    """Busy threads that look themselves, for use in a with statement."""

    def __init__(self, count: int, most_problems: int) -> None:
        super().__init__(count)
        self._shared = [Shared(number) for number in range(_SHARED)]
        self._eyes: Dict[int, Eye] = {}
        self._most_problems = most_problems

    def __enter__(self) -> Lookers:
        workers.aside.append(self._look)
        super().__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        workers.aside.remove(self._look)
        for shared in self._shared:
            shared.close()

    def _look(self) -> None:
        # Finalizers may come along in any thread.
        ident = threading.get_ident()
        if ident not in self._eyes:
            self._eyes[ident] = Eye(self._shared, self._most_problems)
        self._eyes[ident].look()

    @property
    def figures(self) -> Figures:
        """All that they have seen together."""
        total = Figures()
        for eye in list(self._eyes.values()):
            total.add(eye.figures)
        return total

    @property
    def wrong(self) -> List[str]:
        """What was wrong, in words."""
        return [problem for eye in list(self._eyes.values()) for problem in eye.wrong]
