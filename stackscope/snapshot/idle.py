"""Which threads are workers of a pool that wait for work: these are of no interest.

Which functions such a worker waits in is said by `register_idle`: each glue adds its rows when it
is installed.
"""

from __future__ import annotations

from stackscope.model.saved import saved_frame
from stackscope.safe.objects import module_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Dict, Iterable, Set

    from stackscope.model.snapshot import ThreadNode

__all__ = ["idles_in", "is_idle_worker", "register_idle"]

_workers: Dict[str, Set[str]] = {}
"""The functions of each module in which workers wait for work."""

_waiting_in_queue: Dict[str, Set[str]] = {}
"""The same for those that wait in `queue` only, and run work that has no frames otherwise."""

ALWAYS, IN_QUEUE = "always", "in queue"
"""Which workers in a function wait for work: all, or those that wait in `queue`."""

QUEUES = ("queue", "threading")
"""The modules in which a queue waits."""


def register_idle(module: str, functions: Iterable[str], *, only_in_queue: bool = False) -> None:
    """Say in which functions the workers of a pool wait for work.

    Args:
        module: The module that they are in.
        functions: Their names. A thread whose innermost frame is one of these is idle.
        only_in_queue: Whether it is only if it waits for a `queue.Queue`. Else it may run a
            function that is written in C.
    """
    known = _waiting_in_queue if only_in_queue else _workers
    known.setdefault(module, set()).update(functions)


def idles_in(frame: FrameType) -> str:
    """Whether a worker whose frame that is waits for work: `ALWAYS`, `IN_QUEUE` or empty."""
    saved = saved_frame(frame)
    if saved is not None:
        return saved.f_code.idles
    module = module_of(frame) or ""
    name = frame.f_code.co_name
    if name in _workers.get(module, ()):
        return ALWAYS
    return IN_QUEUE if name in _waiting_in_queue.get(module, ()) else ""


def is_idle_worker(node: ThreadNode) -> bool:
    """Whether a thread is a worker of a pool that waits for work."""
    is_in_queue = False
    for frame in reversed(node.stack.frames):
        module = module_of(frame.pyframe) or ""
        idles = idles_in(frame.pyframe)
        if idles:
            return is_in_queue or idles == ALWAYS
        if module not in QUEUES:
            return False
        is_in_queue = is_in_queue or module == QUEUES[0]
    return False
