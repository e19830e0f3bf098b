"""multiprocessing: what a thread waits for that another process has to do.

What is shared between processes may be used by any of them, so nothing here knows who ends a wait.
"""

from __future__ import annotations

import sys

from stackscope.glue.describing import begin_anew, code_of, register_call, variable
from stackscope.safe.objects import instance_attributes
from stackscope.snapshot.waits import register_wait_in_c

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, List

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting

__all__ = ["install", "numbers_text"]

MOST_PROCESSES = 4
"""The most processes that are called by their numbers."""


def numbers_text(numbers: Iterable[int]) -> str:
    """The numbers of some processes: ``71, 72 and 3 more``."""
    known = sorted(numbers)
    shown = ", ".join(map(str, known[:MOST_PROCESSES]))
    left = len(known) - MOST_PROCESSES
    return f"{shown} and {left} more" if left > 0 else shown


def describe_join(frame: Frame, waiting: Waiting) -> None:
    """``Process.join()``: the process that has to end."""
    process = variable(frame, "self")
    known = instance_attributes(process)
    pid, name = instance_attributes(known.get("_popen")).get("pid"), known.get("_name")
    begin_anew(waiting)
    if type(pid) is int:
        waiting.processes = [pid]
        waiting.resource = f"process {pid} ({name})" if type(name) is str else f"process {pid}"


def describe_result(frame: Frame, waiting: Waiting) -> None:
    """The result of a call in a ``Pool``: the processes of which one is at it, or is to be."""
    pool = instance_attributes(instance_attributes(variable(frame, "self")).get("_pool"))
    numbers = _numbers(pool.get("_pool"))
    if not numbers:  # the workers of a ThreadPool are threads
        return
    begin_anew(waiting)
    waiting.processes = numbers
    noun = "process" if len(numbers) == 1 else "one of the processes"
    waiting.resource = f"{noun} {numbers_text(numbers)}"


def _numbers(workers: Any) -> List[int]:
    if type(workers) is not list:
        return []
    pids = [
        instance_attributes(instance_attributes(worker).get("_popen")).get("pid")
        for worker in list(workers)
    ]
    return [pid for pid in pids if type(pid) is int]


def describe_shared(frame: Frame, waiting: Waiting) -> None:
    """Something that other processes may have a part in."""
    begin_anew(waiting)
    waiting.resource = "shared between processes"


CALLS = (
    ("multiprocessing.connection", "_ConnectionBase.recv", describe_shared),
    ("multiprocessing.connection", "_ConnectionBase.recv_bytes", describe_shared),
    ("multiprocessing.pool", "ApplyResult.get", describe_result),
    ("multiprocessing.pool", "ApplyResult.wait", describe_result),
    ("multiprocessing.process", "BaseProcess.join", describe_join),
    ("multiprocessing.queues", "JoinableQueue.join", describe_shared),
    ("multiprocessing.queues", "Queue.get", describe_shared),
    ("multiprocessing.queues", "Queue.put", describe_shared),
    ("multiprocessing.queues", "SimpleQueue.get", describe_shared),
    ("multiprocessing.synchronize", "Condition.wait", describe_shared),
    ("multiprocessing.synchronize", "Event.wait", describe_shared),
)
"""Functions by module and name, and what says what they wait for."""

WAIT_IN_C = (
    ("multiprocessing.connection", "Connection._recv"),
    ("multiprocessing.popen_fork", "Popen.poll"),
    ("multiprocessing.queues", "Queue.get"),
    ("multiprocessing.queues", "Queue.put"),
    ("multiprocessing.queues", "SimpleQueue.get"),
    ("multiprocessing.synchronize", "Condition.wait"),
    ("selectors", "_PollLikeSelector.select"),  # the end of a forkserver's process, or with a limit
)
"""Those that wait themselves, for a system call or a semaphore of the system."""


def install() -> None:
    """Register what is known about the modules that are imported so far."""
    for module, path, describer in CALLS:
        owner = sys.modules.get(module)
        if owner is not None:
            register_call(owner, path, describer)
    for module, path in WAIT_IN_C:
        code = code_of(sys.modules.get(module), path)
        if code is not None:
            register_wait_in_c(code)
