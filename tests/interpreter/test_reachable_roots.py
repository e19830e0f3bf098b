"""What is found to be a root, when objects are followed."""

from __future__ import annotations

import gc

import pytest

from stackscope.interpreter.reachable import Reachable, counts_references

pytestmark = pytest.mark.skipif(not counts_references(), reason="references aren't counted")


def reached_from(holder):
    """Whether the object in the tuple in a list is reached without following these."""
    wanted = {id(holder[0][0])}
    reachable = Reachable(wanted, {id(holder), id(holder[0])}, set(), ())
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
