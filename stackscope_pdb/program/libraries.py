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
    """

    def __init__(self, *frames: FrameType, shown: Iterable[str] = ()) -> None:
        self._shown = shown
        self._libraries: List[str] = []
        self.user_file: Optional[str] = None
        for frame in frames:
            library, file = library_of(frame), frame.f_code.co_filename
            self._libraries.append(library)
            if not library and file[:1] != "<":  # what is generated has no file of its own
                self.user_file = file

    def serves(self, frame: FrameType, shown: Iterable[str]) -> bool:
        """Whether a new one for a frame would be the same, and nothing has been found out yet."""
        is_same = frame.f_code.co_filename == self.user_file and shown is self._shown
        return is_same and "_looked_at" not in self.__dict__

    @cached_property
    def _looked_at(self) -> Set[str]:
        # Found out when the program comes to a library. Most lines are followed by one of the
        # user's.
        return {*self._libraries, library_here(), *self._shown} - {"", *OWN}

    def __call__(self, frame: FrameType) -> bool:
        """Whether a frame is passed over."""
        library = library_of(frame) if settings.passes_libraries() else ""
        return library != "" and library not in self._looked_at

    def is_looked_at(self, frame: FrameType) -> bool:
        """Whether a frame is from a library that isn't passed over now."""
        return library_of(frame) in self._looked_at
