"""The parts that `extract` is made of, for tools that need them one by one."""

from __future__ import annotations

from stackscope.codes import IdentityDict, code_dispatch, get_code
from stackscope.contexts import contexts_active_in_frame
from stackscope.details import (
    ExitingContext,
    FrameDetails,
    analyze_with_blocks,
    currently_exiting_context,
    describe_assignment_target,
    inspect_frame,
    with_blocks_open_at,
)
from stackscope.frames import set_trickery_enabled
from stackscope.glue.exceptions import exceptions_in_group
from stackscope.render.safe import set_reprs_enabled

__all__ = [
    "ExitingContext",
    "FrameDetails",
    "IdentityDict",
    "analyze_with_blocks",
    "code_dispatch",
    "contexts_active_in_frame",
    "currently_exiting_context",
    "describe_assignment_target",
    "exceptions_in_group",
    "get_code",
    "inspect_frame",
    "set_reprs_enabled",
    "set_trickery_enabled",
    "with_blocks_open_at",
]
