"""What an expression means in a frame, without code of the program's."""

from __future__ import annotations

import os
import sys

import pytest

from stackscope.snapshot.holding import _value_of

LOCK = object()


class Service:
    shared = object()

    def __init__(self):
        self.lock = object()

    @property
    def asked(self):
        raise AssertionError


SERVICE = Service()


def frame():
    local = Service()
    return sys._getframe(), local


@pytest.mark.parametrize(
    "path, value",
    [
        ("LOCK", LOCK),
        ("SERVICE.lock", SERVICE.lock),
        ("SERVICE.shared", Service.shared),
        ("Service.shared", Service.shared),
        ("os.path", os.path),
        ("os.path.join", os.path.join),
        ("os.no_such_name", None),
        ("no_such_name", None),
        ("SERVICE.no.such", None),
    ],
)
def test_the_value_of_an_expression(path, value):
    found, local = frame()
    assert _value_of(found, tuple(path.split("."))) is value
    assert _value_of(found, ("local",)) is local
    assert _value_of(found, ("local", "lock")) is local.lock


def test_no_property_is_asked():
    assert _value_of(frame()[0], ("SERVICE", "asked")) is vars(Service)["asked"]
