"""pytest-asyncio: what is between pytest and an asynchronous test or fixture is hidden."""

from __future__ import annotations

from types import CodeType, FunctionType

import pytest_asyncio.plugin

from stackscope.extraction.hooks import elaborate_frame
from stackscope.snapshot.user_code import register_machinery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from stackscope.model.stacks import Frame


def hide(frame: Frame, next_inner: object) -> None:
    """Hide a frame."""
    frame.hide = True


def codes_of(thing: object) -> Iterator[CodeType]:
    """The code of a function or of the methods of a class, and of all functions inside these."""
    if isinstance(thing, type):
        for member in list(vars(thing).values()):
            if isinstance(member, (FunctionType, staticmethod, classmethod)):
                yield from codes_of(getattr(member, "__func__", member))
    elif isinstance(thing, FunctionType):
        yield from codes_of(thing.__code__)
    elif isinstance(thing, CodeType):  # on PyPy, built-in functions have code of another type
        yield thing
        for constant in thing.co_consts:
            yield from codes_of(constant)


def install() -> None:
    """Hide them."""
    register_machinery("pytest_asyncio.plugin")
    # The wrappers around tests and fixtures are closures, named otherwise in every version.
    for thing in list(vars(pytest_asyncio.plugin).values()):
        if getattr(thing, "__module__", None) == pytest_asyncio.plugin.__name__:
            for code in codes_of(thing):
                elaborate_frame.register(code, hide)
