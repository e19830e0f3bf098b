"""Looks at all tasks that take until somebody presses Ctrl-C, in IPython."""

from __future__ import annotations

import time


def wait_for_user():
    """Let each look tell how far it has come, and wait then; gives what takes that back."""
    from stackscope_ipython.patience import Patience
    from stackscope_pdb.program import patience

    before = patience.SECONDS_IN_SILENCE, Patience.tell

    def tell(self, line):
        before[1](self, line)
        while not self.is_enough:
            time.sleep(0.01)

    def undo():
        patience.SECONDS_IN_SILENCE, Patience.tell = before

    patience.SECONDS_IN_SILENCE, Patience.tell = -1, tell
    return undo
