"""Private, but for what docs/public.rst lists. The command ``stackscope``.

==========  =================================================================
`main`      reads the command line: one table of all commands
`dump`      ``stackscope dump``, ``stackscope why``: ask a running process
`show`      ``stackscope show``: a saved snapshot
`diff`      ``stackscope diff``: what is different between two of them
`run`       ``stackscope run``: a program that tells what it does when it hangs
`hangs`     looks again and again whether a program hangs
`debug`     ``stackscope debug``: the debugger
`programs`  a program that is to be run
`options`   options that several commands have
`output`    where what the commands find goes to
==========  =================================================================
"""

from __future__ import annotations
