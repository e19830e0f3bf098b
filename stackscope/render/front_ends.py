"""What the front ends in this process tell, such as notebooks; glue registers them.

A front end may have its own names for files that nobody has saved, such as ``In [2]`` for a cell,
and it may be one that shows no HTML.
"""

from __future__ import annotations

from stackscope.model.saved import saved_frame
from stackscope.safe.interruptions import attempt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Callable, Dict, Optional, Tuple

    from stackscope.model.stacks import Frame

    FrontEnd = Tuple[Callable[[str], Optional[str]], Callable[[], Optional[bool]]]

__all__ = ["file_of", "name_of_file", "register_front_end", "shows_html"]

_front_ends: Dict[str, FrontEnd] = {}
"""The functions of each front end."""


def register_front_end(
    name: str,
    name_of_file: Callable[[str], Optional[str]],
    shows_html: Callable[[], Optional[bool]],
) -> None:
    """Say what a front end tells.

    Args:
        name: What it is called. The last to register under a name counts.
        name_of_file: Gives what it calls a file, by the file name of a code object; ``None`` if it
            has no name of its own for that.
        shows_html: Gives whether it shows HTML; ``None`` while it isn't running.
    """
    _front_ends[name] = (name_of_file, shows_html)


def name_of_file(pyframe: FrameType) -> Optional[str]:
    """What a front end calls the file of a frame; ``None`` if none has a name of its own for it."""
    saved = saved_frame(pyframe)
    if saved is not None:
        return saved.f_code.file_name or None
    if not _front_ends:
        return None
    for ask, _ in list(_front_ends.values()):
        name = attempt(None, ask, pyframe.f_code.co_filename)
        if name is not None:
            return str(name)
    return None


def file_of(frame: Frame) -> str:
    """What the file of a frame is called where it is drawn: by a front end, or by its path."""
    return name_of_file(frame.pyframe) or frame.filename


def shows_html() -> bool:
    """Whether HTML may be shown: not if all front ends that run show only text."""
    told = [attempt(None, ask) for _, ask in list(_front_ends.values())]
    return not told or any(one is not False for one in told)
