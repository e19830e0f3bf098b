"""Private. From a stack item to a stack.

===============  ======================================================================
`walk`           unwraps items, finds contexts, elaborates frames, replaces and prunes
`extraction`     one call of ``extract()``: its options, and what is under construction
`contexts`       the contexts that are active in a frame
`chains`         a chain of suspended coroutines, read at once
`own`            the stack of this very thread, read at once
`unwound`        those that were active when an exception passed
`hooks`          what glue registers
`codes`          dispatch on the identity of code objects
`lookups`        what was found of hooks, kept for the next extraction
`registrations`  whether hooks were registered meanwhile
`errors`         what goes wrong, and what is made of it
===============  ======================================================================
"""

from __future__ import annotations
