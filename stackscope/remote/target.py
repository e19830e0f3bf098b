"""In the process that is asked: what answers there.

It runs under the name that `stackscope.remote.bringing` has given our package there. What the
program has taught a package of ours that it uses itself isn't known here.
"""

from __future__ import annotations

from stackscope.answering.serving import serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["finder", "serve"]

finder: Any = None
"""What finds our modules here, for the next one who asks. It is set from outside."""
