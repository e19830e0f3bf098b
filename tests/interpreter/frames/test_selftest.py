"""A reader that sees something else than what is there doesn't pass."""

from __future__ import annotations

import pytest

from stackscope.interpreter.frames import selftest
from stackscope.interpreter.frames.base import FrameMoved, Moment, Reader


class Trusting(Reader):
    """It says that its frames look as they should."""

    def moment(self, frame, code):
        return None


def test_one_that_sees_nothing():
    assert not selftest.passes(Trusting())


def test_one_whose_frames_do_not_look_as_they_should():
    class Doubtful(Trusting):
        def proves(self, frame):
            return False

    assert not selftest.passes(Doubtful())


@pytest.mark.parametrize("wrong", [None, 0, 1, 2])
def test_each_of_the_frames_counts(monkeypatch, wrong):
    """In blocks, suspended in blocks, and in none."""
    managers, looks = [], []

    def made():
        managers.append(object.__new__(real))
        return managers[-1]

    def seen(reader, frame):
        looks.append(frame)
        right = [] if len(looks) == 3 else managers
        return [*right, object()] if len(looks) - 1 == wrong else right

    real = selftest._Manager
    monkeypatch.setattr(selftest, "_Manager", made)
    monkeypatch.setattr(selftest, "_managers", seen)
    assert selftest.passes(Trusting()) is (wrong is None)
    assert len(looks) == (3 if wrong is None else wrong + 1)


def test_frames_that_keep_moving():
    looks = []

    class Moving(Trusting):
        def moment(self, frame, code):
            looks.append(frame)
            raise FrameMoved

    assert not selftest.passes(Moving())
    assert len(looks) == selftest.TRIES


def test_what_a_reader_does_not_know_is_no_reason_to_doubt():
    """It has no short cuts then, and takes what is in a slot to be in use."""

    class Plain(Moment):
        def objects(self, slots):
            return list(slots)

    moment, reader = Plain(), Trusting()
    assert moment.may_unwind(None) is moment.may_use(3) is moment.calls(None) is True
    assert moment.exits([1, 2]) == [1, 2]
    assert reader.proves(None) is True
    assert reader.at_rest(None, None) is reader.at_rest_here(None, None) is None
