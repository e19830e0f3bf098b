"""What ends a command with a sentence."""

from __future__ import annotations


class Refused(Exception):
    """What was asked for can't be done: one sentence that says what to do instead."""
