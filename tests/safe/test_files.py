from __future__ import annotations

import importlib.machinery
import linecache
import os
import threading

import pytest

import stackscope
from stackscope.safe.files import known_lines, lines_of_file
from stackscope.safe.text import without_reprs


def test_lines_of_a_file_and_of_a_changed_one(tmp_path):
    path = tmp_path / "module.py"
    path.write_bytes("# coding: latin-1\nx = 'ä'".encode("latin-1"))
    expected = ["# coding: latin-1\n", "x = 'ä'\n"]
    assert lines_of_file(str(path)) == expected
    assert linecache.getlines(str(path)) == expected
    assert lines_of_file(str(path)) is lines_of_file(str(path))
    path.write_bytes(b"new\n")
    assert lines_of_file(str(path)) == ["new\n"]
    path.unlink()
    assert lines_of_file(str(path)) is None
    assert linecache.getlines(str(path)) == []


@pytest.mark.parametrize("content", [b"\xff\xfe", b"# coding: nonsense\n", b"\x00"])
def test_what_is_no_source(content, tmp_path):
    path = tmp_path / "module.py"
    path.write_bytes(content)
    assert lines_of_file(str(path)) in (None, ["\x00\n"])


@pytest.mark.parametrize("name", ["", "<string>", "a\x00b", "\ud800", "nowhere.py"])
def test_what_is_no_file(name):
    assert lines_of_file(name) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_nobody_waits_for_a_pipe(tmp_path):
    path = str(tmp_path / "pipe.py")
    os.mkfifo(path)
    namespace = {}
    exec(compile("def f():\n    yield\n", path, "exec"), namespace)
    generator = namespace["f"]()
    next(generator)
    drawn = []
    thread = threading.Thread(target=lambda: drawn.append(str(stackscope.extract(generator))))
    thread.daemon = True
    thread.start()
    thread.join(30)
    assert "pipe.py" in drawn[0]


def test_without_reprs_no_loader_is_asked():
    asked = []

    class Loader:
        def get_source(self, name):
            asked.append(name)
            return "def f():\n    yield 'loaded'\n"

    filename = "/nowhere/loaded_on_demand.py"
    loader = Loader()
    spec = importlib.machinery.ModuleSpec("loaded", loader)
    namespace = {"__name__": "loaded", "__loader__": loader, "__spec__": spec}
    exec(compile("def f():\n    yield\n", filename, "exec"), namespace)
    generator = namespace["f"]()
    next(generator)
    stack = stackscope.extract(generator)
    assert "loaded" not in "".join(without_reprs(stack.format)).partition(filename)[2]
    assert asked == []
    assert "yield 'loaded'" in str(stack)
    assert asked == ["loaded"]
    assert "yield 'loaded'" in "".join(without_reprs(stack.format))
    assert known_lines(filename)
