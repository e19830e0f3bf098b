"""Late imports, and what interrupts them."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import types

import pytest

from stackscope.safe import loading


def test_a_module_that_is_there():
    assert loading.load("stackscope.safe.text") is sys.modules["stackscope.safe.text"]


def test_a_module_that_is_not():
    with pytest.raises(ImportError):
        loading.load("stackscope.nothing")


def test_who_has_interrupted_it_loads_nothing():
    def inside():
        assert loading.is_loading()
        with pytest.raises(loading.TooEarly, match="ask again later"):
            loading.loading(int)
        return "done"

    assert not loading.is_loading()
    assert loading.loading(inside) == "done"
    assert not loading.is_loading()


def test_a_mark_that_was_left_behind():
    """As when an exception comes before it is taken away."""
    from _thread import get_ident

    loading._loading[get_ident()] = None
    assert not loading.is_loading()
    assert loading.loading(int) == 0
    assert loading._loading == {}


def test_a_module_that_is_being_imported(monkeypatch):
    module = types.ModuleType("stackscope.half")
    module.__spec__ = importlib.machinery.ModuleSpec("stackscope.half", None)
    module.__spec__._initializing = True
    assert loading.is_being_imported(module)
    assert not loading.is_being_imported(None)
    assert not loading.is_being_imported("no module")
    monkeypatch.setitem(sys.modules, "stackscope.half", module)
    with pytest.raises(loading.TooEarly):
        loading.load("stackscope.half")


def test_is_called_by():
    def inner():
        return loading.is_called_by(outer.__code__), loading.is_called_by(other.__code__)

    def outer():
        return inner()

    def other():
        pass

    assert outer() == (True, False)


@pytest.fixture
def half(monkeypatch):
    """A module that counts as being imported, by nobody."""
    module = types.ModuleType("stackscope.half")
    module.__spec__ = importlib.machinery.ModuleSpec("stackscope.half", None)
    module.__spec__._initializing = True
    monkeypatch.setitem(sys.modules, "stackscope.half", module)
    return module


def fail():
    raise KeyboardInterrupt


def test_an_import_that_was_interrupted_before_its_code_ran(half):
    with pytest.raises(KeyboardInterrupt):
        loading.loading(fail)
    assert "stackscope.half" not in sys.modules


def test_an_import_that_was_interrupted_after_its_code_had_run(half):
    half.value = 3
    with pytest.raises(KeyboardInterrupt):
        loading.loading(fail)
    assert loading.load("stackscope.half") is half


def test_an_import_that_goes_on(half, tmp_path, monkeypatch):
    path = tmp_path / "half.py"
    path.write_text(
        "import sys\nfrom stackscope.safe import loading\nvars().pop('__builtins__')\n"
        "try:\n    loading.loading(int, 'x')\nexcept ValueError:\n    pass\n"
        "is_there = sys.modules.get(__name__) is not None\n"
    )
    del sys.modules["stackscope.half"]
    spec = importlib.util.spec_from_file_location("stackscope.half", str(path))
    monkeypatch.setitem(sys.modules, "stackscope.half", None)
    del sys.modules["stackscope.half"]
    module = importlib._bootstrap._load(spec)
    assert module.is_there
