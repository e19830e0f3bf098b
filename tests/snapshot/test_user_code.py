"""Which frames are the user's."""

from __future__ import annotations

import asyncio

from stackscope.api import extract_all
from stackscope.snapshot.user_code import innermost_user_frame
from tests.snapshot.programs import main_with


def test_user_frames():
    def look():
        return [n for n in extract_all().tasks() if n.name == "child-0"][0].stack

    stack = asyncio.run(main_with(look, count=1))
    assert innermost_user_frame(stack).funcname == "waiting"
    assert "asyncio.locks" in [frame.modname for frame in stack.frames]
