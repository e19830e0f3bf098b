"""Whose code a frame executes: the user's, an installed library's, a runtime's, or machinery.

A *runtime* is a library that runs tasks, or helps with that, such as asyncio or anyio. Its frames
tell how a task waits, and not what for. *Machinery* are frames that are there on every stack of
their kind: those of an event loop between the start of the program and a task, of a starter of
threads or modules, of a debugger or a test runner. They are folded where a person looks at a stack.

Which these are is said in one table, by `register_machinery`: each glue adds its rows when it is
installed.
"""

from __future__ import annotations

import functools
import os
import sys
from types import ModuleType

from stackscope.model.saved import saved_frame
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import module_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Callable, Dict, Iterable, Iterator, List, Optional, Set, Tuple

    from stackscope.model.stacks import Frame, Stack

__all__ = [
    "OWN_PACKAGES",
    "calls_below_user",
    "frames_of_program",
    "index_of_user_frame",
    "innermost_user_frame",
    "is_machinery",
    "is_runtime_frame",
    "library_of",
    "library_of_file",
    "name_of_call",
    "package_of",
    "rank_of",
    "rank_of_file",
    "register_machinery",
    "register_runtime_package",
    "register_standard_machinery",
    "register_wrapper",
]

# ------------------------------------------------------------------- the table

OWN_PACKAGES = ("stackscope", "stackscope_pdb", "stackscope_ipython")

_machinery: Dict[str, Optional[Set[str]]] = {}
"""The functions of each module that are machinery; ``None`` for all of them."""

_standard_machinery: Set[str] = set()
"""Modules of the standard library that are machinery. The user may have one of the same name."""

_machinery_packages: Set[str] = set(OWN_PACKAGES)
"""The packages of which all modules are machinery."""

_wrappers: Dict[int, Tuple[CodeType, str]] = {}
"""The functions of ours that are called in the place of others, with the packages of these, by the
ids of their code."""

_runtime_places: Set[str] = set()
"""The files, and the folders with a separator behind, of runtimes that are no part of the standard
library."""


def register_machinery(module: str, functions: Optional[Iterable[str]] = None) -> None:
    """Fold the frames of functions that only run other code.

    Args:
        module: The module of the functions; with a star, a whole package: ``"ipykernel.*"``.
        functions: The names of the functions; ``None`` for all functions of the module.

    Example:
        >>> register_machinery("crew.dispatcher", ["run_forever", "step"])
    """
    package, _, star = module.rpartition(".")
    if star == "*":
        _machinery_packages.add(package)
    elif functions is None:
        _machinery[module] = None
    else:
        known = _machinery.setdefault(module, set())
        if known is not None:
            known.update(functions)


def register_wrapper(code: CodeType, package: str) -> None:
    """Take a function of ours for one of the package whose function it calls, and nothing else.

    It stands between frames of the program, and isn't what looks at these.
    """
    _wrappers[id(code)] = code, package


def register_standard_machinery(modules: Iterable[str]) -> None:
    """The same for modules of the standard library, whose names the user may have given, too."""
    _standard_machinery.update(modules)


def register_runtime_package(package: str) -> None:
    """Treat the frames of a package like those of asyncio: they don't tell where a task is.

    The place that is shown for a task is then the frame that has called the package.

    Args:
        package: The name of the package or module. It must have been imported.

    Raises:
        KeyError: It has not been imported.

    Example:
        >>> import queue
        >>> register_runtime_package("queue")
    """
    namespace = vars(sys.modules[package])
    folders = namespace.get("__path__")
    if type(folders) is list:
        _runtime_places.update([os.path.join(folder, "") for folder in folders])
    elif namespace.get("__file__") is not None:
        _runtime_places.add(namespace["__file__"])
    rank_of_file.cache_clear()
    library_of_file.cache_clear()


# ------------------------------------------------------------------- machinery


def is_machinery(frame: FrameType) -> bool:
    """Whether a frame belongs to an event loop, a starter of threads, a debugger or the like."""
    saved = saved_frame(frame)
    if saved is not None:
        return saved.f_code.is_machinery
    if id(frame.f_code) in _wrappers:
        return True
    if package_of(frame) in _machinery_packages:
        return True
    module = _module_as_imported(frame)
    if module in _standard_machinery and library_of(frame):
        return True
    functions: Optional[Iterable[str]] = _machinery.get(module, ())
    return functions is None or frame.f_code.co_name in functions


def package_of(frame: FrameType) -> str:
    """The package that a frame's code is from; one of ours also if it runs as ``__main__``."""
    saved = saved_frame(frame)
    if saved is not None:
        return saved.f_code.package
    if id(frame.f_code) in _wrappers:
        return _wrappers[id(frame.f_code)][1]
    for folder, package in _own_folders():
        if frame.f_code.co_filename.startswith(folder):
            return package
    return _module_as_imported(frame).partition(".")[0]


