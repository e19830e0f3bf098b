"""Starting what gets stuck, without holding on to more than that."""

from __future__ import annotations

import asyncio
import threading

KEPT = set()
"""The tasks: asyncio itself holds them weakly. That somebody has a task wakes it as little as
that somebody has a thread."""


def start(coroutine, name):
    """Start a task of asyncio; it hasn't run when this returns."""
    task = asyncio.ensure_future(coroutine)
    task.set_name(name)
    KEPT.add(task)
    return task


def start_thread(function, *args, name):
    """Start a thread that doesn't keep the process from ending."""
    thread = threading.Thread(target=function, args=args, name=name, daemon=True)
    thread.start()
    return thread
