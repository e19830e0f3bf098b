"""What a running program does, in IPython and Jupyter: ``%load_ext stackscope_ipython``.

From then on there is the magic ``%stackscope``, and the debugger that ``%debug``, ``%pdb on``,
``%run -d`` and ``breakpoint()`` open has the commands of `stackscope_pdb`.

IPython is imported when the extension is loaded, and not before.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Register the magic, and give the shell's debugger our commands. Doing it twice is harmless.

    Called by ``%load_ext stackscope_ipython``.

    Args:
        ipython: The running shell.
    """
    from stackscope_ipython import debugger, magics

    magics.register(ipython)
    debugger.hook(ipython)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """Undo `load_ipython_extension`. Called by ``%unload_ext stackscope_ipython``.

    Args:
        ipython: The running shell.
    """
    from stackscope_ipython import debugger, magics

    debugger.unhook(ipython)
    magics.unregister(ipython)