def _module_as_imported(frame: FrameType) -> str:
    """The name of a frame's module, also if that runs as ``__main__``: ``python -m doctest``."""
    name = module_of(frame) or ""
    if name == "__main__":
        folder, file = os.path.split(frame.f_code.co_filename)
        if folder == os.path.dirname(os.__file__):
            return os.path.splitext(file)[0]
        if os.path.basename(folder) in _machinery_packages and library_of(frame):
            return f"{os.path.basename(folder)}.{name}"
    return name


def _own_folders() -> Tuple[Tuple[str, str], ...]:
    """The folders of our packages, as far as they are imported, with their names."""
    return _folders_of(
        tuple([getattr(sys.modules.get(name), "__file__", None) for name in OWN_PACKAGES])
    )


@functools.lru_cache(maxsize=8)
def _folders_of(files: Tuple[Optional[str], ...]) -> Tuple[Tuple[str, str], ...]:
    return tuple(
        [
            (os.path.dirname(os.path.abspath(file)) + os.sep, name)
            for file, name in zip(files, OWN_PACKAGES)
            if file is not None
        ]
    )


# ------------------------------------------------------------------ whose code

USER, INSTALLED, RUNTIME = 0, 1, 2


@functools.lru_cache(maxsize=4096)
def rank_of_file(name: str) -> int:
    """`USER`, `INSTALLED`, or `RUNTIME` for asyncio and its like and for this package."""
    if name.startswith("<frozen "):
        return RUNTIME
    if name.startswith(tuple([folder for folder, _ in _own_folders()])):
        return RUNTIME
    if name.startswith(tuple(_runtime_places)):
        return RUNTIME
    for folder in ("site-packages", "dist-packages"):
        if f"{os.sep}{folder}{os.sep}" in name:
            return INSTALLED
    if _is_script_of_library(name):
        return INSTALLED
    return RUNTIME if name.startswith(os.path.dirname(os.__file__) + os.sep) else USER


def _is_script_of_library(name: str) -> bool:
    """Whether a file is a command that was installed with a library, such as ``bin/pytest``."""
    # ``.venv/bin/pytest``, typed like this, is relative in the code, too.
    here = "" if os.path.isabs(name) else attempt("", os.getcwd)
    folder, file = os.path.split(os.path.normpath(os.path.join(here, name)))
    if file == "__main__.py":  # in an .exe, on Windows
        folder, file = os.path.split(folder)
    return folder in _folders_of_scripts() and not file.endswith(".py")


def _folders_of_scripts() -> List[str]:
    """The folders where such commands are."""
    folders = [os.path.dirname(sys.executable or "")]
    base = getattr(sys.modules.get("site"), "USER_BASE", None)
    if sys.platform == "win32":
        folders.append(os.path.join(sys.prefix, "Scripts"))
    elif type(base) is str:
        folders.append(os.path.join(base, "bin"))
    return [folder for folder in folders if folder]


def rank_of(frame: FrameType) -> int:
    """As `rank_of_file`, for a frame, whose code a library may have made."""
    saved = saved_frame(frame)
    if saved is not None:
        return saved.f_code.rank
    rank = rank_of_file(frame.f_code.co_filename)
    return INSTALLED if rank == USER and library_of(frame) else rank


def is_runtime_frame(frame: FrameType) -> bool:
    """Whether a frame's code belongs to a runtime, or to the standard library."""
    saved = saved_frame(frame)
    if saved is not None:
        return saved.f_code.rank == RUNTIME
    return rank_of_file(frame.f_code.co_filename) == RUNTIME


def library_of(frame: FrameType) -> str:
    """The library that a frame's code is from: an installed one, or a part of the standard one.

    It is named after the outermost package, or the only module. For the user's code it is empty.
    """
    saved = saved_frame(frame)
    if saved is not None:
        return saved.f_code.library
    if id(frame.f_code) in _wrappers:
        return _wrappers[id(frame.f_code)][1]
    name = frame.f_code.co_filename
    if name.startswith("<") and not name.startswith("<frozen "):
        return _library_of_module(module_of(frame) or "")
    return library_of_file(name)


def _library_of_module(name: str) -> str:
    """The library that a module with generated code is from; empty if that isn't known."""
    if name.startswith("namedtuple_"):  # Lib/collections/__init__.py
        return "collections"
    module = sys.modules.get(name) if name != "__main__" else None
    file = getattr(module, "__file__", None) if type(module) is ModuleType else None
    return library_of_file(file) if type(file) is str else ""


