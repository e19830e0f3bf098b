"""The parts that `extract` is made of, for tools and glue that need them one by one."""

from __future__ import annotations

import dis
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Dict, List, Optional, Sequence

from stackscope.extraction.codes import IdentityDict, code_dispatch, get_code
from stackscope.extraction.contexts import TRIES, FrameKeepsMoving, contexts_active_in_frame
from stackscope.extraction.extraction import Extraction, current_extraction, threads_with_frames
from stackscope.extraction.walk import Past
from stackscope.interpreter.bytecode import Site, analyze, analyze_whole
from stackscope.interpreter.bytecode.instructions import from_dis
from stackscope.interpreter.bytecode.targets import describe
from stackscope.interpreter.frames import local_value, local_values, reader, set_trickery_enabled
from stackscope.interpreter.frames.base import FrameMoved
from stackscope.model.stacks import Context
from stackscope.safe.objects import (
    MISSING,
    class_attribute,
    exceptions_in_group,
    instance_attributes,
    is_instance,
    stored_attribute,
)
from stackscope.safe.text import class_name, safe_repr, safe_text, set_reprs_enabled

__all__ = [
    "MISSING",
    "ExitingContext",
    "Extraction",
    "FrameDetails",
    "IdentityDict",
    "Past",
    "analyze_with_blocks",
    "class_attribute",
    "class_name",
    "code_dispatch",
    "contexts_active_in_frame",
    "current_extraction",
    "currently_exiting_context",
    "describe_assignment_target",
    "exceptions_in_group",
    "get_code",
    "inspect_frame",
    "instance_attributes",
    "is_instance",
    "local_value",
    "local_values",
    "safe_repr",
    "safe_text",
    "set_reprs_enabled",
    "set_trickery_enabled",
    "stored_attribute",
    "threads_with_frames",
    "with_blocks_open_at",
]


def analyze_with_blocks(code: CodeType) -> Dict[int, Context]:
    """All ``with`` and ``async with`` items of a code object.

    Args:
        code: the code object; those nested in it are not looked at.

    Returns:
        By the bytecode offset of the handler that calls the block's exit method on an exception: a
        `Context` with `is_async`, `varname` and `start_line`; its `obj` is `None`.
    """
    return {
        block.handler: Context(None, block.is_async, False, block.varname, block.start_line)
        for block in analyze(code).blocks
    }


def with_blocks_open_at(code: CodeType, lasti: int) -> Dict[int, Context]:
    """The ``with`` and ``async with`` items of a code object open at an instruction.

    That is all that remains to be known of a frame that has ended, as those of a traceback have.

    Args:
        code: the code object.
        lasti: the bytecode offset of the instruction, such as ``tb_lasti`` of a traceback.

    Returns:
        The same as `analyze_with_blocks`, as far as it is open, outermost first. A block that is
        just being left comes last, with `is_exiting`.

    Example:
        >>> import os
        >>> def fail(path):
        ...     with open(path) as file:
        ...         raise KeyError
        >>> try:
        ...     fail(os.devnull)
        ... except KeyError as exc:
        ...     traceback = exc.__traceback__.tb_next
        >>> [block] = with_blocks_open_at(fail.__code__, traceback.tb_lasti).values()
        >>> block.varname
        'file'
    """
    site = analyze(code).past(lasti)
    if site is None:
        return {}
    found = [(live.block, False) for live in site.live]
    if site.exiting is not None:
        found.append((site.exiting.block, True))
    return {
        block.handler: Context(None, block.is_async, exiting, block.varname, block.start_line)
        for block, exiting in found
    }


@dataclass
class FrameDetails:
    """What a frame holds besides its variables.

    Attributes:
        blocks: exception handlers in force, outermost first.
        stack: the value stack, bottom first, without local variables; `None` for NULL and for what
            is no object. Of a running frame, what the present instruction works on is left out. Up
            to 3.10, and up to 3.13 if it calls a function in C, nothing tells how much of a running
            frame's stack an exception has taken down: what is shown then is what the collector
            knows to be alive, and `None` for the rest, such as numbers and strings.
    """

    @dataclass(frozen=True)
    class FinallyBlock:
        """An exception handler that is in force.

        Attributes:
            handler: its bytecode offset.
            level: the depth that the value stack is cut to before it runs.
        """

        handler: int
        level: int

    blocks: List[FinallyBlock] = field(default_factory=list)
    stack: List[object] = field(default_factory=list)


@dataclass(frozen=True)
class ExitingContext:
    """A block whose exit method is running.

    Attributes:
        is_async: whether it belongs to an ``async with``.
        cleanup_offset: the offset of its handler, the key of `analyze_with_blocks`.
    """

    is_async: bool
    cleanup_offset: int


def inspect_frame(frame: FrameType) -> FrameDetails:
    """The exception handlers in force in a frame, and its value stack.

    Args:
        frame: a running or suspended frame. One that has ended gives empty details.

    Raises:
        RuntimeError: frames of this interpreter can't be read, or the frame runs in another thread
            and did not hold still.
    """
    exact = reader()
    if exact is None:
        raise RuntimeError("frames can't be read exactly: see set_trickery_enabled()")
    analysis = analyze_whole(frame.f_code)
    for _ in range(TRIES):
        moment = exact.moment(frame, frame.f_code)
        if moment is None:
            return FrameDetails()
        site = moment.pick(analysis)
        if site is None:
            return FrameDetails()
        try:
            slots = range(len(analysis.names), len(analysis.names) + site.intact)
            stack = moment.nullable(slots)
        except FrameMoved:
            continue
        handlers = [
            FrameDetails.FinallyBlock(*handler) for handler in site.handlers if handler.offset >= 0
        ]
        return FrameDetails(handlers, stack)
    raise FrameKeepsMoving(f"{frame.f_code.co_name}() runs too fast to be inspected")


def currently_exiting_context(frame: FrameType) -> Optional[ExitingContext]:
    """The block of ``frame`` whose exit method has been called and has not returned.

    Args:
        frame: a running or suspended frame.
    """
    sites: Sequence[Site] = analyze(frame.f_code).at(frame.f_lasti)
    for site in sites:
        if site.exiting is not None:
            block = site.exiting.block
            return ExitingContext(block.is_async, block.handler)
    return None


def describe_assignment_target(
    instructions: Sequence[dis.Instruction], start_index: int
) -> Optional[str]:
    """The assignment target that a run of instructions stores to.

    Args:
        instructions: from `dis.get_instructions`.
        start_index: index of the first instruction after the value has been computed.

    Returns:
        The target in normal form, e.g. ``"(a, b.c)"``, or `None` if there is none or it can't be
        written back.

    Example:
        >>> code = compile("a.b = 1", "", "exec")
        >>> instructions = list(dis.get_instructions(code))
        >>> names = [instruction.opname for instruction in instructions]
        >>> describe_assignment_target(instructions, names.index("LOAD_NAME"))
        'a.b'
    """
    return describe(from_dis(instructions[start_index:])).text
