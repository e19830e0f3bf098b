"""Puts our commands on `pdb.Pdb` itself, so that debuggers derived from it have them.

The methods of `pdb.Pdb` move into a new class, and `pdb.Pdb` becomes a subclass of our commands and
of that. So it is the same as ``class Pdb(Commands, Pdb)`` would be, but it is still the class that
others have inherited from. Since `super()` looks at the class that a method was defined in, the
methods are told which one that is now: all that use it have one closure cell in common,
``__class__``.
"""

from __future__ import annotations

from stackscope_pdb.debugger.basics import look_up_standard
from stackscope_pdb.debugger.mixin import Commands
from stackscope_pdb.standard import pdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CellType
    from typing import Any, Dict, List, Optional, Tuple

STAYS = frozenset({"__dict__", "__doc__", "__module__", "__qualname__", "__weakref__"})
"""What belongs to the class as such."""


class _Installation:
    """What has to be known to undo it.

    Args:
        standard: The class that has the methods of `pdb.Pdb` now.
    """

    def __init__(self, standard: type) -> None:
        self.standard = standard
        self.bases = pdb.Pdb.__bases__
        self.had_commands: List[Tuple[type, Tuple[type, ...]]] = []
        """The subclasses that have the commands from it meanwhile, with the bases that they are to
        get back."""


_installed: Optional[_Installation] = None


def install() -> None:
    """Add our commands to `pdb.Pdb` itself: for ipdb, pdb++, remote-pdb and the like.

    Debuggers that exist already get them at once. A subclass that has a command of the same name
    keeps its own. Calling it twice is harmless. `uninstall` undoes it.

    Example:
        >>> import pdb
        >>> stackscope_pdb.install()
        >>> hasattr(pdb.Pdb, "do_tasks")
        True
        >>> stackscope_pdb.uninstall()
    """
    global _installed
    if _installed is not None:
        return
    import stackscope_pdb.debugger.own  # noqa: F401  (its class inherits from both, which works only before)

    cls: Any = pdb.Pdb
    _installed = installation = _Installation(type(cls.__name__, cls.__bases__, {}))
    for subclass in [found for found in Commands.__subclasses__() if issubclass(found, cls)]:
        # They get them from pdb.Pdb now, and can't have them in two places of their order of bases.
        installation.had_commands.append((subclass, subclass.__bases__))
        subclass.__bases__ = tuple(base for base in subclass.__bases__ if base is not Commands)
    _move(cls, installation.standard)
    cls.__bases__ = (Commands, installation.standard)
    look_up_standard(cls)


def uninstall() -> None:
    """Undo `install`. See the example of `install`."""
    global _installed
    if _installed is None:
        return
    installation, _installed = _installed, None
    cls: Any = pdb.Pdb
    cls.__bases__ = installation.bases
    _move(installation.standard, cls)
    for subclass, bases in installation.had_commands:
        if not issubclass(subclass, Commands):  # by way of another one of them
            subclass.__bases__ = bases
    look_up_standard(cls)


def class_with_commands(name: str, base: type, *mixins: type) -> type:
    """A new class: ``base`` with our commands.

    Args:
        name: What to call it.
        base: A subclass of `pdb.Pdb`.
        *mixins: What shall come before the commands.
    """
    if not issubclass(base, Commands):
        return type(name, (*mixins, Commands, base), {})
    made = type(name, (*mixins, base), {})
    if _installed is not None:
        # as it would have, had it been made before
        _installed.had_commands.append((made, (*mixins, Commands, base)))
    return made


def _move(source: Any, target: Any) -> None:
    """Move the attributes of a class to another one."""
    members: Dict[str, Any] = {k: v for k, v in vars(source).items() if k not in STAYS}
    cell = next(filter(None, map(_class_cell, members.values())), None)
    if cell is not None:
        cell.cell_contents = target
    for name, member in members.items():
        if name not in vars(target):  # else it was set meanwhile
            setattr(target, name, member)
        delattr(source, name)


def _class_cell(member: Any) -> Optional[CellType]:
    """The cell by which `super()` in a method knows the class."""
    function = getattr(member, "fget", None) or getattr(member, "__func__", member)
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    if "__class__" not in names:
        return None
    found: CellType = function.__closure__[names.index("__class__")]
    return found