@functools.lru_cache(maxsize=4096)
def library_of_file(name: str) -> str:
    """The same for a file. A folder, written with a separator behind, may be given as well."""
    if rank_of_file(name) == USER:
        return ""
    if name.startswith("<frozen "):
        return name[len("<frozen ") :].partition(">")[0].partition(".")[0]
    for folder, package in _own_folders():
        if name.startswith(folder):
            return package
    for folder in _folders_of_libraries(name):
        inside, _, _ = name[len(folder) :].partition(os.sep)
        return os.path.splitext(inside)[0]
    if _is_script_of_library(name):
        file = os.path.basename(name)
        file = os.path.basename(os.path.dirname(name)) if file == "__main__.py" else file
        return os.path.splitext(file)[0]
    return os.path.basename(os.path.dirname(name))  # registered as a runtime, and not installed


def _folders_of_libraries(name: str) -> Iterator[str]:
    """The folders that libraries are in, as far as a file is inside them: innermost first."""
    for folder in ("site-packages", "dist-packages"):
        before, separators, _ = name.rpartition(f"{os.sep}{folder}{os.sep}")
        if separators:
            yield before + separators
    standard = os.path.dirname(os.__file__) + os.sep
    if name.startswith(standard):
        yield standard


def innermost_user_frame(stack: Stack) -> Optional[Frame]:
    """The frame to look at first: the innermost one that is shown and whose code is the user's.

    If there is none, the innermost one of an installed library; if all are a runtime's, the
    outermost one, which says what was asked of it.
    """
    shown = [frame for frame in stack.frames if not frame.hide]
    index = _innermost(shown)
    return shown[max(index, 0)] if shown else None


def index_of_user_frame(stack: Stack) -> int:
    """The index of the `innermost_user_frame` among all frames of a stack that has some."""
    frame = innermost_user_frame(stack)
    found = [index for index, entry in enumerate(stack.frames) if entry is frame]
    return found[0] if found else len(stack.frames) - 1


def _innermost(shown: List[Frame]) -> int:
    """The index of the innermost frame that isn't a runtime's; -1 if all are."""
    installed = -1
    for index in range(len(shown) - 1, -1, -1):
        rank = rank_of(shown[index].pyframe)
        if rank == USER:
            return index
        if rank == INSTALLED and installed < 0:
            installed = index
    return installed


# ------------------------------------------------------------------ debuggers

DEBUGGERS = ("bdb", "cmd", "pdb", "IPython.core.debugger", "IPython.terminal.debugger")
"""The modules of others from which our debugger is called."""

RUNNERS = ("run", "runcall", "runctx", "runeval")
"""The functions of `bdb` that run a program, so that all inside them is the program's."""


def frames_of_program(frames: List[Frame]) -> List[Frame]:
    """The frames of a running stack without those of a debugger that has stopped it.

    Args:
        frames: The frames, outermost first.
    """
    index = len(frames) - 1
    while index >= 0 and package_of(frames[index].pyframe) not in OWN_PACKAGES:
        if _runs_program(frames[index].pyframe):
            return frames
        index -= 1
    if index < 0:
        return frames
    while index > 0 and _is_of_debugger(frames[index - 1].pyframe):
        index -= 1
        # The debugger enters a context manager that is a generator of its own.
        outer = [frame.pyframe for frame in frames[max(index - 2, 0) : index]]
        if len(outer) == 2 and module_of(outer[1]) == "contextlib" and _is_of_debugger(outer[0]):
            index -= 1
    return frames[:index]


def _runs_program(frame: FrameType) -> bool:
    return frame.f_code.co_name in RUNNERS and module_of(frame) == "bdb"


def _is_of_debugger(frame: FrameType) -> bool:
    return package_of(frame) in OWN_PACKAGES or module_of(frame) in DEBUGGERS


# ----------------------------------------------------------------------- calls

ENTRANCES = (
    *("__aenter__", "__aiter__", "__anext__", "__await__"),
    *("_call_with_frames_removed", "_find_and_load", "_handle_fromlist"),
)
"""Methods and functions that only lead to the call that is worth naming."""


def calls_below_user(stack: Stack, is_known: Callable[[Frame], bool]) -> List[Frame]:
    """The frames below the innermost one of the user's: what it is calling.

    The first one is the call that is worth naming.

    Args:
        stack: The stack.
        is_known: Whether somebody can say what the call of a frame waits for. Then it counts as a
            call, wherever its code is.
    """
    shown = [frame for frame in stack.frames if not frame.hide]
    innermost = _innermost(shown)
    while innermost >= 0 and is_known(shown[innermost]):
        innermost -= 1
    below = shown[innermost + 1 :]
    while len(below) > 1 and below[0].pyframe.f_code.co_name in ENTRANCES:
        del below[0]
    return below


def name_of_call(frame: Frame) -> str:
    """The call that a frame executes, such as ``Lock.acquire()`` or ``trio.sleep()``."""
    owner = frame.clsname or (frame.modname or "").partition(".")[0]
    return f"{owner}.{frame.funcname}()" if owner else f"{frame.funcname}()"
