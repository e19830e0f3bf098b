"""What a running program does, in IPython: ``%load_ext stackscope_ipython``, then ``%stackscope``.

IPython is imported when the extension is loaded, and not before.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Register the magic. Called by ``%load_ext stackscope_ipython``.

    Args:
        ipython: The running shell.
    """
    from stackscope_ipython.magics import StackscopeMagics

    ipython.register_magics(StackscopeMagics)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """Undo `load_ipython_extension`. Called by ``%unload_ext stackscope_ipython``.

    Args:
        ipython: The running shell.
    """
    manager = ipython.magics_manager
    manager.magics["line"].pop("stackscope", None)
    manager.registry.pop("StackscopeMagics", None)
