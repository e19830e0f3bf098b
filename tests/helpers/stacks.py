"""What tests compare of stacks."""

from __future__ import annotations


def names(stack):
    """The names of the functions whose frames are shown."""
    return [frame.funcname for frame in stack.frames if not frame.hide]


def all_names(stack):
    """The names of the functions of all frames, hidden ones included."""
    return [frame.funcname for frame in stack.frames]
