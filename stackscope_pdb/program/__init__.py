"""Private. What is done to the program, beyond what the standard debugger does.

=============  ==================================================================
`turns`        one prompt at a time, also if several threads stop
`interrupts`   Ctrl-C, and other reasons to stop at once
`sources`      where functions begin, by their source
`tracing`      turning the tracing of the program on and off
`machinery`    which of the frames that run are a debugger's own
`libraries`    which code is the user's
`assignments`  variables changed at the prompt are changed in the frame
`awaiting`     ``await`` at the prompt
`finalizers`   what the garbage collector calls on the way to a stop is passed by
`doctests`     where a prompt writes while doctest keeps what is printed
`waking`       after a stop, an event loop sees what was done meanwhile
`quitting`     the program ends, and its `finally` blocks run
=============  ==================================================================
"""

from __future__ import annotations
