"""The commands, written once for every front end.

Each is a function in one of the modules here, registered by `registry.command` in one table. How it is called,
its help and its completion all come from that table. Importing this package registers them.
"""

from __future__ import annotations

from stackscope_pdb.commands import contexts, exceptions, frames, stacks, sticky, tasks, threads

__all__ = ["contexts", "exceptions", "frames", "stacks", "sticky", "tasks", "threads"]
