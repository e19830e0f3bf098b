"""Whether frames may be read exactly, and by which reader."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from stackscope.frames.base import Reader

# The reader to use. `_decided` says whether that has been settled, by the user or by a self-test.
_reader: Optional[Reader] = None
_decided = False


def make_reader() -> Optional[Reader]:
    """The reader for the running interpreter; `None` if there is none."""
    if sys.implementation.name != "cpython" or sys.version_info < (3, 8):
        return None
    if sys.version_info < (3, 11):
        from .blockstack import BlockStackReader

        return BlockStackReader()
    from .interpreterframe import InterpreterFrameReader, find_layout

    layout = find_layout()
    return None if layout is None else InterpreterFrameReader(layout)


def reader() -> Optional[Reader]:
    """The reader in use; `None` if only public interfaces are."""
    if not _decided:
        set_trickery_enabled(None)
    return _reader


def set_trickery_enabled(enabled: Optional[bool]) -> None:
    """Choose how frames are read.

    Args:
        enabled: `True`: exactly, from the interpreter's memory. `False`: only through public
            interfaces that can't crash; then contexts of suspended frames alone are found on
            CPython, without `varname` and `start_line`. `None` (as at the start): decide by a
            self-test, at once.

    Raises:
        RuntimeError: ``enabled`` is `True` and this interpreter is not known.
    """
    global _reader, _decided
    if enabled is False:
        _reader, _decided = None, True
        return
    chosen = make_reader()
    if enabled and chosen is None:
        raise RuntimeError(f"don't know how to read frames of {sys.version.split()[0]}")
    if enabled is None and sys.implementation.name == "cpython":
        chosen = _tested(chosen)
    _reader, _decided = chosen, True


def _tested(chosen: Optional[Reader]) -> Optional[Reader]:
    """``chosen`` if it reads frames right, else `None`, with a warning."""
    if chosen is not None:
        from stackscope.frames.selftest import passes

        if passes(chosen):
            return chosen
    import warnings

    from stackscope.model import InspectionWarning

    warnings.warn(
        f"This interpreter ({sys.version.split()[0]}) keeps its frames in a way that is not known "
        "here: context managers are shown for suspended frames only, without names and lines.",
        InspectionWarning,
        stacklevel=2,
    )
    return None
