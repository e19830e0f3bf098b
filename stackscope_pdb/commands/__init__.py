"""Private. The commands, written once for every front end.

Each is a function, registered by `registry.command` in one table. How it is called, its help and
its completion all come from that table. Importing this package registers them.

============  ======================================================================
`registry`    the table: which commands there are, and how one is run
`arguments`   what is typed after a command's name
`filtering`   which tasks, threads and greenlets are shown
`picking`     which task or thread is meant by a number, a name, or a part of a name
`frames`      `where`, `frame`, `up`, `down`
`contexts`    `ctx`
`tasks`       `tasks`, `task`, `unfocus`
`threads`     `threads`, `thread`
`stacks`      `stack`
`about`       `about`, `track`
`edit`        `edit`
`exceptions`  `exceptions`
`sticky`      `sticky`
`watching`    `catch`, `watch`
`why`         `why`, `locks`
============  ======================================================================
"""

from __future__ import annotations

from stackscope_pdb.commands import (
    about,
    contexts,
    edit,
    exceptions,
    frames,
    stacks,
    sticky,
    tasks,
    threads,
    watching,
    why,
)

__all__ = [
    "about",
    "contexts",
    "edit",
    "exceptions",
    "frames",
    "stacks",
    "sticky",
    "tasks",
    "threads",
    "watching",
    "why",
]
