"""What is found to be a root, and what is reached, when objects are followed."""

from __future__ import annotations

import gc
import weakref

import pytest

from stackscope.interpreter.reachable import Reachable, counts_references

pytestmark = pytest.mark.skipif(not counts_references(), reason="references aren't counted")


def made(wanted, closed=(), hidden=None):
    """A search for some objects, by their ids alone."""
    return Reachable(set(wanted), set(closed), set(), (), hidden or {})


def reached_from(holder):
    """Whether the object in the tuple in a list is reached without following these."""
    reachable = made([id(holder[0][0])], [id(holder), id(holder[0])])
    try:
        return bool(reachable.follow())
    finally:
        reachable.close()


def test_what_the_search_looks_at_last_is_no_root_by_that():
    holder = [([],)]
    gc.collect()  # so that it comes last in the collector's lists
    assert not reached_from(holder)


def test_what_is_in_a_variable_is_reached():
    target = []
    holder = [(target,)]
    assert reached_from(holder)


def test_what_is_said_of_something_hidden_counts_until_that_is_opened():
    """As for the frame of a thread that waits, of which the collector tells nothing."""
    target = [[]]
    hider = object()
    key = id(target[0])
    reachable = made([key], [id(target)], {id(hider): [key]})
    try:
        assert reachable.follow() == []
        reachable.open([hider])
        assert reachable.follow() == [key]
    finally:
        reachable.close()


def test_what_is_hidden_counts_for_what_is_wanted_and_closed_itself():
    target = [[]]
    hider = object()
    key = id(target[0])
    reachable = made([key], [id(target), key], {id(hider): [key]})
    try:
        assert reachable.follow() == []
        reachable.open([hider])
        assert reachable.follow() == [key]
    finally:
        reachable.close()


def test_what_the_collector_tells_too_often_explains_nothing():
    """As of a greenlet, whose stack it goes through."""
    target = [[]]
    key = id(target[0])
    for told_too_often in ({}, {key: 1}):
        reachable = Reachable({key}, {id(target)}, set(), (), {}, None, told_too_often)
        try:
            assert reachable.follow() == list(told_too_often)
        finally:
            reachable.close()


def test_what_the_collector_does_not_know_is_taken_as_reached():
    unknown = object()
    reachable = made([id(unknown)])
    try:
        assert not reachable.is_wanted()
        assert reachable.follow() == [id(unknown)]
    finally:
        reachable.close()


def test_roots_are_reached_though_only_what_is_closed_has_them():
    target = [[[]]]
    key = id(target[0][0])
    reachable = made([key], [id(target)])
    try:
        assert reachable.follow() == []
        assert reachable.is_wanted()
        reachable.add_roots([target[0]])
        assert reachable.follow() == [key]
        assert not reachable.is_wanted()
    finally:
        reachable.close()


def test_what_is_silent_does_not_hide_what_others_lead_to():
    silent = [[]]
    other = silent[:]
    key = id(silent[0])
    reachable = Reachable({key}, {key, id(other)}, {id(silent)}, (), {})
    try:
        assert reachable.follow() == []
        reachable.open([other])
        assert reachable.follow() == [key]
    finally:
        reachable.close()


def test_progress_never_goes_back():
    target = [[]]
    shares = []
    wanted, closed = {id(target[0])}, {id(target)}
    reachable = Reachable(wanted, closed, set(), (), {}, shares.append)
    try:
        counted = len(shares)
        assert reachable.follow() == []
        followed = len(shares) - counted
        reachable.follow_what_may_come_back()
    finally:
        reachable.close()
    assert counted > 0
    assert followed > 0
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] <= 1


class Something:
    pass


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_proxy_counts_if_something_alive_has_it(is_kept):
    box, target = [], [Something()]
    box.append(weakref.proxy(target[0]))
    closed = [id(target)] if is_kept else [id(target), id(box)]
    key = id(target[0])
    reachable = made([key], closed)
    try:
        assert reachable.follow() == []
        assert reachable.follow_what_may_come_back() == ([key] if is_kept else [])
    finally:
        reachable.close()


def test_a_chain_of_proxies():
    """Each object has a proxy of the next one."""
    boxes = [[Something()] for _ in range(4)]
    for (one,), (other,) in zip(boxes, boxes[1:]):
        one.following = weakref.proxy(other)
    del one, other
    kept = weakref.proxy(boxes[0][0])
    key = id(boxes[-1][0])
    reachable = made([key], [id(boxes), *map(id, boxes)])
    try:
        assert reachable.follow_what_may_come_back() == [key]
    finally:
        reachable.close()
    del kept


def failed_with(holder):
    mine = holder.pop()
    del holder
    raise ValueError if mine is not None else None


def test_tracebacks_are_followed_last():
    holder = [[]]
    key = id(holder[0])
    try:
        failed_with(holder)
    except ValueError as error:
        kept = error
    reachable = made([key])
    try:
        assert reachable.follow() == []
        assert reachable.follow_what_may_come_back() == []
        assert reachable.follow_tracebacks() == [key]
        assert reachable.follow_tracebacks() == []
    finally:
        reachable.close()
    del kept
