"""Private. What an extraction and a snapshot give: plain data.

============  ========================================================================
`stacks`      `Stack`, `Frame` and `Context`, and the stack item `StackSlice`
`snapshot`    loops with their tasks, threads, and other things that have stacks
`waiting`     what something waits for
`diagnosis`   what can never go on by itself, and who waits for whom
`difference`  what is different between two snapshots of one process
`filters`     the language of filters
`pruning`     a snapshot with less in it
`saved`       what stands for objects of another process, in what was read from a file
`records`     dataclasses that cost nothing to import
============  ========================================================================
"""

from __future__ import annotations
