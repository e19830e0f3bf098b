"""Breakpoints in functions that aren't there yet, and conditions that fail."""

from __future__ import annotations

import os
import sys

import pytest

PROGRAM = '''\
import asyncio

def decorated(function):
    import functools
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper

async def main():
    """The documentation."""
    await asyncio.sleep(0)
    from pack_b.sub import work
    for number in range(4):
        work.calc(number)
    work.Thing().method()
    return wrapped(number)

@decorated
def wrapped(x):
    y = x
    return y

print(asyncio.run(main()))
'''
WORK = '''\
def calc(n):
    """Doc."""
    if n > 1:
        n += 1
    return n


class Thing:
    def method(self):
        def inner():
            return calc(5)
        return inner()

    @property
    def prop(self):
        return 1
'''


@pytest.fixture
def program(tmp_path, monkeypatch, fresh_settings):
    """Runs a program in `tmp_path` with scripted commands; gives the session."""
    package = tmp_path / "pack_b" / "sub"
    package.mkdir(parents=True)
    (tmp_path / "pack_b" / "__init__.py").write_text("from .sub.work import calc as again\n")
    (package / "__init__.py").write_text("")
    (package / "work.py").write_text(WORK)
    (tmp_path / "app_b.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(session):
        code = compile(PROGRAM, str(tmp_path / "app_b.py"), "exec")
        tracer = sys.gettrace()
        try:
            session.pdb.run(code, {"__name__": "app_b"})
        finally:
            sys.settrace(tracer)
        return session

    yield run
    for name in [name for name in sys.modules if name.partition(".")[0] == "pack_b"]:
        del sys.modules[name]


WORK_FILE = os.path.join("pack_b", "sub", "work.py")


def test_functions_that_are_not_there_yet(program, scripted, capsys):
    session = scripted(
        "b main",
        "b pack_b.sub.work.calc, n == 2",
        "b pack_b.sub.work.Thing.method",
        "b pack_b.again",
        f"b {WORK_FILE}:Thing.prop",
        f"b {WORK_FILE}:5, number",
        "tbreak pack_b/sub/work:inner" if os.sep == "/" else "p 0",
        "b pack_b.sub.work.nothing",
        "b 14, x ==",
        "clear pack_b.again",
        "p [name for name in __import__('sys').modules if 'pack_b' in name]",
        *["c"] * 2,
        "b wrapped",
        "c",
        "c",
    )
    program(session)
    replies = session.replies
    assert replies[0].endswith("app_b.py:12")
    assert replies[1].endswith("work.py:3")
    assert replies[2].endswith("work.py:10")
    assert replies[3].endswith("work.py:3")
    assert replies[4].endswith("work.py:16")
    assert "not a function" in replies[7]
    assert "Invalid condition" in replies[8]
    assert replies[9].count("Deleted") == 2
    assert replies[10] == "[]"  # nothing was imported
    assert "app_b.py(12)main()" in replies[11]
    assert "The condition of breakpoint 6 failed: NameError" in replies[12]
    assert "work.py(5)calc()" in replies[12]
    assert replies[13].endswith("app_b.py:21")


def test_counts_and_commands(program, scripted, capsys):
    session = scripted(
        "b pack_b.sub.work.calc",
        "ignore 1 2",
        "condition 1 n < 9",
        "commands 1",
        "p ('here', n)",
        "end",
        "c",
        "until",
        "clear 1",
        "tbreak wrapped",
        "c",
        "b",
        "c",
    )
    program(session)
    assert "('here', 2)" in session.output
    assert "('here', 1)" not in session.output
    assert "app_b.py(21)wrapped()" in session.output
    assert session.replies[-2] in ("", "Num Type         Disp Enb   Where")


def test_what_completion_offers_is_taken(program, scripted, capsys):
    found = {}
    session = scripted("c")
    standard = session.pdb.interaction

    def interaction(frame, tb):
        session.pdb.interaction = standard
        session.pdb.setup(frame, tb)
        for argument in ("ma", "pack_b.su", "pack_b.sub.work.", "app_b.py:", "pack_b.sub.work.c"):
            line = f"b {argument}"
            begin = max(line.rfind(" "), line.rfind(":")) + 1
            found[argument] = session.pdb.complete_break(line[begin:], line, begin, len(line))
        for argument in ("pack_b.sub.work.", "app_b.py:"):
            prefix = argument if argument.endswith(":") else ""
            for one in found[argument]:
                session.pdb.onecmd(f"b {prefix}{one}")
        standard(frame, tb)

    session.pdb.interaction = interaction
    program(session)
    assert found["ma"] == ["main"]
    assert found["pack_b.su"] == ["pack_b.sub."]
    assert "pack_b.sub.work.Thing.method" in found["pack_b.sub.work."]
    assert found["pack_b.sub.work.c"] == ["pack_b.sub.work.calc"]
    assert "main" in found["app_b.py:"]
    assert "***" not in session.output
    assert session.output.count("Breakpoint ") == len(found["pack_b.sub.work."]) + len(
        found["app_b.py:"]
    )
