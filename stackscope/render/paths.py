"""Paths of source files, as short as they can be."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Tuple

    from stackscope.render.drawing import Line


def short_path(filename: str) -> str:
    """The shortest clear path: relative to here, to the home folder, or to ``sys.path``."""
    candidates = [filename]
    for folder, prefix in _known_folders():
        if folder and filename.startswith(folder + os.sep):
            candidates.append(prefix + filename[len(folder) + 1 :])
    return min(candidates, key=len)


def with_short_paths(line: Line) -> Line:
    """The line with the paths in it shortened."""
    return [(kind, short_path(part) if kind == "path" else part) for kind, part in line]


def _known_folders() -> Iterator[Tuple[str, str]]:
    try:
        yield os.getcwd(), ""
    except OSError:  # the folder is gone
        pass
    home = os.path.expanduser("~")
    if home != os.sep:
        yield home, "~" + os.sep
    yield os.path.dirname(os.__file__), ""
    for folder in sys.path:
        if os.path.basename(folder) in ("site-packages", "dist-packages"):
            yield folder, ""
