"""Private. Everything in the process at once: loops, tasks, threads, and who waits for whom."""

from __future__ import annotations
