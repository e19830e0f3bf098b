"""Private. What the running interpreter holds: code, frames, threads, and the objects that the collector knows."""

from __future__ import annotations
