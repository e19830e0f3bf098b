"""Which functions are written in C, told without running code of the program's."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from types import MethodType

from stackscope.glue.functions import is_in_c, name_in_c


class Callable:
    """It notes what it is asked for."""

    asked = ()

    def __call__(self, *args):
        """Be called."""

    def __getattr__(self, name):
        type(self).asked += (name,)
        raise AttributeError(name)


class Metaclass(type):
    @property
    def __name__(cls):
        raise AssertionError


class Strange(metaclass=Metaclass):
    pass


def test_in_c():
    for function in [len, time.sleep, [].append, str.join, threading.Lock().acquire]:
        assert is_in_c(function)
        assert name_in_c(functools.partial(function)).endswith("()")


def test_in_python():
    strangers = [Callable(), MethodType(Callable(), 1), Strange(), None]
    for function in [lambda: None, asyncio.BaseEventLoop.time, functools.wraps, *strangers]:
        assert not is_in_c(function)
        assert name_in_c(function) is None
    assert Callable.asked == ()
