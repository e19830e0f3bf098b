"""Paths of source files, as short as they can be."""

from __future__ import annotations

import os
import sys

from stackscope.safe.interruptions import attempt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Optional, Sequence, Tuple

    from stackscope.model.saved import Places
    from stackscope.render.drawing import Line


def short_path(filename: str, places: Optional[Places] = None) -> str:
    """The shortest clear path: relative to here, to the home folder, or to ``sys.path``.

    Args:
        filename: The path.
        places: Where the folders are; ``None`` for those of this process.
    """
    candidates = [filename]
    for folder, prefix in known_folders() if places is None else places.folders:
        if filename.startswith(folder):
            candidates.append(prefix + filename[len(folder) :])
    return min(candidates, key=len)


def with_short_paths(line: Line, places: Optional[Places] = None) -> Line:
    """The line with the paths in it shortened."""
    return [(kind, short_path(part, places) if kind == "path" else part) for kind, part in line]


def known_folders() -> List[Tuple[str, str]]:
    """The folders, with a separator behind, and what may be written in place of each."""
    global _known  # noqa: PLW0603
    here = attempt("", os.getcwd)  # nothing if the folder is gone
    libraries = [folder for folder in sys.path if type(folder) is str]
    state = here, os.environ.get("HOME"), os.environ.get("USERPROFILE"), libraries
    known = _known
    if known is None or known[0] != state:
        folders = [
            (folder + os.sep, prefix) for folder, prefix in _folders(here, libraries) if folder
        ]
        _known = known = state, folders
    return known[1]


_known: Optional[Tuple[object, List[Tuple[str, str]]]] = None
"""The folders, and what they were found by: they are asked for with each path."""


def _folders(here: str, libraries: Sequence[str]) -> Iterator[Tuple[str, str]]:
    yield here, ""
    home = os.path.expanduser("~")
    if home != os.sep:
        yield home, "~" + os.sep
    yield os.path.dirname(os.__file__), ""
    for folder in libraries:
        if os.path.basename(folder) in ("site-packages", "dist-packages"):
            yield folder, ""
