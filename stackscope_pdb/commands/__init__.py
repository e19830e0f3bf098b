"""The commands, written once for every front end.

Each is a function in one of the modules here, registered by `command` in one table. What calls it, its
help and its completion all come from that table. `Commands` is what the debuggers inherit from.
"""

from __future__ import annotations

from stackscope_pdb.commands import code, contexts, exceptions, frames, stacks, tasks, threads
from stackscope_pdb.commands.debugger import Commands, install

__all__ = ["Commands", "code", "contexts", "exceptions", "frames", "stacks", "tasks", "threads"]

install(Commands)
