"""What is remembered of code objects, and for how long."""

from __future__ import annotations

import gc
import sys
import threading
import weakref

import pytest

from stackscope.interpreter.bytecode import analyze
from stackscope.interpreter.bytecode import analyze as analyze_function
from stackscope.interpreter.bytecode.blocks import NO_BLOCKS
from stackscope.interpreter.facts import FREE_THREADED

from .programs import functions_in

known = sys.modules["stackscope.interpreter.bytecode.analyze"]._known


def _code(source: str = "def f(cm):\n  with cm as a:\n    pass\n"):
    return functions_in(compile(source, "", "exec"))[1]


def _collect():
    """Have code objects freed where that takes the collector (no GIL: PEP 703)."""
    if sys.implementation.name != "cpython" or FREE_THREADED:
        gc.collect()
        gc.collect()


@pytest.fixture
def _no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
def test_the_code_object_goes_at_once():
    code = _code()
    analyze(code)
    reference = weakref.ref(code)
    assert id(code) in known
    key = id(code)
    del code
    _collect()
    assert reference() is None
    assert key not in known


@pytest.mark.usefixtures("_no_collector")
def test_an_analysis_does_not_keep_the_code_alive():
    code = _code()
    analysis = analyze(code)
    reference = weakref.ref(code)
    del code
    _collect()
    assert reference() is None
    assert [block.varname for block in analysis.blocks] == ["a"]


def test_many_code_objects_leave_nothing_behind():
    _collect()
    before = len(known)
    for _ in range(200):
        assert analyze(_code()).blocks
    _collect()
    assert len(known) <= before


def test_an_id_that_is_used_again():
    """An entry for an id is believed only as long as it is the same object's."""
    code = _code()
    other = _code("def f(cm):\n  with cm as other:\n    pass\n")
    expected = analyze(code)
    known[id(other)] = known[id(code)]
    assert analyze(other) is not expected
    assert [block.varname for block in analyze(other).blocks] == ["other"]


def test_constants_are_not_kept():
    class Constant(tuple):  # noqa: SLOT001
        pass

    if sys.implementation.name != "cpython":
        pytest.skip("code objects of PyPy can't be made with such constants")
    constant = Constant()
    code = _code("def f(cm):\n  with cm as a[1]:\n    pass\n")
    code = code.replace(co_consts=(*code.co_consts, constant))
    analyze(code)
    before = sys.getrefcount(constant)
    code2 = code.replace(co_name="g")
    analysis = analyze(code2)
    assert any(analysis.at(offset) for offset in range(0, len(code2.co_code), 2))
    del code2
    assert sys.getrefcount(constant) == before


def test_code_without_blocks_shares_one_answer():
    assert analyze(compile("x = 1", "", "exec")) is NO_BLOCKS


def test_threads_get_the_same_sites():
    """A site is one object, even if several threads find it out at the same time."""
    lines = "".join(f"  with cm as a{i}: cm({i})\n" for i in range(30))
    analysis = analyze(_code(f"def f(cm):\n{lines}"))
    answers = []
    barrier = threading.Barrier(4)

    def ask():
        barrier.wait()
        answers.append([analysis.at(offset) for offset in range(0, 2000, 2)])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert len(answers) == 4
    for found in zip(*answers):
        assert len(set(map(id, found))) == 1


def test_threads_get_the_same_answer():
    code = _code("def f(cm):\n" + "".join(f"  with cm as a{i}: pass\n" for i in range(50)))
    answers = []
    barrier = threading.Barrier(4)

    def ask():
        barrier.wait()
        answers.append([block.varname for block in analyze_function(code).blocks])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[f"a{i}" for i in range(50)]] * 4
