"""The prompt: all that happens before a line is run.

=============== ============================================================================
`label`         what it says
`reader`        reads a line by prompt_toolkit
`by_readline`   keys and history where the standard debugger reads it, by readline
`completion`    what Tab offers
`history`       the lines that were typed before
`lines`         tells whether a line is one of our commands, or Python
=============== ============================================================================
"""

from __future__ import annotations
