"""Whether to run all rows of long tables, and all sizes; else each run takes a part of them.

``STACKSCOPE_ALL_ROWS=1`` runs all. So do ``nox -s all_rows``, ``diagnosis`` and ``growth``.
"""

from __future__ import annotations

import os

ALL_ROWS = bool(os.environ.get("STACKSCOPE_ALL_ROWS"))
