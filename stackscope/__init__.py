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

__all__ = [
    "PRUNE",
    "Context",
    "Frame",
    "InspectionWarning",
    "Stack",
    "StackItem",
    "StackSlice",
    "__version__",
    "customize",
    "elaborate_context",
    "elaborate_frame",
    "extract",
    "extract_child",
    "extract_outermost",
    "extract_since",
    "extract_until",
    "fill_context",
    "unwrap_context",
    "unwrap_context_generator",
    "unwrap_stackitem",
    "yields_frames",
]

__version__ = "0.1.0"
