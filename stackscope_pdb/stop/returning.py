"""Where the user was when something was awaited at the prompt, to be there again afterwards.

The program runs meanwhile, and nothing of it is kept alive.
"""

from __future__ import annotations

import weakref

from stackscope_pdb.stop.focus import Focus
from stackscope_pdb.stop.snapshots import extract_now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Callable, List, Optional

    from stackscope_pdb.stop.focus import Entry


class Return:
    """The way back.

    Args:
        stopped: The frame that the program has stopped in, and that waits.
        frame: The frame that the user has chosen.
        focus: What the user has moved into, if anything.
    """

    def __init__(self, stopped: FrameType, frame: FrameType, focus: Optional[Focus]) -> None:
        self._stopped = (id(stopped), stopped.f_code)
        self._frame = (id(frame), frame.f_code)
        self._line: Optional[int] = frame.f_lineno
        self._focus = None if focus is None else _without_frames(focus)
        self.noun: str = "" if focus is None else focus.noun

    def leads_to(self, frame: FrameType) -> bool:
        """Whether the program has stopped in a frame again because this is the way back."""
        return self._stopped == (id(frame), frame.f_code)

    @property
    def has_focus(self) -> bool:
        """Whether the user has moved into something."""
        return self._focus is not None

    def focus(self) -> Optional[Focus]:
        """The same with its frames as they are now; ``None`` if there are none any more."""
        return None if self._focus is None else self._focus()

    def index_in(self, stack: List[Entry]) -> Optional[int]:
        """Which frame of a stack is the one that was chosen."""
        for index, (frame, _) in enumerate(stack):
            if self._frame == (id(frame), frame.f_code):
                return index
        return None

    def is_same_line(self, entry: Entry) -> bool:
        """Whether a frame is the one that was chosen, and hasn't gone on."""
        return self.index_in([entry]) is not None and entry[1] == self._line


def _without_frames(focus: Focus) -> Callable[[], Optional[Focus]]:
    """A function that makes a focus anew."""
    item = _reference(focus.item)
    name, noun, kind, doing = focus.name, focus.noun, focus.kind, focus.doing

    def again() -> Optional[Focus]:
        found = item()
        stack = None if found is None else extract_now(found)
        if stack is None or not stack.frames:
            return None
        return Focus(found, stack, name, noun, kind=kind, doing=doing)

    return again


def _reference(item: object) -> Callable[[], object]:
    try:
        return weakref.ref(item)
    except TypeError:  # such as the number of a thread
        return lambda: item
