"""What stands for objects of another process, in stacks and snapshots that were read from a file.

A stack holds objects of the program: frames, tasks, locks, exceptions. In one that was read back
their places are taken by the records here, which answer what is asked of such objects where a stack
is drawn. Those questions, and who answers them, are in two modules: what any object is called is
asked here, who it is among the tasks and threads in `stackscope.snapshot.identity`.
"""

from __future__ import annotations

from types import CoroutineType, GeneratorType

from stackscope.interpreter.frames.variables import first_argument
from stackscope.safe.interruptions import interrupts
from stackscope.safe.objects import qualname_of
from stackscope.safe.text import REPR_LIMIT, class_name, cut, safe_repr, safe_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Dict, List, Mapping, Optional, Tuple

    from stackscope.render.source import WithItem

__all__ = [
    "SUSPENDED",
    "Places",
    "SavedCode",
    "SavedError",
    "SavedFrame",
    "SavedObject",
    "class_of_method",
    "coroutine_name_of",
    "is_suspended",
    "repr_of",
    "saved_frame",
    "type_name_of",
]


class SavedObject:
    """Stands for an object of which no more is known than what is written here.

    Args:
        type_name: The name of its type.
        kind: ``"task"``, ``"thread"``, or what a finder calls it, such as ``"greenlet"``; empty if
            it is none of these.
        number: Its number among those of its kind; 0 if it has none.
        name: What its library calls it.
        subject: What it is about, if it is a task.
        text: Its representation, if that may be drawn.
        is_users: Whether its class is the user's.
        is_named_by_frames: Whether the frames of its stack tell as much as its representation.
        coroutine: The qualified name of its function, if it is a coroutine that isn't begun.
    """

    __slots__ = (
        "coroutine",
        "is_named_by_frames",
        "is_users",
        "kind",
        "name",
        "number",
        "subject",
        "text",
        "type_name",
    )

    def __init__(
        self,
        type_name: str,
        kind: str = "",
        number: int = 0,
        name: str = "",
        subject: Optional[str] = None,
        text: Optional[str] = None,
        is_users: bool = False,
        is_named_by_frames: bool = False,
        coroutine: Optional[str] = None,
    ) -> None:
        self.type_name: str = type_name
        self.kind: str = kind
        self.number: int = number
        self.name: str = name
        self.subject: Optional[str] = subject
        self.text: Optional[str] = text
        self.is_users: bool = is_users
        self.is_named_by_frames: bool = is_named_by_frames
        self.coroutine: Optional[str] = coroutine

    def __repr__(self) -> str:
        return f"<{safe_text(self.type_name)}>" if self.text is None else self.text


class SavedError(Exception):
    """Stands for an exception.

    Args:
        lines: What is said of it where a stack is drawn, a line each.
        brief: The same in one line.
    """

    def __init__(self, lines: List[str], brief: str) -> None:
        super().__init__(brief)
        self.lines = lines
        self.brief = brief


class SavedCode:
    """Stands for the code of a function, with what is known of the library that it is from.

    Args:
        filename: Its file.
        name: The name of the function.
        module: The name of its module, if that is known.
        library: See `stackscope.snapshot.user_code.library_of`.
        package: See `stackscope.snapshot.user_code.package_of`.
        rank: See `stackscope.snapshot.user_code.rank_of`.
        is_machinery: See `stackscope.snapshot.user_code.is_machinery`.
        idles: See `stackscope.snapshot.idle.idles_in`.
        lines: The source lines that may be drawn, stripped, by their numbers.
        statements: The items of the ``with`` statements that stand on several lines, by the numbers
            of the first ones.
        file_name: What a front end called the file; empty if that was its path.
    """

    __slots__ = (
        "co_filename",
        "co_name",
        "file_name",
        "idles",
        "is_machinery",
        "library",
        "lines",
        "module",
        "package",
        "rank",
        "statements",
    )

    # As that of a method, so that `Frame.clsname` asks the frame.
    co_argcount = 1
    co_varnames: Tuple[str, ...] = ("self",)

    def __init__(
        self,
        filename: str,
        name: str,
        module: Optional[str],
        library: str,
        package: str,
        rank: int,
        is_machinery: bool,
        idles: str,
        lines: Dict[int, str],
        statements: Dict[int, List[WithItem]],
        file_name: str = "",
    ) -> None:
        self.co_filename: str = filename
        self.co_name: str = name
        self.module: Optional[str] = module
        self.library: str = library
        self.package: str = package
        self.rank: int = rank
        self.is_machinery: bool = is_machinery
        self.idles: str = idles
        self.lines: Dict[int, str] = lines
        self.statements: Dict[int, List[WithItem]] = statements
        self.file_name: str = file_name


