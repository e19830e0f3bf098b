"""The frames of something suspended, which the user has moved into."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import List, Tuple

    from stackscope import Stack

    Entry = Tuple[FrameType, int]
    """A frame as `pdb` keeps it: with its line number."""


class Focus:
    """What the user has moved into.

    Args:
        item: What has the frames; ``stackscope.extract(item)`` gives them again.
        stack: The frames with their contexts, as they were seen last.
        name: What the prompt calls it.
        noun: What to call it in a sentence: "task client-3".
        kind: What it is: ``"task"``, ``"thread"``, ``"context"``, ``"ended"`` (the frames of an
            exception), or ``"other"``: a coroutine, a generator or the like.
        doing: What it does meanwhile: "is suspended".

    Attributes:
        drops: The `Snapshots.drops` for which ``stack`` was extracted.
        is_stopped: Whether it is a thread that has stopped, too, and waits for the prompt.
    """

    def __init__(
        self,
        item: object,
        stack: Stack,
        name: str,
        noun: str,
        *,
        kind: str,
        doing: str = "is suspended",
    ) -> None:
        from stackscope.safe.text import safe_text

        self.item = item
        self.stack = stack
        self.name: str = safe_text(name)
        self.noun: str = safe_text(noun)
        self.kind = kind
        self.doing = doing
        self.drops = 0
        self.is_stopped = False

    def entries(self) -> List[Entry]:
        """The frames as pdb keeps them, outermost first."""
        return [(frame.pyframe, frame.lineno) for frame in self.stack.frames]
