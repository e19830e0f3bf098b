"""What Tab offers: commands, arguments, and Python names, without running code.

The standard debugger completes ``obj.attr.`` by ``getattr``, which runs properties. Here attributes
are looked up in the dictionaries of objects and classes, and what only code could tell is not
offered.
"""

from __future__ import annotations

import inspect
import re
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    ModuleType,
)

from stackscope.safe.objects import mro_of, namespace_of
from stackscope_pdb.commands import registry
from stackscope_pdb.commands.arguments import completed_option
from stackscope_pdb.prompt import command_or_python

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Sequence, Set, Tuple

    from stackscope_pdb.stop.host import Host

_TAIL = re.compile(r"(?:[^\W\d]\w*\s*\.\s*)*(?:[^\W\d]\w*)?$")
_WORD = re.compile(r"\s*(\w+)$")
_STANDARD_DELIMITERS = " \t\n`@#%^&*()=+[{]}\\|;:'\",<>?"


class NeedsCode(Exception):
    """What a name stands for can't be found without running code."""


def completions(debugger: Host, text: str) -> Tuple[int, List[str]]:
    """What may stand at the end of a line.

    Args:
        debugger: Where it is typed.
        text: The line up to the cursor.

    Returns:
        Where in ``text`` the completions begin, and the completions.
    """
    first = _WORD.match(text)
    if first or not text.strip():
        word = first.group(1) if first else ""
        start = len(text) - len(word)
        names = [*_command_names(debugger), *_names(_scopes(debugger))] if word else _own_names()
        return start, _fitting(names, word)
    word = command_or_python.first_word(text)
    entry = registry.find(word) if "\n" not in text else None
    if entry is not None and not command_or_python.is_python(
        text, entry.options, debugger.has_variable
    ):
        start = len(text) - len(text.lstrip()) + len(word)
        start += len(text[start:]) - len(text[start:].lstrip())
        found = entry.complete(debugger, text[start:]) if entry.complete is not None else []
        return start, _fitting(found, text[start:])
    if entry is not None or "\n" in text:
        return python_completions(debugger, text)
    option = completed_option(text)
    if option:
        return text.index("-"), option
    standard = getattr(debugger, f"complete_{word}", None) if word else None
    if standard is not None and getattr(standard, "__func__", None) not in _of_expressions(
        debugger
    ):
        start = max(text.rfind(char) for char in _STANDARD_DELIMITERS) + 1
        return start, list(standard(text[start:], text, start, len(text)) or [])
    return python_completions(debugger, text)


def _of_expressions(debugger: Host) -> Tuple[object, ...]:
    from stackscope_pdb.standard import pdb

    return (
        getattr(type(debugger), "_complete_expression", None),
        getattr(pdb.Pdb, "_complete_expression", None),
    )


def expression_completions(debugger: Host, text: str) -> List[str]:
    """The completions of an expression, each with the part of it that is there already."""
    start, found = python_completions(debugger, text)
    return [text[:start] + name for name in found]


def python_completions(debugger: Host, text: str) -> Tuple[int, List[str]]:
    """The Python names that may stand at the end of ``text``, and where they begin."""
    return completions_in(_scopes(debugger), text)


def completions_in(scopes: Sequence[Mapping[str, Any]], text: str) -> Tuple[int, List[str]]:
    """The Python names that may stand at the end of ``text``, and where they begin.

    Args:
        scopes: What is in scope, the nearest first; none if nothing is.
        text: The line up to the cursor.
    """
    match = _TAIL.search(text)
    start = match.start() if match else len(text)
    expression = text[start:]
    if text[:start].rstrip().endswith("."):
        return len(text), []  # an attribute of a call's result, or of an item
    *path, last = [part.strip() for part in expression.split(".")]
    if not path:
        return start, _fitting(_names(scopes), last)
    try:
        found = static_names(_object_at(scopes, path))
    except NeedsCode:
        return len(text), []
    if not last.startswith("_"):
        found = [name for name in found if not name.startswith("_")]
    return len(text) - len(last), _fitting(found, last)


def _fitting(names: List[str], start: str) -> List[str]:
    """Those names that begin so, each once: in their order as far as they are arguments."""
    return list(dict.fromkeys([name for name in names if name.startswith(start)]))


def _own_names() -> List[str]:
    return sorted(entry.name for entry in registry.commands())


def _command_names(debugger: Host) -> List[str]:
    names = command_or_python.commands_of(type(debugger))
    return sorted([*names, *getattr(debugger, "aliases", {})])


def _scopes(debugger: Host) -> Sequence[Mapping[str, Any]]:
    if not debugger.curframe:
        return ()
    return debugger.frame_locals(), debugger.current_frame.f_globals


def _names(scopes: Sequence[Mapping[str, Any]]) -> List[str]:
    """All names that are in scope, and keywords."""
    import builtins
    import keyword

    if not scopes:
        return []
    near = [name for scope in scopes for name in scope]
    return sorted({name for name in near if isinstance(name, str)}) + sorted(
        [*vars(builtins), *keyword.kwlist]
    )


def _object_at(scopes: Sequence[Mapping[str, Any]], path: List[str]) -> Any:
    import builtins

    for place in (*scopes, vars(builtins)):
        if path[0] in place:
            found = place[path[0]]
            break
    else:
        raise NeedsCode
    for name in path[1:]:
        found = static_attribute(found, name)
    return found


def static_attribute(obj: Any, name: str) -> Any:
    """An attribute, as far as it is just stored somewhere.

    Raises:
        NeedsCode: There is none, or code would have to run.
    """
    try:
        found = inspect.getattr_static(obj, name)
    except Exception as exc:
        from stackscope.safe.interruptions import interrupts

        if interrupts(exc):
            raise
        raise NeedsCode from None
    cls = type(found)
    if cls in (staticmethod, classmethod):
        return found.__func__
    if cls is MemberDescriptorType:  # a slot
        try:
            return found.__get__(obj)
        except AttributeError:  # it is empty
            raise NeedsCode from None
    if cls in (FunctionType, BuiltinFunctionType) or not _has(cls, "__get__"):
        return found
    raise NeedsCode


def _has(cls: type, name: str) -> bool:
    return any(name in namespace_of(base) for base in mro_of(cls))


def static_names(obj: Any) -> List[str]:
    """The attributes of ``obj`` that its dictionaries and those of its classes name."""
    found: Set[str] = set()
    classes = [*mro_of(type(obj))]
    if issubclass(type(obj), type):
        classes += mro_of(obj)
    if type(obj) is not ModuleType:
        for cls in classes:
            found.update(_strings(namespace_of(cls)))
    found.update(_strings(_dict_of(obj, classes)))
    return sorted(found)


def _dict_of(obj: Any, classes: List[type]) -> Dict[Any, Any]:
    if issubclass(type(obj), type):
        return {}
    for cls in classes:
        descriptor = namespace_of(cls).get("__dict__")
        if descriptor is not None:
            if type(descriptor) not in (GetSetDescriptorType, MemberDescriptorType):
                return {}
            found = descriptor.__get__(obj)
            return found if type(found) is dict else {}
    return {}


def _strings(names: Any) -> List[str]:
    return [name for name in names if type(name) is str]
