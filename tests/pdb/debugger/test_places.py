"""Stops in odd places: what is odd there must not matter to the commands."""

from __future__ import annotations

import functools
import subprocess
import sys
import textwrap
import threading

import pytest

from tests.helpers.repository import ROOT

LOOK = ["where", "ctx", "p number", "up", "p 6 * 7", "down", "ll", "threads", "tasks", "n"]


def check(session, function):
    replies = session.replies
    assert f"{function} " in replies[0]
    assert replies[2] == "12"
    assert "42" in replies[4]
    assert "failed, which is a bug" not in session.output
    assert "Traceback" not in session.output
    return replies


def test_between_frames_of_c_code(scripted):
    session = scripted(*LOOK, "c")

    def key(number):
        if number == 12:
            session.stop()
        return -number

    assert functools.reduce(max, map(key, sorted([12, 3], key=str))) == -3
    where = check(session, "key")[0]
    assert "test_between_frames_of_c_code" in where

    class Sorted:
        def __lt__(self, other):
            number = 12
            session.stop()
            return True

    session = scripted(*LOOK, "c")
    sorted([Sorted(), Sorted()])
    check(session, "Sorted.__lt__" if sys.version_info >= (3, 11) else "__lt__")


def test_in_exit_methods(scripted):
    session = scripted(*LOOK, "c")

    class Manager:
        def __enter__(self):
            return self

        def __exit__(self, *exc_info):
            number = 12
            session.stop()
            return True

    with Manager() as manager:
        raise ValueError
    replies = check(session, "__exit__")
    assert "test_in_exit_methods" in replies[0]


@pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="elsewhere nobody knows when an object is freed"
)
def test_what_is_called_when_an_object_is_freed_is_no_stop(scripted):
    import weakref

    class Thing:
        def __del__(self):
            freed.append(self.number)

    freed = []
    known = weakref.WeakSet()
    thing = Thing()
    thing.number = 12
    known.add(thing)
    things = [thing]
    del thing
    session = scripted("p freed", "step", "p freed", "c")
    [session.stop(), things.pop()][0]
    freed.append(13)
    assert "--Call--" not in session.output.splitlines()
    assert session.replies[0] == "[]"  # it stops at once, before the line goes on
    assert session.replies[2].startswith("[12")


def test_in_generators(scripted):
    session = scripted(*LOOK, "c")

    def values(number):
        yield session.stop()

    assert list(values(12)) == [None]
    check(session, "values")


def test_in_a_thread(scripted):
    session = scripted(*LOOK, "c")

    def work(number):
        session.stop()

    thread = threading.Thread(target=work, args=[12], name="a-worker")
    thread.start()
    thread.join()
    replies = check(session, "work")
    assert "MainThread" in replies[7]
    assert "a-worker" in replies[7]


def test_code_without_source(scripted):
    session = scripted(*LOOK[:-1], "l", "number = 13", "p number", "n", "c")
    source = "def made(number):\n    stop()\n    return number\nresult = made(12)\n"
    namespace = {"stop": session.stop}
    exec(compile(source, "<made up>", "exec"), namespace)
    check(session, "made")
    assert "made in ? at <made up>" in session.replies[0] or "<made up>:" in session.replies[0]
    assert namespace["result"] == 13


def start(*arguments, stdin, tmp_path, monkeypatch):
    for name in ("COLUMNS", "FORCE_COLOR", "PYTHON_COLORS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONBREAKPOINT", "stackscope_pdb.set_trace")
    run = subprocess.run(
        [sys.executable, *arguments],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        cwd=str(tmp_path),
        timeout=60,
        check=False,
    )
    return run.stdout, run.returncode


DOCTEST = '''
def double(number):
    """
    >>> print("swallowed")
    swallowed
    >>> double(21)
    42
    """
    breakpoint()
    return number * 2
'''


def test_doctest(tmp_path, monkeypatch):
    (tmp_path / "tested.py").write_text(DOCTEST)
    lines = "where\nctx\np number + 1\nprint('by hand')\nnumber = 21\nc\n"
    out, code = start(
        "-m", "doctest", "tested.py", stdin=lines, tmp_path=tmp_path, monkeypatch=monkeypatch
    )
    assert code == 0, out
    assert "(stackscope_pdb) " in out
    assert "double in tested at tested.py:" in out
    assert "doctest" in out.partition("folded")[0].rpartition("\n")[2]
    assert "22\n" in out
    assert "by hand\n" in out
    assert "swallowed" not in out


TRACED = textwrap.dedent(
    """
    import sys

    def tracer(frame, event, arg):
        return tracer

    sys.settrace(tracer)
    x = 12
    breakpoint()
    y = 13
    print("end")
    """
)


def test_another_trace_function(tmp_path, monkeypatch):
    (tmp_path / "app.py").write_text(TRACED)
    out, code = start("app.py", stdin="p x\nc\n", tmp_path=tmp_path, monkeypatch=monkeypatch)
    assert code == 0, out
    assert "(stackscope_pdb) 12\n" in out
    assert out.endswith("end\n")
    assert "sys.settrace was in use, by __main__.tracer. The debugger takes its place" in out
