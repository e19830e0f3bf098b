"""What stands at the right of the prompt, if it is wanted: where one is, who else is stopped."""

from __future__ import annotations

import os
import threading

from stackscope.render.words import count
from stackscope.safe.text import safe_text
from stackscope_pdb.program import turns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stackscope_pdb.stop.host import Host

GAP = "   "


def text(debugger: Host) -> str:
    """That, as of now."""
    frame = debugger.current_frame
    code = frame.f_code
    place = f"{os.path.basename(code.co_filename)}:{frame.f_lineno} {code.co_name}"
    parts = [place]
    focus = debugger.session.focus
    if focus is not None:
        parts.append(f"{focus.noun} {focus.name}")
    parts.append(count(threading.active_count(), "thread"))
    waiting = len(turns.waiting())
    if waiting:
        parts.append(f"{waiting} more stopped")
    return safe_text(GAP.join(parts))
