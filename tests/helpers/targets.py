"""What dumps are written to, and what is wrong with it."""

from __future__ import annotations

import os


def fill(descriptor):
    """Fill a pipe, socket or terminal; leave it blocking or not, as it was."""
    was_blocking = os.get_blocking(descriptor)
    os.set_blocking(descriptor, False)
    try:
        while True:
            os.write(descriptor, b"x" * 1000)
    except BlockingIOError:
        pass
    os.set_blocking(descriptor, was_blocking)
