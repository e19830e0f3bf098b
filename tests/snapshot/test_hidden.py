"""What suspended greenlets refer to: each reference is counted once, whoever tells of it."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

import stackscope
from stackscope.interpreter.heap import module_types, referents
from stackscope.interpreter.reachable import counts_references
from stackscope.snapshot.hidden import Hidden

greenlet = pytest.importorskip("greenlet", reason="greenlet isn't installed here")

pytestmark = pytest.mark.skipif(not counts_references(), reason="the heap isn't searched")


class Thing:
    pass


def inner(thing):
    greenlet.getcurrent().parent.switch()


def outer(thing):
    other = thing
    inner(thing)
    return other


def test_each_reference_is_counted_once():
    """From 3.15 on the collector sees the stacks of greenlets, with references that don't count."""
    thing = Thing()
    box = [thing]  # greenlet itself keeps what a greenlet begins with
    before = sys.getrefcount(thing)
    items = [greenlet.greenlet(lambda: outer(box[0])) for _ in range(3)]
    for item in items:
        item.switch()
    references = sys.getrefcount(thing) - before
    snapshot = stackscope.extract_all()
    nodes = [node for top in snapshot.items for node in top.walk() if node.item in items]
    assert len(nodes) == 3
    hidden = Hidden(nodes)
    told = sum(Counter(map(id, referents([one], module_types())))[id(thing)] for one in items)
    own = sum(ids.count(id(thing)) for ids in hidden.references.values())
    counted = told - hidden.told_too_often.get(id(thing), 0) + own
    assert counted == references
    assert references >= 3 * 2
    for item in items:
        item.switch()
