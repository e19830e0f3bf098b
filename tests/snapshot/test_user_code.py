"""Which frames are the user's."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from stackscope.api import extract_all
from stackscope.snapshot.user_code import (
    innermost_user_frame,
    is_machinery,
    is_runtime_frame,
    library_of,
    library_of_file,
    rank_of_file,
)
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


def frame_in(path, name):
    """A frame of a module with that name, whose code is in that file."""
    namespace = {"__name__": name}
    exec(compile("import sys\nframe = sys._getframe()", str(path), "exec"), namespace)
    return namespace["frame"]


def test_libraries(tmp_path):
    standard = os.path.dirname(os.__file__)
    installed = tmp_path / "venv" / "site-packages"
    assert library_of_file(str(tmp_path / "app.py")) == ""
    assert library_of_file(str(installed / "acme" / "inner" / "core.py")) == "acme"
    assert library_of_file(str(installed / "six.py")) == "six"
    assert library_of_file(os.path.join(str(installed / "acme"), "")) == "acme"
    assert library_of_file(os.path.join(str(installed), "")) == ""
    assert library_of_file(os.path.join(standard, "json", "decoder.py")) == "json"
    assert library_of_file("<frozen importlib._bootstrap>") == "importlib"
    assert library_of_file("<ipython-input-1-0123>") == ""
    # generated code
    assert library_of(frame_in("<string>", "json.decoder")) == "json"
    assert library_of(frame_in("<string>", "namedtuple_Point")) == "collections"
    assert library_of(frame_in("<string>", __name__)) == ""
    assert library_of(frame_in("<string>", "__main__")) == ""


def test_commands_that_were_installed_with_a_library():
    folder = os.path.dirname(sys.executable)
    assert library_of_file(os.path.join(folder, "pytest")) == "pytest"
    assert library_of_file(os.path.join(folder, "pytest.exe", "__main__.py")) == "pytest"
    assert library_of_file(os.path.join(folder, "app.py")) == ""
    assert library_of_file(os.path.join(folder, "more", "pytest")) == ""


def test_a_command_that_was_called_by_a_relative_path(tmp_path, monkeypatch):
    script = os.path.join(os.path.dirname(sys.executable), "some-command")
    monkeypatch.chdir(os.path.dirname(os.path.dirname(sys.executable)))
    library_of_file.cache_clear()
    rank_of_file.cache_clear()
    assert library_of_file(os.path.relpath(script)) == "some-command"
    assert library_of_file(os.path.join("..", "..", "some-command")) == ""


@pytest.mark.skipif(sys.platform == "win32", reason="the current folder can't be removed there")
def test_a_relative_path_when_the_current_folder_is_gone(tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert library_of_file("in-a-folder-that-is-gone.py") == ""


def test_what_the_user_calls_like_a_module_of_machinery_is_none(tmp_path):
    import cmd

    extract_all()  # glue is installed
    assert is_machinery(frame_in(cmd.__file__, "cmd"))
    assert not is_machinery(frame_in(tmp_path / "cmd.py", "cmd"))
    assert not is_machinery(frame_in(tmp_path / "tornado" / "app.py", "__main__"))
