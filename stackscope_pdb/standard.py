"""The standard library's `pdb`, even where another module has taken its name.

pdb++ puts a folder with a ``pdb.py`` of its own before the standard library on ``sys.path`` (tried
with 0.11 and 0.12). A debugger that inherits from that one would be half of each.
"""

from __future__ import annotations

import bdb
import importlib.machinery
import importlib.util
import os
import pdb as _named_pdb
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pdb
    from typing import Any, Optional, Sequence

__all__ = ["pdb"]


def _find() -> ModuleType:
    """The module, as those who have taken its name know it, so that all have the same one."""
    folder = os.path.dirname(os.path.abspath(bdb.__file__))
    modules: Sequence[Any] = (_named_pdb, *vars(_named_pdb).values())
    for module in modules:
        if isinstance(module, ModuleType) and _is_in(module, folder):
            return module
    return _load(folder) or _named_pdb


def _is_in(module: ModuleType, folder: str) -> bool:
    path = getattr(module, "__file__", None) or ""
    return module.__name__ == "pdb" and os.path.dirname(os.path.abspath(path)) == folder


def _load(folder: str) -> Optional[ModuleType]:
    spec = importlib.machinery.PathFinder.find_spec("pdb", [folder])
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if not TYPE_CHECKING:
    pdb = _find()
