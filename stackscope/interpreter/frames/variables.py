"""Local variables of frames, read without a trace.

Up to 3.12 reading ``frame.f_locals`` of a function refreshes a dictionary that belongs to the
frame, and throws away what a debugger has just assigned there. So variables are read from their
slots. From 3.13 on (PEP 667) ``f_locals`` is a proxy without that effect.
"""

from __future__ import annotations

import sys
from types import CellType, CodeType, FrameType
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

from stackscope.interpreter.facts import (
    CO_ANY_GENERATOR,
    CO_OPTIMIZED,
    CO_VARARGS,
    COMPREHENSIONS_ARE_INLINED,
    FREE_THREADED,
    LOCALS_ARE_COPIED,
    has_gil,
    slot_names,
)
from stackscope.interpreter.frames import choosing

if TYPE_CHECKING:
    from stackscope.interpreter.frames.base import Moment


def _locals_of_a_function() -> object:
    return sys._getframe().f_locals


# What f_locals is from 3.13 on, if it isn't the namespace.
_Proxy: Any = type(_locals_of_a_function())


def _namespace(frame: FrameType) -> Optional[Dict[str, object]]:
    """The namespace of a frame at module or class level, if that is a dictionary."""
    namespace: Any = None
    code = frame.f_code
    has_slots = bool(code.co_cellvars or code.co_varnames)
    if has_slots and (LOCALS_ARE_COPIED or COMPREHENSIONS_ARE_INLINED) and has_gil():
        # Reading f_locals may run the methods of the namespace's class: it deletes the names of
        # empty cells (``__class__`` while the class is not made yet: `map_to_dict` in
        # Objects/frameobject.c), and copies it while a comprehension runs.
        reader = choosing.reader()
        namespace = None if reader is None else reader.namespace(frame)
    if namespace is None and not (has_slots and LOCALS_ARE_COPIED):
        namespace = frame.f_locals
    return namespace if issubclass(type(namespace), dict) else None


def _comprehension_values(frame: FrameType) -> Dict[str, object]:
    """The variables of the comprehension that a frame at module or class level runs."""
    code = frame.f_code
    if not COMPREHENSIONS_ARE_INLINED or not (code.co_cellvars or code.co_varnames):
        return {}
    if not LOCALS_ARE_COPIED:
        variables = frame.f_locals
        return dict(variables) if type(variables) is _Proxy else {}
    # Other cells are the class's own, such as ``__class__``.
    cells = [name for name in code.co_cellvars if not name.startswith("__")]
    found = {name: _slot_value(frame, name) for name in (*code.co_varnames, *cells)}
    return {name: value for name, (exists, value) in found.items() if exists}


def _is_function(code: CodeType) -> bool:
    return bool(code.co_flags & CO_OPTIMIZED)


def local_value(frame: FrameType, name: str) -> Tuple[bool, object]:
    """Read a local variable of a frame, without running code of the program.

    What a debugger has assigned to variables is left alone.

    Args:
        frame: The frame.
        name: The name of a local or free variable; of a global one only at module level.

    Returns:
        Whether the variable has a value, and the value.

    Example:
        >>> def count():
        ...     step = 7
        ...     yield
        >>> counter = count()
        >>> next(counter)
        >>> local_value(counter.gi_frame, "step")
        (True, 7)
    """
    code = frame.f_code
    if not _is_function(code):
        variables = _comprehension_values(frame)
        if name in variables:
            return True, variables[name]
        namespace = _namespace(frame)
        if namespace is None or not dict.__contains__(namespace, name):
            return False, None
        return True, dict.get(namespace, name)
    if not LOCALS_ARE_COPIED:
        resumable = _resumable_values(frame, (name,))
        if resumable is not None:
            return name in resumable, resumable.get(name)
        try:
            return True, frame.f_locals[name]
        except KeyError:
            return False, None
    return _slot_value(frame, name)


def _slot_value(frame: FrameType, name: str) -> Tuple[bool, object]:
    code = frame.f_code
    reader = choosing.reader()
    if reader is None:
        return False, None
    for index in _slots_of(code, name):
        found, value = reader.local(frame, index)
        if found:
            return _contents(code, name, value)
    return False, None


