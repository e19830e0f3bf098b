"""Post-mortem debugging: chained exceptions, exception groups, and the blocks that were open."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager

import stackscope_pdb

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup


@contextmanager
def lease():
    yield "leased"


def fetch(number):
    with lease() as leased:
        with lease():
            pass
        if number == 2:
            try:
                {}["key"]
            except KeyError as exc:
                raise ValueError(leased, number) from exc
        raise TypeError(number)


def collect():
    found = []
    for number in range(3):
        try:
            fetch(number)
        except Exception as exc:
            found.append(exc)
    raise ExceptionGroup("failed", [found[0], ExceptionGroup("deep", found[1:]), OSError()])


def main():
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        with lease():
            collect()


def caught(function, *args):
    try:
        function(*args)
    except BaseException as exc:
        return exc
    raise AssertionError("no exception")


def mortem(scripted, subject, *commands):
    session = scripted(*commands, "q")
    session.pdb.reset()
    session.pdb.interaction(None, subject)
    return session


TABLE = """\
  0 ZeroDivisionError()            main:{main} {file}
{mark1} 1 ExceptionGroup of 3: 'failed'  collect:{collect} {file}
  2 ├ TypeError(0)                 fetch:{fetch} {file}
  3 ├ ExceptionGroup of 2: 'deep'  never raised
{mark4} 4 │ ├ TypeError(1)               fetch:{fetch} {file}
  5 │ ├ ValueError('leased', 2)    fetch:{value} {file}
  6 │ │ ├ from KeyError('key')     fetch:{key} {file}
  7 ├ OSError()                    never raised"""


def table(mark1=" ", mark4=" "):
    first = {function: function.__code__.co_firstlineno for function in (main, collect, fetch)}
    return TABLE.format(
        mark1=mark1,
        mark4=mark4,
        main=first[main] + 2,
        collect=first[collect] + 7,
        fetch=first[fetch] + 9,
        value=first[fetch] + 8,
        key=first[fetch] + 6,
        file="test_exceptions.py",
    )


def test_every_exception_of_a_group_and_of_a_chain_can_be_selected(scripted):
    exc = caught(main)
    session = mortem(
        scripted,
        exc,
        "exceptions",
        "exceptions 4",
        "p number",
        "up",
        "exceptions",
        "exceptions 6",
        "ctx",
        "exceptions 0",
        "ctx",
        "exceptions 1",
        "up",
        "ctx",
        "exceptions 3",
        "exceptions 8",
        "exceptions one",
        "exceptions 1 2",
    )
    assert "A group of 3 exceptions: 'exceptions' lists them" in session.output
    replies = session.replies
    assert replies[0] == table(mark1=">")
    assert replies[1].endswith("-> raise TypeError(number)")
    assert replies[2] == "1"
    assert "fetch(number)" in replies[3]
    assert replies[4] == table(mark4=">")
    assert '{}["key"]' in replies[5]
    assert "with lease() as leased:  # leased" in replies[6]
    assert "with lease():" not in replies[6]
    assert "raise ZeroDivisionError" in replies[7]
    assert "past" not in replies[8]
    assert "collect()" in replies[10]
    assert replies[11] == (
        "main has ended: no context manager is active in it any more.\n"
        f"Open at line {main.__code__.co_firstlineno + 5} when the exception passed, "
        "outermost first:\n"
        f"  with lease():  # (line {main.__code__.co_firstlineno + 4}), past"
    )
    assert "Exception 3 has no frames: it has never been raised." in replies[12]
    assert "There is no exception 8. The numbers go from 0 to 7." in replies[13]
    assert "'one' is not the number of an exception." in replies[14]
    assert "One number is enough" in replies[15]


def fail_alone(module):
    secret = 21
    module.call(module.fail)
    return secret


def test_a_group_opens_at_its_only_leaf(scripted, library):
    def gather():
        raise ExceptionGroup("outer", [caught(raise_, ExceptionGroup("inner", [alone]))])

    alone = caught(fail_alone, library)
    session = mortem(scripted, caught(gather), "p secret", "exceptions", "exceptions 0", "where")
    begin = session.output.partition("(stackscope_pdb)")[0].splitlines()
    assert begin[:2] == [
        "ValueError: of the library",
        "(in a group: 'exceptions 0' goes to that)",
    ]
    assert begin[-1] == "-> module.call(module.fail)"
    replies = session.replies
    assert replies[0] == "21"
    assert [line[0] for line in replies[1].splitlines()] == [" ", " ", ">"]
    assert replies[2].startswith("ExceptionGroup: outer")
    assert "gather in" in replies[3]


def test_the_innermost_frame_of_the_users(scripted, library):
    try:
        try:
            fail_alone(library)
        except ValueError as exc:
            raise KeyError("later") from exc
    except KeyError as exc:
        later = exc
    session = mortem(scripted, later, "exceptions 0", "p secret", "down", "exceptions 1")
    assert session.replies[0].startswith("ValueError: of the library\n> ")
    assert session.replies[0].endswith("-> module.call(module.fail)")
    assert session.replies[1] == "21"
    assert "fail()" in session.replies[2]
    assert session.replies[3].startswith("KeyError: 'later'\n> ")


def test_with_a_traceback_the_exception_is_found_as_long_as_python_knows_it(scripted):
    try:
        main()
    except ExceptionGroup as exc:
        session = mortem(scripted, exc.__traceback__.tb_next, "exceptions 2", "p number")
        assert "A group of 3 exceptions" in session.output
        assert session.replies[1] == "0"
        traceback = exc.__traceback__
    [reply, *_] = mortem(scripted, traceback, "exceptions").replies
    assert "No exception is looked at here." in reply


def test_where_the_program_stopped_there_are_none(scripted):
    session = scripted("exceptions", "exceptions 0", "c")
    session.stop()
    assert all("No exception is looked at here." in reply for reply in session.replies[:2])


def test_where_shows_the_blocks_that_were_open(scripted):
    exc = caught(fetch, 1)
    replies = mortem(scripted, exc, "where -c", "where").replies
    assert re.search(r"├ with lease\(\) as leased:  # leased.* \(line [0-9]+, past\)", replies[0])
    assert "├" not in replies[1]


def test_a_frame_that_caught_the_exception_and_runs_on(scripted):
    with lease():
        try:
            with lease() as inner:
                raise KeyError(inner)
        except KeyError as exc:
            [active] = mortem(scripted, exc, "ctx").replies[:1]
    assert active.startswith("Active in test_a_frame_that_caught")
    before, _, past = active.partition("Open at line ")
    assert before.count("with lease()") == 1
    assert past.count("with lease() as inner:") == past.count("with lease()") == 1


def test_the_frames_of_any_exception(scripted):
    exc = caught(fetch, 1)
    session = scripted("stack exc", "ctx", "where -c", "unfocus", "ctx", "c")
    session.stop()
    assert "Active" not in session.replies[1]
    assert session.replies[1].count("with lease() as leased:  # leased") == 1
    assert re.search(
        r"├ with lease\(\) as leased:  # leased.* \(line [0-9]+, past\)", session.replies[2]
    )
    assert "past" not in session.replies[4]
    assert exc is not None


class Odd(Exception):
    """Does its best to be in the way."""

    exceptions = property(lambda self: 1 / 0)
    if sys.implementation.name != "pypy":  # PyPy itself asks for these when it is raised
        __traceback__ = __cause__ = __context__ = property(lambda self: 1 / 0)

    def __repr__(self):
        raise RuntimeError

    def __bool__(self):
        raise RuntimeError

    def __eq__(self, other):
        raise RuntimeError

    __hash__ = None


class OddGroup(BaseExceptionGroup):
    exceptions = property(lambda self: 1 / 0)

    def __len__(self):
        raise RuntimeError


def fail_oddly():
    try:
        raise Odd
    except Odd as exc:
        odd = exc
    group = OddGroup("odd \x1b[31m", [odd, odd])
    raise KeyError("first") from group


def test_exceptions_with_minds_of_their_own(scripted):
    exc = caught(fail_oddly)
    session = mortem(scripted, exc, "exceptions", "exceptions 1", "p odd")
    assert "OddGroup of 2: 'odd \\x1b[31m'" in session.replies[0]
    assert "1 ├ <Odd object at 0x" in session.replies[0]
    assert "-> raise Odd" in session.replies[1]


def test_a_chain_that_bites_its_tail_and_a_long_one(scripted):
    first, second = caught(fetch, 0), caught(fetch, 1)
    first.__context__, second.__context__ = second, None
    second.__cause__ = None
    exc = first
    many = [caught(fetch, 0) for _ in range(150)]
    group = caught(raise_, ExceptionGroup("many", many))
    group.__context__ = exc
    reply = mortem(scripted, group, "exceptions").replies[0]
    assert len(reply.splitlines()) == 101
    assert reply.splitlines()[-1] == "  … up to number 152"


def raise_(exc):
    raise exc


def test_nothing_of_it_is_kept(scripted):
    import gc
    import weakref

    class Own(Exception):
        pass

    def fail():
        raise Own

    def fail_more():
        raise ExceptionGroup("group", [caught(fail)])

    exc = caught(fail_more)
    watched = weakref.ref(exc.exceptions[0])
    session = mortem(scripted, exc, "exceptions", "exceptions 1", "ctx", "up", "exceptions 0")
    gc.disable()
    try:
        del exc
        if sys.implementation.name == "pypy":  # nothing counts references
            gc.collect()
        assert watched() is None
    finally:
        gc.enable()
    assert session.pdb.raised is None


def test_post_mortem_takes_exceptions(monkeypatch, capsys):
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO("exceptions 2\np number\nq\n"))
    stackscope_pdb.post_mortem(caught(main))
    assert capsys.readouterr().out.endswith("(stackscope_pdb) 0\n(stackscope_pdb) ")
