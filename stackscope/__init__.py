"""What a running Python program is doing: its stacks, and the context managers active in every frame."""

from __future__ import annotations

from stackscope.api import (
    extract,
    extract_child,
    extract_outermost,
    extract_since,
    extract_until,
    fill_context,
)
from stackscope.hooks import (
    PRUNE,
    customize,
    elaborate_context,
    elaborate_frame,
    unwrap_context,
    unwrap_context_generator,
    unwrap_stackitem,
    yields_frames,
)
from stackscope.model import Context, Frame, InspectionWarning, Stack, StackItem, StackSlice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stackscope.dumps import cancel_dump_after, dump_after, register, unregister
    from stackscope.snapshot import (
        ItemNode,
        LoopNode,
        Snapshot,
        TaskNode,
        ThreadNode,
        Waiting,
        describe_wait,
        extract_all,
    )

__all__ = [
    "PRUNE",
    "Context",
    "Frame",
    "InspectionWarning",
    "ItemNode",
    "LoopNode",
    "Snapshot",
    "Stack",
    "StackItem",
    "StackSlice",
    "TaskNode",
    "ThreadNode",
    "Waiting",
    "__version__",
    "cancel_dump_after",
    "customize",
    "describe_wait",
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
    "register",
    "unregister",
    "unwrap_context",
    "unwrap_context_generator",
    "unwrap_stackitem",
    "yields_frames",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """What only some programs need, such as `extract_all`, is imported when it is first asked for."""
    if name in __all__:
        from stackscope import snapshot as module

        if name not in module.PUBLIC:
            from stackscope import dumps as module  # type: ignore[no-redef]
        globals().update((each, getattr(module, each)) for each in module.PUBLIC)
        if name in module.PUBLIC:
            return globals()[name]
    raise AttributeError(f"module 'stackscope' has no attribute {name!r}")
