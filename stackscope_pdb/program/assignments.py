"""Lets assignments made at the prompt reach the frame at once, on every version of Python.

From 3.13 on ``frame.f_locals`` writes through (PEP 667), and there is nothing to do. Before, it is
a dictionary that ``PyFrame_FastToLocals`` fills anew whenever somebody reads the attribute, and
that goes back into the frame's variables only when the trace function returns, and only for the
frame that is being traced. So the standard debugger loses ``x = 1`` in any other frame, and in the
current one as soon as somebody looks at its ``f_locals`` (`up` followed by `down` is enough). Here
it goes back at once.

On 3.11 and 3.12 ``PyFrame_LocalsToFast`` does nothing unless ``f_locals`` was read since its last
call (``f_fast_as_locals`` in Objects/frameobject.c); so it is read again each time.
"""

from __future__ import annotations

from stackscope_pdb.facts import CAN_UNBIND, IS_PYPY, WRITES_THROUGH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Callable, Dict, List, MutableMapping, Optional, Set

CO_OPTIMIZED = 0x1  # inspect.CO_OPTIMIZED: a function's code, whose locals live in slots


class Watch:
    """Notes the variables of a frame, so that a change can be carried into it afterwards.

    Args:
        frame: The frame that a statement is about to run in.
        namespace: The dictionary that the statement gets as its locals.
    """

    def __init__(self, frame: FrameType, namespace: MutableMapping[str, object]) -> None:
        self.frame = frame
        self.namespace = namespace
        is_copy = frame.f_code.co_flags & CO_OPTIMIZED and not WRITES_THROUGH
        self.before: Optional[Dict[str, object]] = dict(namespace) if is_copy else None

    def write_back(self) -> List[str]:
        """Carry what has changed since into the frame.

        Only what the statement itself has changed is written: a variable that it has changed in
        another way, as by calling a closure with ``nonlocal``, keeps its new value.

        Returns:
            The names of variables that could not be changed.
        """
        if self.before is None:
            return []
        before, namespace = self.before, self.namespace
        changed = {k: v for k, v in namespace.items() if before.get(k, self) is not v}
        gone = [name for name in before if name not in namespace]
        if not changed and not gone:
            return []
        slots = _slots(self.frame)
        if slots.isdisjoint(changed) and slots.isdisjoint(gone):
            return []  # at most names of the debugger session, which stay in the dictionary
        store = _find_store()
        current: MutableMapping[str, object] = self.frame.f_locals  # type: ignore[assignment]
        if store is None:
            return sorted(slots.intersection([*changed, *gone]))
        current.update(changed)
        if CAN_UNBIND:
            for name in gone:
                current.pop(name, None)
        store(self.frame, bool(gone) and CAN_UNBIND)
        self.frame.f_locals  # noqa: B018  (reading it is what counts: see above)
        return [] if CAN_UNBIND else sorted(slots.intersection(gone))


def _slots(frame: FrameType) -> Set[str]:
    code = frame.f_code
    return {*code.co_varnames, *code.co_cellvars, *code.co_freevars}


def _find_store() -> Optional[Callable[[FrameType, bool], None]]:
    """The function that carries ``frame.f_locals`` into the frame, deletions too if asked to."""
    try:
        if IS_PYPY:
            return _store_on_pypy
        import ctypes

        store = ctypes.pythonapi.PyFrame_LocalsToFast
    except (ImportError, AttributeError):
        return None
    return lambda frame, deletions: store(ctypes.py_object(frame), ctypes.c_int(deletions))


def _store_on_pypy(frame: FrameType, _deletions: bool) -> None:
    import __pypy__  # type: ignore[import-not-found,unused-ignore]

    __pypy__.locals_to_fast(frame)
