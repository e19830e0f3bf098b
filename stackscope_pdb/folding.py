"""Which frames are folded: those that are there on every stack of their kind, and never the cause.

These are the frames that the library hides (its hooks say which), those of event loops between the
program's entry and a task, those that start a thread or a module, and the debugger's own.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Dict, FrozenSet, List, Optional, Sequence

    from stackscope import Frame
    from stackscope_pdb.session import Entry

MACHINERY: Dict[str, Optional[FrozenSet[str]]] = {
    # the functions of each module that run other people's code; None stands for all of them
    "anyio._backends._asyncio": frozenset({"run", "wrapper", "_run_wrapped_task", "_run_coro"}),
    "anyio._backends._trio": frozenset({"run"}),
    "anyio._core._eventloop": frozenset({"run"}),
    "asyncio.base_events": frozenset({"run_forever", "run_until_complete", "_run_once"}),
    "asyncio.events": frozenset({"_run"}),
    "asyncio.runners": None,
    "asyncio.windows_events": frozenset({"run_forever"}),
    "bdb": None,
    "cmd": None,
    "concurrent.futures.thread": frozenset({"_worker", "run"}),
    "contextvars": None,
    "doctest": None,
    "pdb": None,
    "runpy": None,
    "threading": frozenset({"_bootstrap", "_bootstrap_inner"}),
    "trio._core._run": frozenset({"run", "unrolled_run", "guest_tick"}),
    "trio._threads": frozenset({"run", "run_sync", "unprotected_fn"}),
    "uvloop": frozenset({"run", "wrapper"}),
}

MACHINERY_PACKAGES = frozenset({"IPython", "ipdb", "ipykernel", "tornado", "traitlets"})
"""Packages of which all modules are such: those that run what is typed into IPython and Jupyter."""

MOST_FRAMES = 100
"""Of more frames, those in the middle are folded, too."""

OWN_PACKAGE = __name__.partition(".")[0]
OWN_PACKAGES = ("stackscope", OWN_PACKAGE, "stackscope_ipython")
OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep


def module_name(frame: FrameType) -> str:
    """The name of the module that a frame's globals belong to; empty if it has none."""
    name: Any = dict.get(frame.f_globals, "__name__")
    return str.__str__(name) if issubclass(type(name), str) else ""


def is_machinery(frame: FrameType) -> bool:
    """Whether a frame belongs to an event loop, a starter of threads or modules, or a debugger."""
    package = _package(frame)
    if package in OWN_PACKAGES or package in MACHINERY_PACKAGES:
        return True
    functions = MACHINERY.get(_name_of_module(frame), frozenset())
    return functions is None or frame.f_code.co_name in functions


def _name_of_module(frame: FrameType) -> str:
    """The name of a frame's module, also if that is run as ``__main__``: by ``python -m doctest``, say."""
    name = module_name(frame)
    if name == "__main__":
        folder, file = os.path.split(frame.f_code.co_filename)
        if folder == os.path.dirname(os.__file__):
            return os.path.splitext(file)[0]
        if os.path.basename(folder) in MACHINERY_PACKAGES:
            return f"{os.path.basename(folder)}.{name}"
    return name


def folded(entries: Sequence[Entry], frames: Sequence[Frame]) -> List[bool]:
    """For each entry of a stack whether it is folded.

    Args:
        entries: The frames as the debugger has them.
        frames: What the library says about them. A frame that it left out is folded.

    The innermost frame is folded only if the library hides it, for otherwise it is where things stand.
    """
    known = {id(frame.pyframe): frame for frame in frames}
    result = []
    for pyframe, _ in entries:
        frame = known.get(id(pyframe))
        is_hidden = frame.hide if frame is not None else bool(known)
        result.append(is_hidden or is_machinery(pyframe))
    if result:
        innermost = known.get(id(entries[-1][0]))
        result[-1] = innermost is not None and innermost.hide
    return result


def fold_middle(hidden: List[bool], current: int) -> None:
    """Fold the middle of a stack that is very deep, as after an endless recursion.

    Args:
        hidden: For each entry whether it is folded already. It is changed.
        current: The index of the one to leave alone.
    """
    visible = [index for index, is_hidden in enumerate(hidden) if not is_hidden]
    if len(visible) > MOST_FRAMES:
        for index in visible[MOST_FRAMES // 4 : len(visible) - MOST_FRAMES * 3 // 4]:
            hidden[index] = abs(index - current) > MOST_FRAMES // 10


def _package(frame: FrameType) -> str:
    """The package that a frame's code is from. Our own ``__main__`` has become the program's."""
    if frame.f_code.co_filename.startswith(OWN_FOLDER):
        return OWN_PACKAGE
    return _name_of_module(frame).partition(".")[0]


def packages(entries: Sequence[Entry]) -> str:
    """The packages that frames come from, for the line that stands for them: "asyncio, contextlib"."""
    from stackscope.render.safe import safe_text

    names = dict.fromkeys(_package(frame) for frame, _ in entries)
    return ", ".join(safe_text(name) for name in names if name)
