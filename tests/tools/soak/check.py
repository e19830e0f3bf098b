"""Compares an extracted stack of a busy thread with the books of its managers."""

from __future__ import annotations

import sys
from _thread import LockType
from typing import Any, Dict, Iterator, List, Optional

from stackscope.interpreter.facts import CO_ANY_GENERATOR, has_gil

from .workers import ACTIVATIONS, CHECKED, LOCKS, Activation, Watched, early


class Figures:
    """Counts over a run."""

    def __init__(self) -> None:
        self.extractions = 0
        self.frames = 0
        self.contexts = 0
        self.wrong = 0
        #: Exiting managers reported without their object.
        self.unknown = 0
        self.errors: Dict[str, int] = {}
        #: Extractions of shared generators, and those of them that nobody moved meanwhile.
        self.generators = 0
        self.still = 0

    def add(self, other: Figures) -> None:
        """Count what another one has counted."""
        for name in ("extractions", "frames", "contexts", "wrong", "unknown"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("generators", "still"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, count in list(other.errors.items()):
            self.errors[name] = self.errors.get(name, 0) + count

    def __str__(self) -> str:
        errors = ", ".join(f"{name} {count}" for name, count in sorted(self.errors.items()))
        generators = f" (generators {self.generators}, {self.still} of them still)"
        return (
            f"extractions {self.extractions}{generators * bool(self.generators)}, "
            f"frames {self.frames}, contexts {self.contexts}, wrong {self.wrong}, "
            f"exiting without object {self.unknown}, "
            f"with Stack.error {sum(self.errors.values())} ({errors or 'none'})"
        )


def note_error(error: BaseException, figures: Figures) -> None:
    """Count a `Stack.error` by its types."""
    parts = getattr(error, "exceptions", None) or [error]
    name = "+".join(sorted({type(part).__name__ for part in parts}))
    figures.errors[name] = figures.errors.get(name, 0) + 1


def problems(stack: Any, thread_id: int, start: int, end: int, figures: Figures) -> Iterator[str]:
    """What is wrong with a stack that was extracted between two moments.

    Args:
        stack: The extracted `stackscope.Stack`.
        thread_id: The thread that was extracted.
        start: Before the extraction, in nanoseconds of `perf_counter_ns`.
        end: After it.
        figures: Counts frames and contexts.
    """
    figures.extractions += 1
    if stack.error is not None:
        note_error(stack.error, figures)
    for frame, callee in zip(stack.frames, [*stack.frames[1:], None]):
        if frame.pyframe.f_code not in CHECKED:
            continue
        figures.frames += 1
        figures.contexts += len(frame.contexts)
        # One thread may begin a generator and another one resume it, or leave it suspended.
        is_generator = frame.pyframe.f_code.co_flags & CO_ANY_GENERATOR
        if not has_gil() and not is_generator:
            if frame.contexts:
                yield "another thread's frames were read without the GIL"
            continue
        where = f"{frame.pyframe.f_code.co_name}, line {frame.lineno}"
        name = "" if callee is None else callee.funcname
        is_vague = not has_gil() or (stack.error is not None and not frame.contexts)
        # WITH_CLEANUP_START of 3.8 takes the exit method off the stack before it calls it. A
        # finalizer that runs just then looks like one that is run by an exception that drops the
        # loop's iterator, if the block stack is empty, and it is in this function only.
        may_lack_last = (
            sys.version_info < (3, 9)
            and name == "__del__"
            and frame.pyframe.f_code is early.__code__
        )
        for problem in problems_of_frame(
            frame, None if is_generator else thread_id, start, end, is_vague, may_lack_last, figures
        ):
            reported = ", ".join(map(describe, frame.contexts)) or "nothing"
            yield (
                f"{where}: {problem}; reported: {reported}; error: {stack.error!r}; "
                f"then: {name or 'nothing'}"
            )


def describe(context: Any) -> str:
    exiting = " exiting" * context.is_exiting
    return f"{context.varname} of line {context.start_line}{exiting} ({type(context.obj).__name__})"


def problems_of_frame(
    frame: Any,
    thread_id: Optional[int],
    start: int,
    end: int,
    is_vague: bool,
    may_lack_last: bool,
    figures: Figures,
) -> Iterator[str]:
    """What is wrong with a frame that was read between two moments.

    Args:
        frame: The `stackscope.Frame`.
        thread_id: The thread that has begun it; `None` if any may have.
        start: Before it was read.
        end: After it.
        is_vague: Whether contexts may be missing.
        may_lack_last: Whether the one that is being left may be missing.
        figures: Counts managers that are left and not known.
    """
    frame_id = id(frame.pyframe)
    seen: List[Any] = []
    for context in frame.contexts:
        manager = context.obj
        if manager is None and context.is_exiting:
            seen.append(None)
            continue
        if type(manager) is LockType:
            seen.append(manager)
            owner = LOCKS.get(id(manager))
            if owner is None or thread_id not in (None, owner) or context.varname != "got":
                yield "the lock is another"
            continue
        if type(manager) is not Watched:
            yield f"{type(manager).__name__} is no manager"
            continue
        seen.append(manager)
        owner = manager.activation.thread
        if manager.activation.frame_id != frame_id or thread_id not in (None, owner):
            yield "the manager is of another frame"
        elif manager.created > end or (manager.gone is not None and manager.gone < start):
            yield "the manager was not active then"
        if context.start_line != manager.line:
            yield f"line {context.start_line} instead of {manager.line}"
        if context.varname != manager.name:
            yield f"name {context.varname!r} instead of {manager.name!r}"
    known = [manager for manager in seen if type(manager) is Watched]
    if any(one.created >= two.created for one, two in zip(known, known[1:])):
        yield "the order is wrong"
    if may_lack_last:
        seen.append(None)
    if not is_vague:
        yield from _missing(ACTIVATIONS.get(frame_id), seen, start, end, figures)


def _missing(
    activation: Optional[Activation], seen: List[Any], start: int, end: int, figures: Figures
) -> Iterator[str]:
    """Managers that were certainly active all the time and weren't reported."""
    if activation is None or activation.begun > start:
        return
    for manager in activation.managers[:]:
        certain = (
            manager.inside is not None
            and manager.inside <= start
            and (manager.leaving is None or manager.leaving >= end)
        )
        if not certain or any(manager.manager is one for one in seen):
            continue
        if None in seen:
            # Its exit has been called, and the frame of that can't be seen yet.
            figures.unknown += 1
        else:
            yield f"the manager of line {manager.line} is missing"
