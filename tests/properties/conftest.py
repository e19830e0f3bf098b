"""How much is tried: the same inputs each time, or new and more of them at night.

``STACKSCOPE_ALL_ROWS=1`` tries more, and so does ``nox -s all_rows``.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.internal import conjecture

from tests.helpers.rows import ALL_ROWS

settings.register_profile(
    "stackscope",
    derandomize=not ALL_ROWS,
    max_examples=2000 if ALL_ROWS else 50,
    database=None,
    deadline=None,  # a busy machine is no failure
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("stackscope")

# Newer versions of Hypothesis read all modules of ours for constants, in each process. That takes
# long, and which inputs are tried then hangs on what has been imported.
providers = getattr(conjecture, "providers", None)
if not ALL_ROWS and hasattr(providers, "_get_local_constants"):
    providers._get_local_constants = lambda: providers._local_constants
