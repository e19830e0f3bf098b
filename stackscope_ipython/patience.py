"""A look of the magic at all tasks, which the user need not wait for to its end.

Where it takes longer than a second, how far it has come stands where the result will stand, and
Ctrl-C, or the front end's button, shows what was found until then.
"""

from __future__ import annotations

from stackscope.safe.interruptions import attempt
from stackscope_pdb.program.patience import LongLook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stackscope_ipython.display import Display


class Patience(LongLook):
    """One look.

    Args:
        display: Where the result will be shown.
    """

    def __init__(self, display: Display) -> None:
        super().__init__()
        self._display = display

    def tell(self, line: str) -> None:
        attempt(None, self._display.show_progress, line)

    def wipe(self) -> None:
        attempt(None, self._display.wipe_progress)
