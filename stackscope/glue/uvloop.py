"""uvloop: what its methods are waiting for.

Its loops, futures and timers are those of asyncio as far as others can see; but its coroutines are
made by Cython, and have no frames. So such a coroutine is a leaf, and is described by its name.
"""

from __future__ import annotations

import gc
import sys

import uvloop.loop

from stackscope.glue.asyncio.waits import register_timer
from stackscope.model.waiting import Waiting
from stackscope.snapshot.user_code import register_machinery, register_runtime_package
from stackscope.snapshot.waits import describe_leaf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, Tuple


def describe_coroutine(coroutine: Any, waiting: Waiting) -> None:
    """A coroutine made by Cython: the name of its function."""
    waiting.call = f"{coroutine.__qualname__}()"


def describe_wrapper(wrapper: object, waiting: Waiting) -> None:
    """What ``await coroutine`` makes of it: the same."""
    for referent in gc.get_referents(wrapper):
        if type(getattr(referent, "__qualname__", None)) is str:
            describe_coroutine(referent, waiting)


def _types_of_cython() -> Iterator[Tuple[str, type]]:
    """The types of Cython's coroutines: one module for each of its versions holds them."""
    for name, module in list(sys.modules.items()):
        if name.startswith("_cython_"):
            for type_name in ("coroutine", "iterable_coroutine", "coroutine_wrapper"):
                for attribute, value in list(vars(module).items()):
                    if attribute.rpartition(".")[2] == type_name and isinstance(value, type):
                        yield type_name, value


def install() -> None:
    """Register what is known about uvloop."""
    register_runtime_package("uvloop")
    register_timer(vars(uvloop.loop)["TimerHandle"])  # the stubs don't have it
    register_machinery("uvloop", ["run", "wrapper"])
    for name, cls in _types_of_cython():
        is_wrapper = name == "coroutine_wrapper"
        describe_leaf.register(cls, describe_wrapper if is_wrapper else describe_coroutine)
