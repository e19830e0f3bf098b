"""What the code says: which ``with`` blocks a code object has, and where each is active.

`analyze` interprets a code object once (see `stackscope.interpreter.bytecode.flow`) and keeps the result as
long as the code object lives.
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
