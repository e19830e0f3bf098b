"""A short trial on frames whose contents are known, before any other frame is read."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, List, Optional

from stackscope.interpreter.bytecode import analyze
from stackscope.interpreter.frames.base import FrameMoved, Reader


class _Manager:
    def __enter__(self) -> _Manager:
        return self

    def __exit__(self, *exc: object) -> None:
        return None


def _managers(reader: Reader, frame: FrameType) -> Optional[List[object]]:
    """The managers of the live blocks of ``frame``, as ``reader`` sees them."""
    moment = reader.moment(frame, frame.f_code)
    if moment is None:
        return None
    site = moment.pick(analyze(frame.f_code))
    if site is None:
        return None
    base = len(analyze(frame.f_code).names)
    if all(live.self_slot >= 0 for live in site.live):
        return moment.objects([base + live.self_slot for live in site.live])
    exits = moment.objects([base + live.slot for live in site.live])
    return [getattr(callable_, "__self__", None) for callable_ in exits]


def _suspended(managers: List[_Manager]) -> Any:
    first, second = managers
    for item in [first]:
        with item as held, second:
            yield [held, (yield)]


def _same(found: Optional[List[object]], expected: List[_Manager]) -> bool:
    return (
        found is not None
        and len(found) == len(expected)
        and all(a is b for a, b in zip(found, expected))
    )


TRIES = 5
"""How often to begin anew where something, such as a trace function, has moved the frames."""


def passes(reader: Reader) -> bool:
    """Whether ``reader`` reads a running and a suspended frame right."""
    for _ in range(TRIES):
        try:
            return _passes(reader)
        except FrameMoved:
            continue
    return False


def _passes(reader: Reader) -> bool:
    if not reader.proves(sys._getframe()):
        return False
    managers = [_Manager(), _Manager()]
    first, second = managers
    generator = _suspended(managers)
    next(generator)
    try:
        with first, second:
            if not _same(_managers(reader, sys._getframe()), managers):
                return False
        if not _same(_managers(reader, generator.gi_frame), managers):
            return False
        if _managers(reader, sys._getframe()) != []:
            return False
    finally:
        generator.close()
    return True
