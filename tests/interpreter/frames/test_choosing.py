"""Whether frames are read from memory, and what happens where that can't be."""

from __future__ import annotations

import importlib.machinery
import sys
import warnings

import pytest

import stackscope
from stackscope.interpreter.frames import choosing, selftest
from stackscope.interpreter.frames.base import Reader
from stackscope.lowlevel import contexts_active_in_frame, set_trickery_enabled
from stackscope.safe.text import without_reprs
from tests.helpers.managers import Manager

CPYTHON = sys.implementation.name == "cpython"
cpython_only = pytest.mark.skipif(not CPYTHON, reason="only CPython's frames are read from memory")


class AsyncManager:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        return None


def _generator(*managers):
    first, second = managers
    with first as named, second:
        yield


def _suspended(*managers):
    generator = _generator(*managers)
    next(generator)
    return generator


@cpython_only
def test_enabled():
    set_trickery_enabled(True)
    assert choosing.reader() is not None
    manager = Manager()
    with manager:
        [context] = contexts_active_in_frame(sys._getframe())
    assert (context.obj, context.varname) == (manager, "manager")


@cpython_only
def test_decided_by_a_self_test():
    set_trickery_enabled(False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        set_trickery_enabled(None)
    assert choosing.reader() is not None


@pytest.mark.skipif(CPYTHON, reason="says what other interpreters do")
def test_elsewhere_there_is_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        set_trickery_enabled(None)


@cpython_only
def test_disabled_running():
    """Public interfaces show nothing of running frames on CPython."""
    set_trickery_enabled(False)
    assert choosing.reader() is None
    with Manager():
        assert contexts_active_in_frame(sys._getframe()) == []


@cpython_only
def test_disabled_suspended():
    set_trickery_enabled(False)
    managers = Manager(), Manager()
    generator = _suspended(*managers)
    found = contexts_active_in_frame(generator.gi_frame, generator)
    assert [context.obj for context in found] == list(managers)
    assert [(c.is_async, c.varname, c.start_line, c.is_exiting) for c in found] == [
        (False, None, None, False)
    ] * 2


@cpython_only
def test_disabled_suspended_in_an_async_block():
    class Awaitable:
        def __await__(self):
            yield

    async def program():
        async with first as named:
            with second:
                await Awaitable()

    set_trickery_enabled(False)
    first, second = AsyncManager(), Manager()
    coroutine = program()
    coroutine.send(None)
    found = contexts_active_in_frame(coroutine.cr_frame, coroutine)
    assert [(c.obj, c.is_async) for c in found] == [(first, True), (second, False)]
    coroutine.close()


@cpython_only
def test_disabled_a_variable_is_no_block():
    """A bound exit method in a variable looks like one on the stack; the code tells the number."""

    def program():
        exit_method = other.__exit__
        with manager:
            yield
            assert exit_method

    set_trickery_enabled(False)
    manager, other = Manager(), Manager()
    generator = program()
    next(generator)
    [context] = contexts_active_in_frame(generator.gi_frame, generator)
    assert context.obj is manager


@cpython_only
def test_disabled_extract():
    set_trickery_enabled(False)
    managers = Manager(), Manager()
    stack = stackscope.extract(_suspended(*managers))
    assert stack.error is None
    assert [context.obj for context in stack.frames[0].contexts] == list(managers)


@cpython_only
def test_disabled_no_memory_is_read(monkeypatch):
    import ctypes

    from stackscope.interpreter.frames import memory

    def refuse(*args):
        raise AssertionError("memory was read")

    set_trickery_enabled(False)
    for name in ("words_at", "objects_at", "bytes_at"):
        monkeypatch.setattr(memory, name, refuse)
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith(
                "stackscope.interpreter.frames."
            ) and hasattr(module, name):
                monkeypatch.setattr(module, name, refuse)
    assert ctypes
    generator = _suspended(Manager(), Manager())
    stack = stackscope.extract(generator)
    str(stack)
    str(stackscope.extract_since(None))
    assert len(stack.frames[0].contexts) == 2
    assert stack.error is None


class _NoReader(Reader):
    """As on an interpreter whose frames look otherwise."""

    def __init__(self, found):
        self.found = found

    def moment(self, frame, code):
        return self.found

    def proves(self, frame):
        return False


@cpython_only
@pytest.mark.parametrize("found", [None, _NoReader(None)], ids=["unknown", "fails the self-test"])
def test_an_interpreter_nobody_has_seen(monkeypatch, found):
    """One warning, and then what public interfaces tell."""
    monkeypatch.setattr(choosing, "make_reader", lambda: found)
    monkeypatch.setattr(choosing, "_decided", False)
    managers = Manager(), Manager()
    generator = _suspended(*managers)
    with pytest.warns(stackscope.InspectionWarning) as caught:
        first = stackscope.extract(generator)
        second = stackscope.extract(generator)
    assert len(caught) == 1
    for stack in (first, second):
        assert stack.error is None
        assert [context.obj for context in stack.frames[0].contexts] == list(managers)
        assert [context.varname for context in stack.frames[0].contexts] == [None, None]


@cpython_only
def test_the_warning_as_an_error(monkeypatch):
    """A program that turns warnings into errors gets one, and its stacks."""
    monkeypatch.setattr(choosing, "make_reader", lambda: None)
    monkeypatch.setattr(choosing, "_decided", False)
    generator = _suspended(Manager(), Manager())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stack = stackscope.extract(generator)
        again = stackscope.extract(generator)
    assert isinstance(stack.error, stackscope.InspectionWarning)
    assert len(stack.frames) == 1
    assert again.error is None
    assert len(again.frames[0].contexts) == 2


@cpython_only
def test_an_interpreter_nobody_has_seen_can_not_be_read(monkeypatch):
    monkeypatch.setattr(choosing, "make_reader", lambda: None)
    with pytest.raises(RuntimeError, match="don't know how to read frames"):
        set_trickery_enabled(True)


@cpython_only
@pytest.mark.skipif(sys.version_info < (3, 11), reason="3.8 to 3.10 have one layout each")
def test_a_version_nobody_has_seen(monkeypatch):
    from stackscope.interpreter.frames import interpreterframe

    class Version(tuple):  # noqa: SLOT001
        major, minor = 3, 99

    monkeypatch.setattr(interpreterframe.sys, "version_info", Version((3, 99, 0, "final", 0)))
    assert choosing.make_reader() is None


@cpython_only
@pytest.mark.skipif(sys.version_info < (3, 13), reason="the layout is published from 3.13 on")
@pytest.mark.parametrize("start", [0, 3, 20, 27, 29, 30, 32, 38, 40, 50])
def test_a_wrong_place_of_the_published_layout(start):
    """Offsets that can't be true are refused, or fail the self-test: nothing crashes."""
    from stackscope.interpreter.frames import interpreterframe

    right = interpreterframe._OFFSET_TABLE[sys.version_info[:2]]
    if start == right:
        pytest.skip("is the right one")
    layout = interpreterframe._published_layout(start)
    if layout is not None:
        reader = interpreterframe.InterpreterFrameReader(layout)
        assert not reader.proves(sys._getframe())


@cpython_only
def test_the_self_test_passes_everywhere():
    reader = choosing.make_reader()
    assert selftest.passes(reader)

    def deeper(n):
        return selftest.passes(reader) if n == 0 else deeper(n - 1)

    assert deeper(50)


@cpython_only
def test_the_self_test_fails_for_wrong_answers():
    class Wrong(type(choosing.make_reader())):
        def moment(self, frame, code):
            found = super().moment(frame, code)
            if found is not None:
                found.localsplus += 8
            return found

    right = choosing.make_reader()
    args = (right.layout,) if hasattr(right, "layout") else ()
    assert not selftest.passes(Wrong(*args))


@cpython_only
def test_the_self_test_leaves_nothing():
    import gc

    reader = choosing.make_reader()
    selftest.passes(reader)
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(10):
        assert selftest.passes(reader)
    gc.collect()
    assert len(gc.get_objects()) - before < 10


def test_the_argument_none_decides_at_once():
    choosing._decided = False
    set_trickery_enabled(None)
    assert choosing._decided


@cpython_only
def test_where_ctypes_can_not_be_imported(monkeypatch):
    """As in isolated subinterpreters of 3.12."""
    monkeypatch.setitem(sys.modules, "ctypes", None)
    with pytest.warns(stackscope.InspectionWarning, match="can't import ctypes here"):
        set_trickery_enabled(None)
    assert choosing.reader() is None
    with pytest.raises(RuntimeError, match="don't know how to read frames"):
        set_trickery_enabled(True)


@cpython_only
def test_where_ctypes_is_just_being_imported(monkeypatch):
    """Then there is no telling yet."""
    module = type(sys)("_struct")
    module.__spec__ = importlib.machinery.ModuleSpec("_struct", None)
    module.__spec__._initializing = True
    monkeypatch.setitem(sys.modules, "_struct", module)
    monkeypatch.setitem(sys.modules, "ctypes", None)
    monkeypatch.setattr(choosing, "_decided", False)
    with pytest.raises(ImportError):
        choosing.reader()
    assert not choosing._decided


@cpython_only
@pytest.mark.parametrize("error", [ValueError, ZeroDivisionError])
def test_a_self_test_that_fails(monkeypatch, error):
    def fail(reader):
        raise error

    monkeypatch.setattr(selftest, "passes", fail)
    with pytest.warns(stackscope.InspectionWarning, match="in a way that is not known here"):
        set_trickery_enabled(None)
    assert choosing.reader() is None


@cpython_only
@pytest.mark.parametrize("error", [KeyboardInterrupt, RecursionError, MemoryError])
def test_a_self_test_that_is_not_finished_says_nothing(monkeypatch, error):
    def fail(reader):
        raise error

    set_trickery_enabled(True)
    before = choosing.reader()
    monkeypatch.setattr(selftest, "passes", fail)
    with pytest.raises(error):
        set_trickery_enabled(None)
    assert choosing.reader() is before


@cpython_only
def test_nobody_is_warned_where_nothing_of_the_program_may_run(monkeypatch):
    """A filter of warnings may be the program's own."""
    monkeypatch.setattr(choosing, "make_reader", lambda: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        without_reprs(set_trickery_enabled, None)
    assert choosing.reader() is None
