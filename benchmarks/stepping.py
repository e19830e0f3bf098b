"""A program to step through."""

from __future__ import annotations


def steps(count):
    """Takes two steps for each of some numbers."""
    for number in range(count):
        x = number
    return x


breakpoint()  # noqa: T100
steps(2_000)
