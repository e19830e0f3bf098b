"""What is done to the program, beyond what the standard debugger does.

=============== =============================================================================
`assignments`   variables changed at the prompt are changed in the frame
`awaiting`      ``await`` at the prompt
`finalizers`    on the way to a stop, what the garbage collector calls is passed by
`waking`        after a stop, an event loop sees what was done meanwhile
`quitting`      the program ends, and its `finally` blocks run
=============== =============================================================================
"""

from __future__ import annotations
