"""What a running Python program is doing: its stacks, with the active context managers.

    >>> import os, stackscope
    >>> def numbers():
    ...     with open(os.devnull) as file:
    ...         yield 1
    >>> generator = numbers()
    >>> next(generator)
    1
    >>> stack = stackscope.extract(generator)
    >>> stack.frames[0].contexts[0].varname
    'file'

- `extract` takes anything that has a stack: a task, coroutine, generator, thread, frame, exception,
  greenlet. `extract_since` and `extract_until` take parts of the current stack.
- `extract_all` finds everything in the process that has one: event loops with their tasks, threads,
  greenlets, and what each waits for.
- `diagnose` says what is stuck, and why.
- ``print()`` draws what they return. `Stack`, `Frame` and `Context`, `Snapshot`, `TaskNode` and
  `ThreadNode` are the data; ``to_html()`` and ``to_json()`` are other forms of it.
- `register` dumps all that when a signal comes, `dump_after` when a time is over.
- `customize`, `elaborate_frame`, `unwrap_stackitem` and other hooks teach it new libraries.
- `stackscope.lowlevel` has the parts that it is built from.

The package `stackscope_pdb` is a debugger built on it, `stackscope_ipython` an IPython extension.
"""

from __future__ import annotations

from stackscope.api import (
    diagnose,
    extract,
    extract_all,
    extract_child,
    extract_outermost,
    extract_since,
    extract_until,
    fill_context,
)
from stackscope.extraction.hooks import (
    PRUNE,
    customize,
    elaborate_context,
    elaborate_frame,
    unwrap_context,
    unwrap_context_generator,
    unwrap_stackitem,
    yields_frames,
)
from stackscope.extraction.walk import Leaf
from stackscope.interpreter.facts import InspectionWarning
from stackscope.model.snapshot import (
    CodeLine,
    FailedTask,
    ItemNode,
    LoopNode,
    Snapshot,
    TaskNode,
    ThreadNode,
)
from stackscope.model.stacks import Context, Frame, Stack, StackItem, StackSlice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from stackscope.dumps import cancel_dump_after, dump_after, register, unregister
    from stackscope.model.diagnosis import Diagnosis, Edge, Finding, Graph
    from stackscope.model.difference import Difference
    from stackscope.model.filters import FilterError
    from stackscope.model.waiting import Amount, Waiting
    from stackscope.snapshot.lent import Lent, lent_by, lent_in
    from stackscope.snapshot.runtimes import (
        FoundItem,
        Runtime,
        register_finder,
        register_runtime,
    )
    from stackscope.snapshot.subjects import describe_subject
    from stackscope.snapshot.survey import Survey
    from stackscope.snapshot.threads import name_of_thread
    from stackscope.snapshot.user_code import register_machinery, register_runtime_package
    from stackscope.snapshot.waits import (
        awaited_object,
        describe_call,
        describe_leaf,
        describe_object,
        describe_wait,
    )

__all__ = [
    "PRUNE",
    "Amount",
    "CodeLine",
    "Context",
    "Diagnosis",
    "Difference",
    "Edge",
    "FailedTask",
    "FilterError",
    "Finding",
    "FoundItem",
    "Frame",
    "Graph",
    "InspectionWarning",
    "ItemNode",
    "Leaf",
    "Lent",
    "LoopNode",
    "Runtime",
    "Snapshot",
    "Stack",
    "StackItem",
    "StackSlice",
    "Survey",
    "TaskNode",
    "ThreadNode",
    "Waiting",
    "__version__",
    "awaited_object",
    "cancel_dump_after",
    "customize",
    "describe_call",
    "describe_leaf",
    "describe_object",
    "describe_subject",
    "describe_wait",
    "diagnose",
    "dump_after",
    "elaborate_context",
    "elaborate_frame",
    "extract",
    "extract_all",
    "extract_child",
    "extract_outermost",
    "extract_since",
    "extract_until",
    "fill_context",
    "lent_by",
    "lent_in",
    "name_of_thread",
    "register",
    "register_finder",
    "register_machinery",
    "register_runtime",
    "register_runtime_package",
    "unregister",
    "unwrap_context",
    "unwrap_context_generator",
    "unwrap_stackitem",
    "yields_frames",
]

__version__ = "1.0.0"

_LATER = {
    "cancel_dump_after": "dumps",
    "dump_after": "dumps",
    "register": "dumps",
    "unregister": "dumps",
    "FilterError": "model.filters",
    "Diagnosis": "model.diagnosis",
    "Difference": "model.difference",
    "Edge": "model.diagnosis",
    "Finding": "model.diagnosis",
    "Graph": "model.diagnosis",
    "Amount": "model.waiting",
    "Waiting": "model.waiting",
    "Lent": "snapshot.lent",
    "lent_by": "snapshot.lent",
    "lent_in": "snapshot.lent",
    "FoundItem": "snapshot.runtimes",
    "Runtime": "snapshot.runtimes",
    "register_finder": "snapshot.runtimes",
    "register_runtime": "snapshot.runtimes",
    "name_of_thread": "snapshot.threads",
    "Survey": "snapshot.survey",
    "register_machinery": "snapshot.user_code",
    "register_runtime_package": "snapshot.user_code",
    "awaited_object": "snapshot.waits",
    "describe_call": "snapshot.waits",
    "describe_leaf": "snapshot.waits",
    "describe_object": "snapshot.waits",
    "describe_subject": "snapshot.subjects",
    "describe_wait": "snapshot.waits",
}
"""What only some programs need, and where it is. It is imported when it is first asked for."""


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in ("clock", "lowlevel"):
        return import_module(f"stackscope.{name}")
    if name not in _LATER:
        raise AttributeError(f"module 'stackscope' has no attribute {name!r}")
    value = getattr(import_module(f"stackscope.{_LATER[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> List[str]:
    """What the package offers, imported already or not, and none of what it is made of."""
    special = {name for name in globals() if name[:2] == "__"} - {"__getattr__", "__dir__"}
    return sorted({*__all__, "clock", "lowlevel", *special})
