"""Whose code stepping and lists of frames pass over: that of installed libraries and of Python.

The debugger's own frames are another matter: see `stackscope_pdb.program.machinery`.
"""

from __future__ import annotations

from functools import cached_property

from stackscope.snapshot.folding import library_here
from stackscope.snapshot.user_code import library_of
from stackscope_pdb import settings
from stackscope_pdb.program.machinery import DEBUGGERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Iterable, List, Optional, Set

OWN = (*DEBUGGERS, "stackscope", "stackscope_ipython")
"""What nobody wants to see, wherever the program stopped."""


class Passed:
    """Says of frames whether they are passed over.

    A library isn't if the user looks at its code already, or works in its folder.

    Args:
        *frames: Where the user is.
        shown: More libraries that aren't.

    Attributes:
        user_file: A file of the user's that one of the frames is in, if one is.
        shown: As given.
        has_looked: Whether the program has come to a library. Until then, another one for the same
            place is the same.
    """

    def __init__(self, *frames: FrameType, shown: Iterable[str] = ()) -> None:
        self.shown = shown
        self.has_looked: bool = False
        self._libraries: List[str] = []
        self.user_file: Optional[str] = None
        for frame in frames:
            library, file = library_of(frame), frame.f_code.co_filename
            self._libraries.append(library)
            if not library and file[:1] != "<":  # what is generated has no file of its own
                self.user_file = file

    @cached_property
    def _looked_at(self) -> Set[str]:
        self.has_looked = True
        # Found out when the program comes to a library. Most lines are followed by one of the
        # user's.
        return {*self._libraries, library_here(), *self.shown} - {"", *OWN}

    def __call__(self, frame: FrameType) -> bool:
        """Whether a frame is passed over."""
        library = library_of(frame) if settings.passes_libraries() else ""
        return library != "" and library not in self._looked_at

    def is_looked_at(self, frame: FrameType) -> bool:
        """Whether a frame is from a library that isn't passed over now."""
        return library_of(frame) in self._looked_at
