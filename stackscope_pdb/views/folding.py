"""Which frames are folded: those that are there on every stack of their kind, and never the cause.

These are the frames that the library hides (its hooks say which), and machinery: see
`stackscope.register_machinery`.
"""

from __future__ import annotations

from stackscope.snapshot.user_code import is_machinery, package_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Sequence

    from stackscope import Frame
    from stackscope_pdb.stop.focus import Entry

MOST_FRAMES = 100
"""Of more frames, those in the middle are folded, too."""


def folded(entries: Sequence[Entry], frames: Sequence[Frame]) -> List[bool]:
    """For each entry of a stack whether it is folded.

    Args:
        entries: The frames as the debugger has them.
        frames: What the library says about them. A frame that it left out is folded.

    The innermost frame is folded only if the library hides it, for otherwise it is where things
    stand.
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


def packages(entries: Sequence[Entry]) -> str:
    """The packages that folded frames come from: "asyncio, contextlib"."""
    from stackscope.safe.text import safe_text

    names = dict.fromkeys(package_of(frame) for frame, _ in entries)
    return ", ".join(safe_text(name) for name in names if name)
