"""Private. What is done to the program, beyond what the standard debugger does.

=============  ==================================================================
`process`      the number of this process, also after a fork
`turns`        one prompt at a time, also if several threads stop
`interrupts`   Ctrl-C, and other reasons to stop at once
`patience`     looks at very many tasks, which Ctrl-C ends
`sources`      where functions begin, by their source
`watched`      which exceptions and values that is about
`monitor`      noticing them by `sys.monitoring`
`suspending`   a program that draws on the terminal lets go of it
`tracing`      turning the tracing of the program on and off
`depth`        room for the debugger's calls near the limit of recursion
`machinery`    which of the frames that run are a debugger's own
`libraries`    whose code is passed over, in steps and in lists
`assignments`  variables changed at the prompt are changed in the frame
`evaluating`   lines of Python run as if they stood in the frame
`awaiting`     ``await`` at the prompt
`jumping`      where ``jump`` must not go
`finalizers`   what the garbage collector calls on the way to a stop is passed by
`doctests`     where a prompt writes while doctest keeps what is printed
`streams`      which streams a prompt uses if the program's are for something else
`waking`       after a stop, an event loop sees what was done meanwhile
`quitting`     the program ends, and all its exits run
`exits`        where an exception would miss an exit
`loops`        event loops end with all their tasks
`threads`      all threads end, the main thread first
`ending`       what ends the program, and which exceptions mean that
`silence`      nobody shows what ends the program
=============  ==================================================================
"""

from __future__ import annotations
