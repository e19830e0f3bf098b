"""``jump`` goes where it can, and never ends the program."""

from __future__ import annotations

import pytest

from stackscope_pdb.facts import JUMPS_BY_STACK

PROGRAM = """\
import contextlib

def generator():
    yield 1
    return 2

def function(log):
    log.append("begin")
    for item in generator():
        log.append(item)
    with contextlib.suppress(KeyError):
        log.append("with")
        raise KeyError(1)
    for item in "ab":
        log.append(item)
    try:
        raise ValueError
    except ValueError:
        log.append("except")
    finally:
        log.append("finally")
    all(item for item in [1])
    log.append("end")
"""
ALL = ["begin", 1, "with", "a", "b", "except", "finally", "end"]


@pytest.fixture
def run(scripted, tmp_path):
    """Runs the function with commands; gives what it has logged, and the replies."""
    path = tmp_path / "jumping.py"
    path.write_text(PROGRAM)
    variables = {"__name__": "jumping"}
    exec(compile(PROGRAM, str(path), "exec"), variables)

    def run(*commands):
        session = scripted(*commands, "c")
        log = []
        session.pdb.runcall(variables["function"], log)
        return log, session.replies

    return run


def test_it_goes_where_it_can(run):
    log, _ = run("j 11")
    assert log == ALL[2:]
    log, _ = run("until 15", "n", "n", "j 14")
    assert log == [*ALL[:4], *ALL[3:]]  # the loop begins anew


@pytest.mark.skipif(not JUMPS_BY_STACK, reason="the interpreter sees to it")
@pytest.mark.parametrize(
    ("there", "lines"),
    [
        ([], [10, 12, 15, 19, 99]),
        (["until 10"], [12, 14, 15]),
        (["until 13"], [9, 10, 14, 15, 18]),
        (["until 18"], [12, 14, 19, 23]),
        (["until 9", "s"], [3, 4, 5]),  # the call
        (["until 9", "s", "s", "s"], [3, 4, 5]),  # the return
        (["until 17", "n"], [8, 12, 23]),  # the exception
        (["until 22", *["s"] * 2], [22]),
        (["until 22", *["s"] * 6], [22]),
    ],
)
def test_what_cannot_be_is_refused(run, there, lines):
    log, replies = run(*there, *(f"j {line}" for line in lines))
    assert log == ALL
    for reply in replies[len(there) + 1 : -1]:
        assert reply.startswith("*** ") and "jump" in reply.lower(), reply


def test_post_mortem(scripted):
    session = scripted("j 3", "q")
    session.pdb.reset()
    session.pdb.interaction(None, _raised())
    assert session.replies[0] == "*** 'jump' needs a program that can go on."


def _raised():
    def fail():
        raise ValueError

    try:
        fail()
    except ValueError as exc:
        exc.__traceback__ = exc.__traceback__.tb_next
        return exc


def test_warnings_are_no_errors(run, recwarn):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log, replies = run("j 22")
    assert log == ["end"], replies
