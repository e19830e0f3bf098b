"""pytest-trio: the task of a fixture is shown as the fixture's generator while the tests use it.

The nursery that every fixture and test has is hidden as long as there is nothing in it.
"""

from __future__ import annotations

from types import AsyncGeneratorType, GeneratorType

import pytest_trio.plugin
import trio

from stackscope.extraction.codes import get_code
from stackscope.extraction.hooks import PRUNE, customize, unwrap_context_generator
from stackscope.interpreter.frames import local_value
from stackscope.interpreter.same_code import same_code
from stackscope.model.stacks import Frame
from stackscope.snapshot.user_code import register_machinery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from stackscope.model.stacks import Context

TrioFixture: Any = pytest_trio.plugin.TrioFixture


def elaborate_fixture(frame: Frame, next_inner: object) -> object:
    """The task of a fixture that waits for its tests to end: the fixture's generator."""
    if type(next_inner) is not Frame or not same_code(
        next_inner.pyframe.f_code, get_code(trio.Event.wait)
    ):
        return None
    found, generator = local_value(frame.pyframe, "func_value")
    if not found or type(generator) not in (AsyncGeneratorType, GeneratorType):
        return None
    frame.hide_line = True
    return generator


def unwrap_fixture_manager(frame: Frame, context: Context) -> object:
    """The context of every fixture: its nursery, hidden if there are no tasks in it."""
    nursery = frame.contexts[0].obj if frame.contexts else None
    if type(nursery) is not trio.Nursery:
        return None
    return nursery if nursery.child_tasks else PRUNE


def install() -> None:
    """Register what is known about pytest-trio."""
    register_machinery("pytest_trio.plugin")
    customize(TrioFixture.run, elaborate=elaborate_fixture)
    unwrap_context_generator.register(TrioFixture._fixture_manager, unwrap_fixture_manager)
