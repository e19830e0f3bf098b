"""Which frames are the user's."""

from __future__ import annotations

import asyncio
import sys

from stackscope.api import extract_all
from stackscope.snapshot.user_code import innermost_user_frame, is_user_frame
from tests.snapshot.programs import main_with


def test_user_frames():
    def look():
        return [n for n in extract_all().tasks() if n.name == "child-0"][0].stack

    stack = asyncio.run(main_with(look, count=1))
    assert innermost_user_frame(stack).funcname == "waiting"
    assert is_user_frame(sys._getframe())
    assert not any(is_user_frame(f.pyframe) for f in stack.frames if f.modname == "asyncio.locks")
