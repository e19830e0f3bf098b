"""What a running program does, in IPython and Jupyter: ``%load_ext stackscope_ipython``.

This adds the magic ``%stackscope``. The debugger that ``%debug``, ``%pdb on``, ``%run -d`` and
``breakpoint()`` start gets the commands of `stackscope_pdb`.

IPython is imported when the extension is loaded.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Register the magic ``%stackscope``, and add our commands to the debugger of the shell.

    ``%load_ext stackscope_ipython`` calls it. Calling it twice is harmless. The page "ipython" of
    the documentation shows what it adds.

    Args:
        ipython: The running shell.
    """
    from stackscope_ipython import debugger, magics

    magics.register(ipython)
    debugger.hook(ipython)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """Undo `load_ipython_extension`. ``%unload_ext stackscope_ipython`` calls it.

    The page "ipython" of the documentation shows what it removes.

    Args:
        ipython: The running shell.
    """
    from stackscope_ipython import debugger, magics

    debugger.unhook(ipython)
    magics.unregister(ipython)
