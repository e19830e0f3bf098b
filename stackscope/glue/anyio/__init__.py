"""anyio.

============  ===================================================================
`common`      what is the same on both backends
`on_asyncio`  what concerns asyncio, on top of `stackscope.glue.asyncio`
`on_trio`     what concerns trio, on top of `stackscope.glue.trio`
============  ===================================================================

Each of them is installed when the module of anyio's that it is about has been imported.
"""

from __future__ import annotations
