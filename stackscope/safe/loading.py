"""Our own modules, imported when they are first needed, whatever interrupts that.

A first use may be interrupted anywhere: by an exception, such as that of Ctrl-C, and by another use
in a signal handler, a trace function or a callback of the collector. Importing a module anew after
an exception is what the interpreter does by itself. But a use that has interrupted an import would
find modules that are half done, or import some of them a second time. So it loads nothing, and does
without.

Who is loading is told by the frames of the thread, for these can't be left in a wrong state.
"""

from __future__ import annotations

import sys
from _frozen_importlib import _load_unlocked  # type: ignore[attr-defined,unused-ignore]
from _thread import get_ident

from stackscope.safe.objects import instance_attributes, mro_of, namespace_of_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType, ModuleType
    from typing import Any, Callable, Dict, Optional, TypeVar

    R = TypeVar("R")

__all__ = [
    "TooEarly",
    "is_being_imported",
    "is_called_by",
    "is_loading",
    "load",
    "loading",
]

_loading: Dict[int, None] = {}
"""The threads that may be in `loading`. Others need not be asked for their frames."""


class TooEarly(RuntimeError):
    """Something of ours was used while the code that is interrupted was still importing it."""

    def __init__(self) -> None:
        super().__init__(
            "stackscope was just being imported by the code that is interrupted here, so this may "
            "lack context managers and what is known of libraries: ask again later"
        )


def loading(function: Callable[..., R], *args: object) -> R:
    """Call ``function``, which imports modules of ours.

    Raises:
        TooEarly: This thread has interrupted just that.
    """
    if is_loading():
        raise TooEarly
    ident = get_ident()
    try:
        _loading[ident] = None
        return function(*args)
    except BaseException:
        _forget_interrupted()
        raise
    finally:
        _loading.pop(ident, None)


def _forget_interrupted() -> None:
    """Undo what an exception has left behind of an import of ours.

    The interpreter does that, unless it comes at the very line before, or at the last one, where a
    trace function may raise it: ``importlib._bootstrap._load_unlocked``, tried on 3.8 to 3.15.
    """
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] != "stackscope" or not is_being_imported(module):
            continue
        namespace = namespace_of_module(module)
        spec = namespace["__spec__"]
        if _is_at_work(spec):
            continue
        if namespace.keys() <= _BEFORE_CODE:
            sys.modules.pop(name, None)
        else:
            spec._initializing = False


def _is_at_work(spec: object) -> bool:
    """Whether some thread is importing a module."""
    for innermost in sys._current_frames().values():
        frame: Optional[FrameType] = innermost
        while frame is not None:
            if frame.f_code is _LOAD and frame.f_locals.get("spec") is spec:
                return True
            frame = frame.f_back
    return False


def is_loading() -> bool:
    """Whether this thread has interrupted `loading`."""
    ident = get_ident()
    if ident not in _loading:
        return False
    if is_called_by(loading.__code__):
        return True
    _loading.pop(ident, None)  # an exception came before it was taken away
    return False


def is_called_by(code: CodeType, frame: Optional[FrameType] = None) -> bool:
    """Whether some frame of a stack executes ``code``.

    Args:
        code: The code.
        frame: The innermost frame to look at; that of the caller by default.
    """
    if frame is None:
        frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code is code:
            return True
        frame = frame.f_back
    return False


def load(name: str) -> Any:
    """A module of ours, imported if need be.

    Raises:
        TooEarly: It, or what it needs, is just being imported by what this has interrupted.
        ImportError: It can't be imported.
    """
    module = sys.modules.get(name)
    if module is None or is_being_imported(module):
        try:
            loading(__import__, name)
        except (AttributeError, ImportError):
            # What another module has defined so far isn't enough.
            if any(map(is_being_imported, list(sys.modules.values()))):
                raise TooEarly from None
            raise
        module = sys.modules[name]
        if is_being_imported(module):
            raise TooEarly
    return module


def is_being_imported(module: Optional[ModuleType]) -> bool:
    """Whether the code of a module is still running, in whatever thread."""
    # Not isinstance(), which asks for the __class__ of whatever somebody has put into sys.modules.
    if module is None or not any(base is _MODULE for base in mro_of(type(module))):
        return False
    spec = dict.get(namespace_of_module(module), "__spec__")
    # Set while the module's code is running: importlib._bootstrap._load_unlocked, 3.8 to 3.15.
    # Not by getattr(): anything may stand there.
    return instance_attributes(spec).get("_initializing") is True


_MODULE = type(sys)
_LOAD: CodeType = _load_unlocked.__code__
_BEFORE_CODE = frozenset(
    f"__{name}__" for name in ("cached", "doc", "file", "loader", "name", "package", "path", "spec")
)
"""The names in a module before its code runs."""
