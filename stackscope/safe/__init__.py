"""Private, but for what docs/public.rst lists.

The program's objects, read without running their code.

===============  ===============================================
`objects`        attributes, classes, exceptions
`text`           names and representations, bounded and harmless
`interruptions`  which exceptions are not ours to keep
`scoped`         values that hold during one call
`files`          lines of source files
`folders`        folders for files that are the user's own
`loading`        our own modules, imported when they are needed
===============  ===============================================
"""

from __future__ import annotations
