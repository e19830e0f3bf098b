"""Writing past all buffers."""

from __future__ import annotations

import os

from stackscope.render.stream import FileBeyondBuffers


def test_what_comes_after_the_end_reaches_nobody(tmp_path):
    """Its descriptor's number may be that of another file by then."""
    mine = os.open(str(tmp_path / "mine"), os.O_CREAT | os.O_WRONLY)
    file = FileBeyondBuffers(mine, "file")
    file.write(["in time\n"])
    file.close()
    other = os.open(str(tmp_path / "other"), os.O_CREAT | os.O_WRONLY)
    try:
        assert other == mine
        file.write(["too late\n"])
    finally:
        os.close(other)
    assert (tmp_path / "mine").read_text() == "in time\n"
    assert (tmp_path / "other").read_text() == ""
