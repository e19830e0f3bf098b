"""Private, but for what docs/public.rst lists.

The program's objects, read without running their code.

=========  ===============================================
`objects`  attributes, classes, exceptions
`text`     names and representations, bounded and harmless
=========  ===============================================
"""

from __future__ import annotations
