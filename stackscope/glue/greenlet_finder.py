"""greenlet: all greenlets of the process that have begun and not ended."""

from __future__ import annotations

from typing import Any

import greenlet

from stackscope.glue.greenlet import frame_of, parent_of
from stackscope.render.safe import class_name
from stackscope.running import this_thread
from stackscope.runtimes import Found, Survey, register_finder, subclasses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Sequence

_active: Any = greenlet.greenlet.__dict__["__bool__"]


def types() -> Sequence[type]:
    """The classes of greenlets."""
    return subclasses(greenlet.greenlet)


def find_greenlets(survey: Survey) -> List[Found]:
    """The greenlets that are alive, without those that stand for whole threads."""
    current = greenlet.getcurrent()
    main = current
    while parent_of(main) is not None:
        main = parent_of(main)
    found = []
    for item in survey.instances(types()):
        parent = parent_of(item)
        if parent is None or not _active(
            item
        ):  # a main greenlet; one that is dead or hasn't started
            continue
        if item is current:
            state = "running here"
        else:
            state = "running elsewhere" if frame_of(item) is None else "suspended"
        owner = this_thread() if parent is main else parent
        found.append(Found(item, class_name(item), state, owner))
    return found


def install() -> None:
    register_finder("greenlet", types, find_greenlets)
