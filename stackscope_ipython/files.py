"""Results written to files: JSON, and pages of HTML."""

from __future__ import annotations

import os
import tempfile

from stackscope import Snapshot, Stack
from stackscope_ipython.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def write_json(path: str, result: Any) -> str:
    """Write a stack or a snapshot as JSON.

    Returns:
        A sentence that says where.

    Raises:
        Refused: It is something else, or can't be written.
    """
    _check(result, "JSON")
    return _write(path, result.to_json())


def write_html(path: str, result: Any, **options: Any) -> str:
    """Write a stack or a snapshot as a page of HTML, with the options of `Stack.to_html`.

    Returns:
        A sentence that says where.

    Raises:
        Refused: It is something else, or can't be written.
    """
    _check(result, "HTML")
    return _write(path, result.to_html(full=True, **options))


def _check(result: object, kind: str) -> None:
    if type(result) is list:
        raise Refused(f"A {kind} file has one stack: give one of these {len(result)}.")
    if not isinstance(result, (Snapshot, Stack)) and not hasattr(type(result), "to_json"):
        raise Refused(
            f"{kind} can be written of stacks and snapshots, not of a {type(result).__name__}."
        )


def _write(path: str, text: str) -> str:
    """Write a file that only its owner can read. What was there before stays if that fails."""
    path = os.path.expanduser(path)
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(None, "Is a directory")
        _replace(os.path.realpath(path), text)
    except OSError as exc:
        raise Refused(f"Can't write {path}: {exc.strerror or exc}.") from None
    return f"Written to {path}."


def _replace(path: str, text: str) -> None:
    descriptor, name = tempfile.mkstemp(prefix=".stackscope-", dir=os.path.dirname(path))
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
