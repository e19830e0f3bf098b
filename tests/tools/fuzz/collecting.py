"""Probes while the collector runs: in the middle of whatever allocates, up to 3.11.

A collection may start at any allocation (from 3.12 on, between two instructions). So it looks at
frames that are just calling an exit method, or have just seen it fail.
"""

from __future__ import annotations

import gc
from typing import Any, Dict

from .runtime import Runtime

#: A collection for so many more objects: a multiple would always hit the same allocations.
_THRESHOLD = 7


class _Cycle:
    """Garbage whose finalizer probes."""

    def __init__(self, collections: Collections) -> None:
        self.itself = self
        self.collections = collections

    def __del__(self) -> None:
        self.collections.probe()


class Collections:
    """Has the collector run often, and probes when it does; for use in a with statement."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._thresholds: Any = None
        self._is_probing = False

    def __enter__(self) -> Collections:
        self._thresholds = gc.get_threshold()
        self._runtime.oracle.collecting = True
        gc.callbacks.append(self._notice)
        gc.set_threshold(_THRESHOLD, 10, 10)
        gc.enable()
        return self

    def __exit__(self, *exc: object) -> None:
        gc.disable()
        gc.set_threshold(*self._thresholds)
        gc.callbacks.remove(self._notice)

    def probe(self) -> None:
        """Compare all frames, unless this comes in the middle of that."""
        if self._is_probing or self._runtime.oracle.reading:
            return
        self._is_probing = True
        try:
            self._runtime.probe()
        finally:
            self._is_probing = False

    def _notice(self, phase: str, info: Dict[str, int]) -> None:
        self.probe()
        if phase == "stop":
            _Cycle(self)
