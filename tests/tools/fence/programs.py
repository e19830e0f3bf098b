"""Frames whose value stacks hold stale pointers, looked at from inside and from another thread.

Run in a process of its own, under the fence (see `tests.tools.fence.test_fence`).
"""

from __future__ import annotations

import asyncio
import sys
import threading
from types import FrameType
from typing import Any, Callable, Iterator, List, Optional, Tuple

import stackscope
from stackscope.lowlevel import contexts_active_in_frame, inspect_frame

#: What was active in the frame of the case, as the case says and as it was found.
Found = List[Tuple[str, List[str], List[Optional[str]]]]

found: Found = []
_in_thread = False


class Manager:
    """Fails to leave, if asked to."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails

    def __enter__(self) -> Manager:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.fails:
            raise ValueError

    async def __aenter__(self) -> Manager:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.sleep(0)
        if self.fails:
            raise ValueError


def look(case: str, active: List[str]) -> None:
    """Compares the frame of a case with what is active there."""
    inner, frame = sys._getframe(), sys._getframe().f_back
    while frame is not None and frame.f_code.co_name != case:
        inner, frame = frame, frame.f_back
    assert frame is not None
    if _in_thread:
        _look_from_outside(case, frame, active)
    else:
        inspect_frame(frame)
        contexts = contexts_active_in_frame(frame, None, inner)
        found.append((case, active, [context.varname for context in contexts]))


def _look_from_outside(case: str, frame: FrameType, active: List[str]) -> None:
    ident = threading.get_ident()

    def extract() -> None:
        thread = next(one for one in threading.enumerate() if one.ident == ident)
        for shown in stackscope.extract(thread).frames:
            if shown.pyframe is frame:
                names = [context.varname for context in shown.contexts]
                found.append((case, active, names))

    thread = threading.Thread(target=extract)
    thread.start()
    thread.join()


def closing(case: str, active: List[str]) -> Iterator[int]:
    """Looks when it is closed."""
    try:
        yield 1
    finally:
        look(case, active)


class Dropped:
    """Looks when it is dropped."""

    def __init__(self, case: str, active: List[str]) -> None:
        self.case, self.active = case, active

    def __iter__(self) -> Dropped:
        return self

    def __next__(self) -> int:
        return 1

    def __del__(self) -> None:
        look(self.case, self.active)


def body_fails() -> None:
    with Manager() as outer:
        for _ in closing("body_fails", ["outer"]):
            with Manager() as inner:
                raise ValueError(outer, inner)


def exit_fails() -> None:
    with Manager() as outer:
        for _ in closing("exit_fails", ["outer"]):
            with Manager(fails=True) as inner:
                assert outer is not inner


def exit_fails_on_its_way_out() -> None:
    with Manager() as outer:
        for _ in closing("exit_fails_on_its_way_out", ["outer"]):
            with Manager(fails=True) as inner:
                raise KeyError(outer, inner)


def two_blocks_at_once() -> None:
    for _ in closing("two_blocks_at_once", []):
        with Manager() as outer, Manager(fails=True) as inner:
            assert outer is not inner


def object_is_dropped() -> None:
    with Manager() as outer:
        for _ in Dropped("object_is_dropped", ["outer"]):
            with Manager() as inner:
                raise ValueError(outer, inner)


class Rebound:
    """Looks when it is dropped, by a method that has forgotten what it is a method of."""

    def __del__(self) -> None:
        self = None  # type: ignore[assignment]  # noqa: PLW0642
        look("dropped_by_another", ["outer"])


def dropped_by_another(depth: int = 0) -> None:
    """Also where a chunk of the thread's data stack begins."""
    if depth:
        dropped_by_another(depth - 1)
        return
    with Manager() as outer:
        rebound = Rebound()
        del rebound
        assert outer


def returns() -> None:
    with Manager() as outer:
        for _ in closing("returns", ["outer"]):
            with Manager() as inner:
                assert outer is not inner
                return


async def asynchronous() -> None:
    async with Manager() as outer:
        for _ in closing("asynchronous", ["outer"]):
            async with Manager(fails=True) as inner:
                assert outer is not inner


CASES: List[Callable[[], Any]] = [
    body_fails,
    exit_fails,
    exit_fails_on_its_way_out,
    two_blocks_at_once,
    object_is_dropped,
    returns,
    lambda: [dropped_by_another(depth) for depth in range(0, 300, 7)],
    lambda: asyncio.run(asynchronous()),
]


def main() -> int:
    """Run all cases, looking from inside and from another thread; 1 if something was wrong."""
    global _in_thread  # noqa: PLW0603
    for _in_thread in (False, True):
        for case in CASES:
            for _ in range(2):
                try:
                    case()
                except ValueError:
                    pass
                except KeyError:
                    pass
    wrong = [one for one in found if one[1] != one[2]]
    for case_name, active, names in wrong:
        print(f"{case_name}: {names} instead of {active}")
    print(f"{len(found)} looks, {len(wrong)} wrong")
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
