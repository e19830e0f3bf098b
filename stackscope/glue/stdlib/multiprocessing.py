"""multiprocessing: what is between a worker process and the function that it calls is hidden.

The future of a call in a process pool says which process is at it, or that none has begun.
"""

from __future__ import annotations

import sys

from stackscope.extraction.extraction import looked_up_once, threads_with_frames
from stackscope.glue.describing import code_of, hide_functions, register_maker, variable
from stackscope.glue.stdlib import processes
from stackscope.glue.stdlib.processes import numbers_text
from stackscope.interpreter.frames import local_value
from stackscope.model.waiting import Amount
from stackscope.safe.objects import instance_attributes
from stackscope.snapshot.holding import is_for_one
from stackscope.snapshot.waits import describe_call, register_wait_in_c

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Dict, List, Tuple

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting

PLUMBING = (
    ("multiprocessing.process", "BaseProcess", "_bootstrap"),
    ("multiprocessing.process", "BaseProcess", "run"),
    ("multiprocessing.process", "BaseProcess", "start"),
    ("multiprocessing.context", "Process", "_Popen"),
    ("multiprocessing.context", "ForkProcess", "_Popen"),
    ("multiprocessing.popen_fork", "Popen", "__init__"),
    ("multiprocessing.popen_fork", "Popen", "_launch"),
    ("multiprocessing.forkserver", "", "main"),
    ("multiprocessing.forkserver", "", "_serve_one"),
    ("multiprocessing.spawn", "", "spawn_main"),
    ("multiprocessing.spawn", "", "_main"),
    ("multiprocessing.pool", "", "worker"),
    ("multiprocessing.pool", "", "mapstar"),
    ("concurrent.futures.process", "", "_process_worker"),
    ("concurrent.futures.process", "", "_process_chunk"),
)
"""Functions by module, class and name. Those whose module isn't imported yet are left alone."""


# ------------------------------------------------------------ process pools

MANAGERS = ("_ExecutorManagerThread.run", "_queue_management_worker")  # 3.9+, 3.8
"""What runs in the thread that hands the calls of a pool to its processes."""

_managers: Dict[int, CodeType] = {}


class Call:
    """A call in a process pool.

    Args:
        processes: The numbers of the pool's processes that live.
        is_begun: Whether one of these is at it, as far as that can be told: the calls are handed
            out in order, and the parent isn't told which of the processes has taken one.
        busy: How many of the processes are at a call.
    """

    def __init__(self, processes: List[int], is_begun: bool, busy: int) -> None:
        self.processes = processes
        self.is_begun = is_begun
        self.busy = busy


def the_calls() -> Dict[int, Tuple[object, Call]]:
    """The calls in process pools, by the ids of their futures."""
    return looked_up_once(_find_calls)


def _find_calls() -> Dict[int, Tuple[object, Call]]:
    found: Dict[int, Tuple[object, Call]] = {}
    for _, frames in threads_with_frames():
        for frame in frames:
            if id(frame.f_code) in _managers:
                found.update(_calls_of(frame))
    return found


def _calls_of(frame: FrameType) -> Dict[int, Tuple[object, Call]]:
    """The calls of one pool, from the frame that hands them out."""
    pending, processes = (
        instance_attributes(local_value(frame, "self")[1]).get(name) or local_value(frame, name)[1]
        for name in ("pending_work_items", "processes")
    )
    if type(pending) is not dict or type(processes) is not dict:
        return {}
    numbers = [number for number in list(processes) if type(number) is int]
    items = [(key, instance_attributes(item)) for key, item in list(pending.items())]
    futures = [item.get("future") for _, item in sorted(items, key=lambda pair: pair[0])]
    handed_out = 0
    found = {}
    for future in futures:
        is_begun = False
        if instance_attributes(future).get("_state") == "RUNNING":  # it is in the pipe, at least
            handed_out += 1
            is_begun = handed_out <= len(numbers)
        found[id(future)] = (future, Call(numbers, is_begun, 0))
    busy = min(handed_out, len(numbers))
    for _, call in found.values():
        call.busy = busy
    return found


def describe_process_call(future: object, waiting: Waiting) -> bool:
    """A call in a process pool: the processes of which one is at it, or that none has begun."""
    found = the_calls().get(id(future))
    if found is None:
        return False
    call = found[1]
    numbers = waiting.processes = call.processes
    waiting.call = "a call in another process"
    if not call.is_begun:
        waiting.notes = ["not begun"]
        if numbers and call.busy == len(numbers):
            waiting.ahead = Amount(call.busy, "busy process", plural="busy processes")
    elif len(numbers) == 1:
        waiting.call = f"a call in process {numbers[0]}"
    else:
        waiting.call = "a call in one of several processes"
        waiting.resource = numbers_text(numbers)
    return True


# ------------------------------------------------------------------- locks


def describe_lock(frame: Frame, waiting: Waiting) -> None:
    """A ``with`` of a lock or semaphore. Who has a semaphore may be in other processes, in part."""
    waiting.clear()
    waiting.obj = variable(frame, "self")
    waiting.lock = waiting.obj if is_for_one(waiting.obj) else None


def _install_locks(module: object) -> None:
    """Register what concerns the module with the locks, if it is imported."""
    code = code_of(module, "SemLock.__enter__")
    if code is not None:
        describe_call.register(code, describe_lock)
        register_wait_in_c(code)


def install() -> None:
    """Register what is known about the modules that are imported so far."""
    processes.install()
    _install_locks(sys.modules.get("multiprocessing.synchronize"))
    for module, cls, name in PLUMBING:
        hide_functions(sys.modules.get(module), [f"{cls}.{name}" if cls else name])
    for path in MANAGERS:
        code = code_of(sys.modules.get("concurrent.futures.process"), path)
        if code is not None:
            _managers[id(code)] = code
            register_maker(describe_process_call)
