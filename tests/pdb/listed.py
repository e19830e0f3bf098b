"""Functions to list, and what was listed of them."""

from __future__ import annotations

import inspect


def described(session):
    """Talks
    if it is called for
    """
    first = 1
    session.stop()
    second = first + 1
    return second


FIRST = inspect.getsourcelines(described)[1]


def code_of(reply):
    """The lines of a listing, without their numbers and marks."""
    return [line.partition("\t")[2] for line in reply.splitlines() if "\t" in line]


def marked(reply, mark="->"):
    return [line.partition("\t")[2].strip() for line in reply.splitlines() if f"{mark}\t" in line]
