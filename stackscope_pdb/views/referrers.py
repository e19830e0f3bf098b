"""What refers to an object, in words."""

from __future__ import annotations

import collections

from stackscope.safe.text import class_name, safe_repr, safe_text
from stackscope.snapshot.referrers import Referrer, referrers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import List, Sequence

WIDTH = 60
"""The most characters of a representation."""

OURS = ("stackscope", "stackscope_pdb", "pdb", "cmd", "bdb")
"""The packages and modules whose frames are at work for the prompt."""


def referrer_texts(obj: object, leave_out: Sequence[object]) -> List[str]:
    """A line about each place that refers to ``obj``, but for some; equal ones are counted."""
    counts = collections.Counter(map(_text, referrers(obj, _is_ours, leave_out)))
    return [text if times == 1 else f"{text} (× {times})" for text, times in counts.items()]


def _is_ours(frame: FrameType) -> bool:
    name = dict.get(frame.f_globals, "__name__", "")
    return type(name) is str and name.partition(".")[0] in OURS


def _text(place: Referrer) -> str:
    owner, key = place.owner, place.key
    if place.kind == "variable":
        code = owner.f_code
        where = f"{safe_text(code.co_filename)}:{owner.f_lineno}"
        return f"variable {_name(key)} of {safe_text(code.co_name)} at {where}"
    if place.kind == "module":
        name = dict.get(vars(owner), "__name__", "?")
        return f"variable {_name(key)} of module {_name(name)}"
    if place.kind == "closure":
        return f"variable {_name(key)} in the closure of {safe_text(owner.__qualname__)}"
    if place.kind == "attribute":
        return f"attribute {_name(key)} of {_brief(owner)}"
    if place.kind == "item":
        return f"item {key} of a {class_name(owner)} of {len(owner)}: {_brief(owner)}"
    if place.kind == "value":
        return f"value of {_brief(key)} in a dict of {len(owner)}"
    return _brief(owner)


def _name(key: object) -> str:
    return safe_text(key) if type(key) is str else _brief(key)


def _brief(obj: object) -> str:
    return safe_repr(obj, 200)[:WIDTH]
