"""Private. The debuggers.

=============  ========================================================================
`own`          our `pdb.Pdb`
`mixin`        what it has in common with IPython's, and with those that `install` reaches
`basics`       what the parts of the mixin stand on: the memory of the stop, and output
`breakpoints`  functions that aren't there yet, conditions that fail
`stopping`     stopping where `set_trace` is called
`turns`        several threads that stop at once
`watching`     stopping for an exception that is raised, or a value that changes
`stepping`     going on, and what the commands that do so mean in a suspended frame
`lines`        running a line: a command, or Python in the current frame
`values`       `p`, `pp`, `args` and the like: showing values
`painting`     what the standard debugger writes, harmless and in colours
=============  ========================================================================
"""

from __future__ import annotations
