"""Glue for dumps: executed without the interpreter's import locks.

A dump may have interrupted an import, and then an import of ours would wait for locks, or take
away what the interpreter has noted about the one that is interrupted (importlib._bootstrap, 3.8 to
3.11). But a program usually registers a dump first, and imports its libraries then. So the code of
our glue is read beforehand, by `prepare`. A dump runs it with an ``import`` statement that finds
what is there already, or glue that is prepared, and nothing else.
"""

from __future__ import annotations

import builtins
import sys
from types import ModuleType

from stackscope.safe.loading import is_being_imported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Dict, Sequence, Tuple

__all__ = ["load", "prepare"]

_PACKAGE = "stackscope.glue"

_prepared: Dict[str, Tuple[Any, CodeType]] = {}
"""The spec and the code of each module of glue that isn't imported."""


def prepare() -> None:
    """Read the code of all glue that isn't imported yet."""
    import importlib.util  # noqa: F401  (for `_make`)

    _prepare_package(_PACKAGE, vars(sys.modules[_PACKAGE])["__path__"])


def _prepare_package(package: str, path: Sequence[str]) -> None:
    import pkgutil
    from importlib.machinery import PathFinder

    for found in pkgutil.iter_modules(path):
        name = f"{package}.{found.name}"
        # Without importing the package, as importlib.util.find_spec() would.
        spec = PathFinder.find_spec(name, list(path))
        get_code = getattr(getattr(spec, "loader", None), "get_code", None)
        if spec is None or get_code is None:
            continue  # it is packed in a way of which nothing is known here
        if name not in sys.modules and name not in _prepared:
            code = get_code(name)
            if code is not None:
                _prepared[name] = (spec, code)
        if spec.submodule_search_locations is not None:
            _prepare_package(name, spec.submodule_search_locations)


def load(name: str) -> Any:
    """A module of glue, executed if need be.

    Raises:
        ImportError: That isn't possible without an import.
    """
    return _Imports().find(name)


class _Imports:
    """What takes the place of ``import`` in the glue that one dump needs."""

    def __init__(self) -> None:
        self.made: Dict[str, ModuleType] = {}

    def find(self, name: str) -> Any:
        """A module that is imported or prepared."""
        module = sys.modules.get(name)
        if module is None:
            module = self.made.get(name)
        if module is None:
            module = self._make(name)
        elif is_being_imported(module):
            raise ImportError(f"{name} is just being imported")
        return module

    def _make(self, name: str) -> ModuleType:
        if name not in _prepared:
            raise ImportError(f"{name} isn't imported")
        spec, code = _prepared[name]
        parent, _, child = name.rpartition(".")
        package = self.find(parent)
        if name in self.made:  # the package has needed it
            return self.made[name]
        module = sys.modules["importlib.util"].module_from_spec(spec)
        self.made[name] = module
        namespace = vars(module)
        own_builtins = {**vars(builtins), "__import__": self.import_}
        namespace["__builtins__"] = own_builtins
        exec(code, namespace)  # noqa: S102 (as the import system does)
        # Its functions have been made with these, and keep them (from 3.10 on).
        own_builtins["__import__"] = builtins.__import__
        namespace["__builtins__"] = builtins
        # Only what is complete is for others to see.
        made = sys.modules.setdefault(name, module)
        setattr(package, child, made)
        return made

    def import_(
        self,
        name: str,
        globals: object = None,  # noqa: A002 (the names that __import__() has)
        locals: object = None,  # noqa: A002
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> Any:
        """``__import__``, for absolute imports."""
        module = self.find(name)
        if not fromlist:
            return self.find(name.partition(".")[0])
        for item in fromlist:
            inner = f"{name}.{item}"
            if inner in _prepared and not hasattr(module, item):
                self.find(inner)
        return module
