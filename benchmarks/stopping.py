"""A program that stops, so that it is seen how long that takes."""

from __future__ import annotations

breakpoint()  # noqa: T100
x = 1
