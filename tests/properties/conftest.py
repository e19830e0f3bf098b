"""How much is tried: the same inputs each time, or new and more of them at night.

``STACKSCOPE_ALL_ROWS=1`` tries more, and so does ``nox -s properties``.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

ALL = bool(os.environ.get("STACKSCOPE_ALL_ROWS"))

settings.register_profile(
    "stackscope",
    derandomize=not ALL,
    max_examples=2000 if ALL else 50,
    database=None,
    deadline=None,  # a busy machine is no failure
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("stackscope")