class SavedFrame:
    """Stands for the interpreter's object of a frame.

    Args:
        code: Its code.
        lineno: The line that was executing.
        clsname: The class that the method belongs to.
        variables: The local variables, by their names, if they were asked for.
    """

    __slots__ = ("clsname", "f_code", "f_lineno", "variables")

    def __init__(
        self,
        code: SavedCode,
        lineno: int,
        clsname: Optional[str],
        variables: Mapping[str, object],
    ) -> None:
        self.f_code: SavedCode = code
        self.f_lineno: int = lineno
        self.clsname: Optional[str] = clsname
        self.variables: Mapping[str, object] = variables

    @property
    def f_globals(self) -> Dict[str, object]:
        """What stands for the globals: the name of the module."""
        return {"__name__": self.f_code.module}

    def __repr__(self) -> str:
        code = self.f_code
        file, name = safe_text(code.co_filename), safe_text(code.co_name)
        return f"<frame in {file}, line {self.f_lineno}, code {name}>"


class Places:
    """Where the process was at home that a snapshot was taken in.

    Args:
        folders: The folders, with a separator behind, and what may be written in place of each.
        library: The library in whose folder the process worked; empty if it was in none.
    """

    __slots__ = ("folders", "library")

    def __init__(self, folders: List[Tuple[str, str]], library: str) -> None:
        self.folders: List[Tuple[str, str]] = folders
        self.library: str = library


SUSPENDED = SavedObject("coroutine")
"""Stands for the coroutine of a frame that nobody runs."""


# ------------------------------------------------------------- what is asked of any object


def saved_frame(pyframe: object) -> Optional[SavedFrame]:
    """What stands for a frame; ``None`` if that is one of the interpreter's."""
    return pyframe if type(pyframe) is SavedFrame else None


def class_of_method(pyframe: FrameType) -> Optional[str]:
    """The qualified name of the class that the method of a frame belongs to; see `Frame.clsname`.

    Args:
        pyframe: A frame, or what stands for one.
    """
    saved = saved_frame(pyframe)
    if saved is not None:
        return saved.clsname
    code = pyframe.f_code
    if not code.co_argcount:
        return None
    name = code.co_varnames[0]
    if name not in ("self", "cls"):
        return None
    try:
        found, value = first_argument(pyframe)
    except Exception as exc:  # a frame of another thread that moves on while it is read
        if interrupts(exc):
            raise
        return None
    if not found:
        return None
    if name == "self":
        return qualname_of(type(value))
    # not isinstance(), which would ask the value for its __class__
    return qualname_of(value) if issubclass(type(value), type) else None  # type: ignore[arg-type]


def type_name_of(obj: object) -> str:
    """The name of the type of an object, as one printable line."""
    return safe_text(obj.type_name) if type(obj) is SavedObject else class_name(obj)


def repr_of(obj: object, limit: int = REPR_LIMIT) -> str:
    """The guarded representation of an object, as `safe_repr` gives it."""
    return cut(repr(obj), limit) if type(obj) is SavedObject else safe_repr(obj, limit)


def coroutine_name_of(obj: Any) -> Optional[str]:
    """The qualified name of the function of a coroutine; ``None`` if ``obj`` is none."""
    if type(obj) is SavedObject:
        return obj.coroutine
    return obj.__qualname__ if type(obj) in (CoroutineType, GeneratorType) else None


def is_suspended(origin: Any) -> bool:
    """Whether what a frame was found in is a coroutine that nobody runs."""
    return origin is SUSPENDED or (type(origin) is CoroutineType and not origin.cr_running)
