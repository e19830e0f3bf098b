"""A module that waits for a thread which imports it. See tests/diagnosis/planted/in_threads.py."""

from __future__ import annotations

import threading


def imports():
    import tests.helpers.hanging_import.joining  # noqa: F401


other = threading.Thread(target=imports, name="other", daemon=True)
other.start()
other.join()
