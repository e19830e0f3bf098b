"""What coverage.py has measured, kept by processes that don't come to their end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

SECONDS_TO_END = 3


def keep_what_was_measured():
    """Save it now: this process may be ended before it does that itself."""
    coverage = sys.modules.get("coverage")
    measured = None if coverage is None else coverage.Coverage.current()
    if measured is not None:
        measured.save()


def end(process):
    """End a process. While that is measured it is interrupted first, or all would be lost."""
    if "COVERAGE_PROCESS_START" in os.environ and process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            pass
    process.kill()
