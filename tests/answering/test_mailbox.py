"""Where a process that can be asked by a signal finds its requests."""

from __future__ import annotations

import os
import sys

import pytest

from stackscope.answering import mailbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is none")


@pytest.fixture
def bases(monkeypatch, tmp_path):
    """The folders that one may be in."""
    found = [str(tmp_path)]
    monkeypatch.setattr(mailbox, "_bases", lambda: found)
    return found


def test_it_is_closed_by_its_own_process_only(bases, tmp_path):
    box = mailbox.open_mailbox()
    assert len(list(tmp_path.iterdir())) == 1
    box.pid += 1
    box.close()  # as a forked process would
    assert len(list(tmp_path.iterdir())) == 1
    box.pid -= 1
    box.close()
    assert list(tmp_path.iterdir()) == []


def test_there_is_no_folder_for_it(bases, monkeypatch, tmp_path):
    bases.insert(0, "/proc/no/such/folder")
    box = mailbox.open_mailbox()  # the next one does
    assert box is not None
    box.close()
    for answers in ([False, False], [True, False, True, False]):
        given = iter(answers)
        with monkeypatch.context() as patched:
            patched.setattr(mailbox, "nobody_else_can_replace", lambda path: next(given))
            patched.setattr(mailbox, "_bases", lambda: [str(tmp_path), str(tmp_path / "other")])
            assert mailbox.open_mailbox() is None
        assert list(given) == []
    bases.clear()
    assert mailbox.open_mailbox() is None


def test_where_it_may_be(monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/runtime")
    with_home = list(mailbox._bases())
    assert "/state/stackscope" in with_home
    monkeypatch.setattr(mailbox, "state_folder", lambda: None)
    assert list(mailbox._bases()) == [one for one in with_home if one != "/state/stackscope"]


def test_nobody_else_s_request_is_taken(bases):
    box = mailbox.open_mailbox()
    try:
        assert box.take() is None  # there is none
        box.pid += 1
        assert box.take() is None
        box.pid = os.getpid()
    finally:
        box.close()
