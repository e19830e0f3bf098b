"""Private. The ways into the debugger.

That of pytest is `stackscope_pdb.pytest_plugin`; that of IPython is the package
`stackscope_ipython`.

===============  ========================================================================
`api`            `set_trace`, `post_mortem`, `run` and the like, which a program calls
`making`         who makes the debugger for a stop
`cli`            ``python -m stackscope_pdb``: runs a program under the debugger
`attach`         ``python -m stackscope_pdb -p PID``: asks a running process to let us in
`client`         shows what it says, and reads what we say to it
`attach_target`  the debugger in that process, which talks to the one who asks
`install`        puts the commands on `pdb.Pdb`, from where other debuggers have them
===============  ========================================================================
"""

from __future__ import annotations
