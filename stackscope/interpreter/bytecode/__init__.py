"""What the code says: which ``with`` blocks a code object has, and where each is active.

`analyze` interprets a code object once, abstractly, and keeps the result as long as the code object
lives. What holds at an instruction is found out when it is asked for.

================  ==================================================================
`analyze`         one pass per code object, remembered
`flow`            the pass: follows every exit callable through the value stack
`states`          the symbolic value stack
`runs`            stretches of code that the pass goes over at once
`sites`           what holds at an instruction, from what the pass has kept
`blocks`          what it gives
`rules`           what the generations of bytecode have in common
`blockstack`      3.8 to 3.10
`exceptiontable`  3.11 and later
`pypy`            PyPy 3.11
`acquires`        what a function has acquired and not released
`ahead`           what a function may still get from objects after an instruction
`instructions`    code objects as bare bytecode, or as records of the same shape everywhere
`targets`         assignment targets, written back from the instructions that assign
`keepers`         which variable still holds a manager when its block is over
`lines`           the line of a ``with`` keyword, also where the bytecode doesn't tell it
================  ==================================================================
"""

from __future__ import annotations

from stackscope.interpreter.bytecode.analyze import analyze, analyze_whole
from stackscope.interpreter.bytecode.blocks import Block, CodeAnalysis, Exiting, Handler, Live, Site

__all__ = [
    "Block",
    "CodeAnalysis",
    "Exiting",
    "Handler",
    "Live",
    "Site",
    "analyze",
    "analyze_whole",
]
