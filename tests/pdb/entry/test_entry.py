"""The api of the package, called as a program calls those of `pdb`."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

import stackscope_pdb


@pytest.fixture
def typed(monkeypatch, capsys):
    """Gives a function that sets what is typed, and one that gives what was printed."""
    import io

    from stackscope_pdb.entry import api

    for name in ("COLUMNS", "FORCE_COLOR", "PYTHON_COLORS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(api, "_last", threading.local())

    def type_(*lines):
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return lambda: capsys.readouterr().out

    return type_


def fail():
    inner = 5
    raise KeyError(inner)


def test_set_trace(typed):
    printed = typed("p x", "c")
    x = 12
    stackscope_pdb.set_trace(header="here we are", commands=["p x + 1"])
    assert x == 12
    out = printed()
    assert out.index("here we are") < out.index("13") < out.index("(stackscope_pdb) 12")


def test_set_trace_uses_one_debugger_and_the_present_stdout(typed):
    from stackscope_pdb.entry import api

    printed = typed("alias twice p 2 * %1", "c")
    stackscope_pdb.set_trace()
    first = api._last.debugger
    printed()
    printed = typed("twice 4", "c")
    stackscope_pdb.set_trace()
    assert api._last.debugger is first
    assert "(stackscope_pdb) 8" in printed()


def test_breakpoint(typed, monkeypatch):
    monkeypatch.setattr(sys, "breakpointhook", sys.__breakpointhook__)
    monkeypatch.setenv("PYTHONBREAKPOINT", "stackscope_pdb.set_trace")
    printed = typed("p 3 + 4", "c")
    breakpoint()  # noqa: T100
    assert "(stackscope_pdb) 7" in printed()


def test_post_mortem_of_an_exception_a_traceback_and_the_present_one(typed):
    try:
        fail()
    except KeyError as exc:
        for subject in [(exc,), (exc.__traceback__,), ()]:
            printed = typed("p inner", "up", "ctx", "down", "ctx", "where", "q")
            stackscope_pdb.post_mortem(*subject)
            out = printed()
            assert "-> raise KeyError(inner)" in out
            assert "(stackscope_pdb) 5" in out
            assert "No context manager is active in test_post_mortem" in out
            assert "fail has ended: no context manager is active in it any more." in out


def test_post_mortem_of_nothing():
    with pytest.raises(ValueError, match="valid traceback"):
        stackscope_pdb.post_mortem()
    with pytest.raises(ValueError, match="OSError has no traceback"):
        stackscope_pdb.post_mortem(OSError())


def test_pm(typed, monkeypatch):
    try:
        fail()
    except KeyError as exc:
        name = "last_exc" if sys.version_info >= (3, 12) else "last_value"
        monkeypatch.setattr(sys, name, exc, raising=False)
    printed = typed("p inner", "q")
    stackscope_pdb.pm()
    assert "(stackscope_pdb) 5" in printed()


def test_pm_of_nothing(monkeypatch):
    for name in ("last_exc", "last_value", "last_traceback"):
        monkeypatch.delattr(sys, name, raising=False)
    with pytest.raises(ValueError, match="No exception has ended up"):
        stackscope_pdb.pm()


def test_run(typed):
    printed = typed("s", "c")
    namespace = {"given": 20}
    stackscope_pdb.run("result = given + 1", namespace)
    assert namespace["result"] == 21
    assert "<string>(1)<module>()" in printed()
    typed("c")
    stackscope_pdb.runctx("other = given", namespace, namespace)
    assert namespace["other"] == 20


def test_runeval(typed):
    printed = typed("c")
    assert stackscope_pdb.runeval("6 * 7") == 42
    assert "(stackscope_pdb)" in printed()


def test_runcall(typed):
    printed = typed("a", "c")
    assert stackscope_pdb.runcall(divmod_, 7, right=2) == (3, 1)
    out = printed()
    assert "left = 7" in out
    assert "right = 2" in out


def divmod_(left, right):
    return divmod(left, right)


def test_constructor_takes_the_arguments_of_every_version():
    pdb = stackscope_pdb.Pdb(
        nosigint=True, readrc=False, mode="inline", backend="settrace", colorize=False, skip=["x*"]
    )
    assert pdb.skip == {"x*"}
    assert pdb.prompt == "(stackscope_pdb) "


def test_recursive_debugger(typed):
    printed = typed("debug divmod_(7, 2)", "where", "q", "p 1 + 1", "c")
    stackscope_pdb.set_trace()
    out = printed()
    assert "((stackscope_pdb)) " in out
    assert "frames" in out or "╠" in out
    assert "(stackscope_pdb) 2" in out


@pytest.mark.skipif(sys.version_info < (3, 14), reason="pdb has set_trace_async since 3.14")
def test_set_trace_async(typed):
    import asyncio

    async def main():
        x = asyncio.sleep and 1
        await stackscope_pdb.set_trace_async(header="async")
        return x

    printed = typed("x = await asyncio.sleep(0, 8)", "tasks", "p x", "c")
    assert asyncio.run(main()) == 8
    out = printed()
    assert "async\n" in out
    assert "asyncio loop in MainThread, stopped: 1 task" in out
    assert "(stackscope_pdb) 8" in out


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="it is there")
def test_set_trace_async_of_older_versions():
    with pytest.raises(AttributeError, match=r"needs Python 3\.14"):
        stackscope_pdb.set_trace_async


def test_import_loads_nothing_before_it_is_used():
    program = (
        "import sys, stackscope_pdb; "
        "print([n for n in ('pdb', 'asyncio', 'trio', 'pygments', 'prompt_toolkit', 'stackscope') "
        "if n in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True).stdout
    assert out.strip() == b"[]"


def test_a_stop_imports_neither_runtimes_nor_the_library():
    program = (
        "import sys, stackscope_pdb\n"
        "before = set(sys.modules)\n"
        "stackscope_pdb.set_trace(commands=['c'])\n"
        "x = 1\n"
        "print([n for n in ('trio', 'IPython', 'pygments', 'prompt_toolkit', 'stackscope.api')"
        " if n in sys.modules])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    assert run.stdout.splitlines()[-1] == b"[]"


def test_restart_after_an_edit(tmp_path):
    path = tmp_path / "edited.py"
    path.write_text("x = 1\ny = 2\n")
    edit = f"import pathlib; n = pathlib.Path({str(path)!r}).write_text('x = 5\\ny = 6\\n')"
    lines = ["n", edit, "import os; os.utime(__file__, (2, 2))", "restart", "n", "p x", "q"]
    out = subprocess.run(
        [sys.executable, "-m", "stackscope_pdb", str(path)],
        input="".join(f"{line}\n" for line in lines).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=True,
    ).stdout.decode()
    after = out.partition("Restarting")[2]
    assert "WARNING" not in after
    assert "5" in after.split()