def _resumable_values(frame: FrameType, names: Tuple[str, ...]) -> Optional[Dict[str, object]]:
    """Variables of a frame that another thread may resume without a GIL; `None` for others."""
    code = frame.f_code
    if not FREE_THREADED or not code.co_flags & CO_ANY_GENERATOR:
        return None
    from stackscope.interpreter.frames.freethreaded import values_in

    slots = [(name, index) for name in names for index in _slots_of(code, name)]
    values = values_in(frame, [index for _, index in slots])
    if values is None:
        return None
    found = [
        (name, _contents(code, name, value))
        for (name, _), (is_bound, value) in zip(slots, values)
        if is_bound
    ]
    return {name: value for name, (is_bound, value) in found if is_bound}


def _slots_of(code: CodeType, name: str) -> List[int]:
    if not code.co_cellvars and not code.co_freevars:  # as usual
        names = code.co_varnames
        return [names.index(name)] if name in names else []
    return [i for i, other in enumerate(slot_names(code)) if other == name]


def _contents(code: CodeType, name: str, value: object) -> Tuple[bool, object]:
    """The variable's value, given what its slot holds."""
    if type(value) is CellType and (name in code.co_cellvars or name in code.co_freevars):
        return content_of(value)
    return True, value


def content_of(cell: object) -> Tuple[bool, object]:
    """Whether something is a cell that isn't empty, and what is in it."""
    if type(cell) is CellType:
        try:
            return True, cell.cell_contents
        except ValueError:
            pass
    return False, None


def local_values(frame: FrameType) -> Dict[str, object]:
    """Read all local variables of a frame, as `local_value` does.

    Args:
        frame: The frame.

    Returns:
        A new dictionary with the variables that have a value.

    Example:
        >>> def count():
        ...     step = 7
        ...     yield
        >>> counter = count()
        >>> next(counter)
        >>> local_values(counter.gi_frame)
        {'step': 7}
    """
    code = frame.f_code
    if not _is_function(code):
        namespace = _namespace(frame)
        values = {} if namespace is None else dict(dict.items(namespace))
        values.update(_comprehension_values(frame))
        return values
    if not LOCALS_ARE_COPIED:
        resumable = _resumable_values(frame, slot_names(code))
        return dict(frame.f_locals) if resumable is None else resumable
    names = code.co_varnames + code.co_cellvars + code.co_freevars
    found = {name: local_value(frame, name) for name in dict.fromkeys(names)}
    return {name: value for name, (exists, value) in found.items() if exists}


def first_argument(frame: FrameType) -> Tuple[bool, object]:
    """The first positional argument of the function that ``frame`` runs, and whether it has one.

    A variable that has been rebound or deleted since gives its present value, or nothing.
    """
    code = frame.f_code
    if not _is_function(code):
        return False, None
    if code.co_argcount:
        if LOCALS_ARE_COPIED and not code.co_cellvars:  # it is in the first slot
            reader = choosing.reader()
            return (False, None) if reader is None else reader.local(frame, 0)
        return local_value(frame, code.co_varnames[0])
    if code.co_flags & CO_VARARGS:
        found, arguments = local_value(frame, code.co_varnames[code.co_kwonlyargcount])
        if found and type(arguments) is tuple and arguments:
            return True, arguments[0]
    return False, None


def name_of_local(
    frame: FrameType, names: Tuple[str, ...], moment: Moment, obj: object
) -> Optional[str]:
    """The name of the first local variable that holds ``obj``.

    Args:
        frame: the frame.
        names: the names of its slots.
        moment: where it stands.
        obj: what to look for, by identity.

    Raises:
        FrameMoved: the frame has gone on.
    """
    code = frame.f_code
    if not _is_function(code):
        namespace = _namespace(frame)
        items = list(dict.items(namespace)) if namespace is not None else []
        return next((name for name, value in items if value is obj), None)
    addresses = moment.addresses(len(names))
    if id(obj) in addresses:
        return names[addresses.index(id(obj))]
    if code.co_cellvars or code.co_freevars:
        return _name_of_cell(code, names, moment, addresses, obj)
    return None


def _name_of_cell(
    code: CodeType, names: Tuple[str, ...], moment: Moment, addresses: List[int], obj: object
) -> Optional[str]:
    slots = [
        i
        for i, name in enumerate(names)
        if addresses[i] and (name in code.co_cellvars or name in code.co_freevars)
    ]
    for slot, value in zip(slots, moment.objects(slots)):
        found, content = _contents(code, names[slot], value)
        if found and content is obj:
            return names[slot]
    return None
