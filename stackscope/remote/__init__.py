"""Private, but for what docs/public.rst lists. Another process: how it is asked what it is doing.

============  ===================================================================================
`attach`      asks a process that runs already; the way in is chosen by what the process is
`processes`   what the system tells of a process
`calling`     has a process call back by `sys.remote_exec`, from Python 3.14 on
`gdb`         the same for older versions, by gdb
`meeting`     where the process finds us, and nobody else does
`bringing`    brings our own code along, under a name that nothing else has
`target`      in that process: takes the snapshots, and sends them
`registered`  asks a process that called `register`, by its signal
============  ===================================================================================
"""

from __future__ import annotations
