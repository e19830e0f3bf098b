"""Which frames are the user's."""

from __future__ import annotations

import asyncio
import sys

from stackscope.api import extract_all
from stackscope.snapshot.user_code import innermost_user_frame, is_runtime_frame
from tests.snapshot.programs import main_with


def test_user_frames():
    def look():
        return [n for n in extract_all().tasks() if n.name == "child-0"][0].stack

    stack = asyncio.run(main_with(look, count=1))
    assert innermost_user_frame(stack).funcname == "waiting"
    assert not is_runtime_frame(sys._getframe())
    waiting = [frame for frame in stack.frames if frame.modname == "asyncio.locks"]
    assert waiting
    assert all(is_runtime_frame(frame.pyframe) for frame in waiting)
