"""What `where` folds, and `up` and `down` skip: the code of libraries, and what hides itself."""

from __future__ import annotations

import functools
from contextlib import contextmanager

import pytest


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


@contextmanager
def lease():
    yield "leased"


def hides(function):
    @functools.wraps(function)
    def wrapper(*args):
        __tracebackhide__ = True
        return function(*args)

    return wrapper


@hides
def count_down(session, number):
    if number:
        return count_down(session, number - 1)
    if session is None:
        raise ValueError
    session.stop()
    return None


def post_mortem(session, function, *args):
    try:
        function(*args)
    except Exception as exc:
        session.pdb.reset()
        session.pdb.interaction(None, exc)
        return
    raise AssertionError("no exception")


def names(reply):
    """The functions that `where` shows."""
    return [line.partition("╠ ")[2].split(" in ")[0] for line in reply.splitlines() if "╠" in line]


class TestLibraries:
    def test_are_folded_and_skipped(self, scripted, library):
        session = scripted("where", "up", "down", "where --hidden", "c")
        library.call(session.stop)
        everything = names(session.replies[3])
        assert [name for name in everything if name in ("call", "relay")] == ["call", "relay"]
        assert names(session.replies[0])[-1] == "Session.stop" or "test_are" in session.replies[0]

    def test_between_the_users_frames(self, scripted, library):
        def inner():
            session.stop()

        session = scripted("where", "up", "down", "skip off", "up", "where", "skip on", "w", "c")
        library.call(inner)
        replies = session.replies
        assert "⋮ 2 frames of acme folded" in replies[0]
        assert not {"call", "relay"} & set(names(replies[0]))
        assert "library.call(inner)" in replies[1]
        assert "inner()" in replies[2]
        assert replies[3] == "Code of libraries is shown and stepped into."
        assert "relay()" in replies[4]
        assert {"call", "relay"} < set(names(replies[5]))
        # Now that the user is in that library, it counts as theirs.
        assert {"call", "relay"} < set(names(replies[7]))

    def test_the_one_that_the_program_stopped_in_is_shown(self, scripted, library):
        session = scripted("where", "up", "up", "where", "c")
        library.call(library.stop, session)
        assert names(session.replies[0])[-3:] == ["call", "relay", "stop"]
        assert "relay()" in session.replies[1]
        assert names(session.replies[3])[-3:] == ["call", "relay", "stop"]

    def test_the_one_that_an_exception_is_from_is_shown(self, scripted, library):
        session = scripted("where", "up", "q")
        post_mortem(session, library.call, library.fail)
        assert names(session.replies[0]) == ["post_mortem", "call", "relay", "fail"]
        assert "relay()" in session.replies[1]

    def test_the_one_in_whose_folder_the_user_works(
        self,
        scripted,
        library,
        monkeypatch,
        tmp_path,
    ):
        monkeypatch.chdir(tmp_path / "site-packages" / "acme")
        session = scripted("where", "c")
        library.call(lambda: session.stop())
        assert {"call", "relay"} < set(names(session.replies[0]))

    def test_with_a_context_of_the_users_is_shown(self, scripted, library):
        session = scripted("where", "where -c", "c")
        library.hold(lease(), lambda: library.own(lambda: session.stop()))
        assert "hold" not in names(session.replies[0])
        shown = names(session.replies[1])
        assert "hold" in shown
        assert "own" not in shown

    def test_a_setting_shows_them(self, scripted, library, monkeypatch):
        monkeypatch.setenv("STACKSCOPE_PDB_SKIP", "0")
        session = scripted("skip", "where", "skip maybe", "c")
        library.call(lambda: session.stop())
        assert session.replies[0] == "Code of libraries is shown and stepped into."
        assert {"call", "relay"} < set(names(session.replies[1]))
        assert session.replies[2] == "*** 'maybe' is neither 'on' nor 'off'."

    def test_modules_that_were_never_to_be_stopped_in(self, scripted, library):
        session = scripted("skip off", "where", "up", "c", skip=["acme*"])
        library.call(lambda: session.stop())
        assert not {"call", "relay"} & set(names(session.replies[1]))
        assert "library.call" in session.replies[2]


class TestHidden:
    def test_at_a_stop(self, scripted):
        session = scripted("where", "up", "up", "c")
        count_down(session, 1)
        assert "wrapper" not in names(session.replies[0])
        assert "count_down()" in session.replies[1]
        assert "test_at_a_stop()" in session.replies[2]

    def test_after_an_exception(self, scripted):
        session = scripted("where", "up", "up", "up", "where --hidden", "down -1", "q")
        post_mortem(session, count_down, None, 1)
        assert names(session.replies[0]) == ["post_mortem", "count_down", "count_down"]
        assert "count_down()" in session.replies[1]
        assert "post_mortem()" in session.replies[2]
        assert session.replies[3] == "*** Oldest frame"
        assert names(session.replies[4]).count("wrapper") == 2
        assert "raise ValueError" in session.replies[5]

    def test_where_an_exception_is_noticed_while_stepping(self, scripted):
        session = scripted("n", "where", "n", "where", "c")
        with pytest.raises(ValueError):
            session.stop()
            count_down(None, 1)
        shown = [names(reply) for reply in session.replies]
        assert any(found[-2:] == ["count_down", "count_down"] for found in shown)
        assert not any("wrapper" in found for found in shown)


def test_the_blocks_that_an_exception_has_left_are_shown(scripted):
    def fail():
        with lease():
            raise ValueError

    session = scripted("where -c", "where", "q")
    post_mortem(session, fail)
    assert "with lease()" in session.replies[0]
    assert "past" in session.replies[0]
    assert "with lease()" not in session.replies[1]
