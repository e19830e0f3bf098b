"""Whether frames may be read exactly, and by which reader."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Optional

from stackscope.interpreter.facts import IS_CPYTHON, IS_PYPY, STACK_IS_IN_FRAME
from stackscope.safe.interruptions import interrupts
from stackscope.safe.loading import TooEarly, is_being_imported, loading
from stackscope.safe.objects import is_instance
from stackscope.safe.text import is_silent

if TYPE_CHECKING:
    from stackscope.interpreter.frames.base import Reader

MODULES_OF_CTYPES = ("ctypes", "_ctypes", "ctypes._endian", "struct", "_struct", "types")
"""What ``import ctypes`` imports."""

UNFINISHED = (AttributeError, ImportError, MemoryError, RecursionError)
"""What may be raised anywhere, or where modules are only half imported."""

# The reader to use. `_decided` says whether that has been settled, by the user or by a self-test.
_reader: Optional[Reader] = None
_decided = False


def make_reader() -> Optional[Reader]:
    """The reader for the running interpreter; `None` if there is none."""
    if IS_PYPY:
        from stackscope.interpreter.frames.pypyframe import make_reader as make_pypy_reader

        return make_pypy_reader()
    if not IS_CPYTHON or not _has_ctypes():
        return None
    if STACK_IS_IN_FRAME:
        from stackscope.interpreter.frames.blockstack import BlockStackReader

        return BlockStackReader()
    from stackscope.interpreter.frames.interpreterframe import InterpreterFrameReader, find_layout

    layout = find_layout()
    return None if layout is None else InterpreterFrameReader(layout)


def _has_ctypes() -> bool:
    """Whether memory can be read. Isolated subinterpreters of 3.12 can't import what it takes.

    Raises:
        ImportError: There is no telling, for somebody is just importing it.
    """
    try:
        import ctypes  # noqa: F401
    except ImportError:
        if any(is_being_imported(sys.modules.get(name)) for name in MODULES_OF_CTYPES):
            raise
        return False
    return True


def reader() -> Optional[Reader]:
    """The reader in use; `None` if only public interfaces are.

    That holds for the time being, too, where the self-test itself is interrupted.
    """
    if not _decided:
        try:
            loading(set_trickery_enabled, None)
        except TooEarly:
            return None
    return _reader


def set_trickery_enabled(enabled: Optional[bool]) -> None:
    """Choose how frames are read.

    Args:
        enabled: ``True`` reads exactly: from the memory of the interpreter, or on PyPy from its
            garbage collector. ``False`` uses only public interfaces, which can't crash: on CPython
            this finds only the contexts of suspended frames, without ``varname`` and
            ``start_line``; on PyPy none. ``None``, the default, decides by a self-test.

    Raises:
        RuntimeError: ``enabled`` is ``True``, and this interpreter isn't known.

    Example:
        >>> set_trickery_enabled(False)
        >>> set_trickery_enabled(None)
    """
    global _reader, _decided
    if enabled is False:
        _reader, _decided = None, True
        return
    chosen = make_reader()
    if enabled and chosen is None:
        raise RuntimeError(f"don't know how to read frames of {sys.version.split()[0]}")
    tested = enabled is None and (IS_CPYTHON or IS_PYPY)
    if tested and not _passes(chosen):
        chosen = None
    # First of all, so that a warning that is made an error is given once only, too.
    _reader, _decided = chosen, True
    if tested and chosen is None:
        _warn()


def _passes(chosen: Optional[Reader]) -> bool:
    """Whether a reader passes the self-test.

    Raises:
        BaseException: It could not be finished, and so says nothing.
    """
    from stackscope.interpreter.frames.selftest import passes

    try:
        return chosen is not None and passes(chosen)
    except BaseException as exc:
        if interrupts(exc) or is_instance(exc, UNFINISHED):
            raise
        return False


def _warn() -> None:
    if is_silent():
        return
    import warnings

    from stackscope.interpreter.facts import InspectionWarning

    why = "keeps its frames in a way that is not known here"
    shown = "shown for suspended frames only, without names and lines"
    if not IS_CPYTHON:
        shown = "not shown"
    elif not _has_ctypes():
        why = "can't import ctypes here"
    warnings.warn(
        f"This interpreter ({sys.version.split()[0]}) {why}: context managers are {shown}.",
        InspectionWarning,
        stacklevel=3,
    )
