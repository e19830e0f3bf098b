"""Generators, coroutines, async generators, and the awaitables that they make.

A suspended one of these is its frame, and what it awaits or yields from. A running one is a piece
of whatever stack its frame is running on.
"""

from __future__ import annotations

import builtins
import gc
import sys
from operator import attrgetter
from types import (
    AsyncGeneratorType,
    CoroutineType,
    FrameType,
    GeneratorType,
)

from stackscope.extraction.extraction import current_extraction, set_usual_unwrapper
from stackscope.extraction.hooks import unwrap_stackitem, yields_frames
from stackscope.interpreter.facts import FREE_THREADED, IS_CPYTHON, MAKES_FRAMES
from stackscope.interpreter.running import slice_frames, uncollected
from stackscope.model.stacks import StackSlice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, AsyncGenerator, Callable, Iterator, List, Optional, Tuple


def unwrap_generator(generator: GeneratorType[Any, Any, Any]) -> Any:
    """A generator: its frame, and what it yields from."""
    if generator.gi_running:
        return StackSlice(generator.gi_frame)
    return [generator.gi_frame, generator.gi_yieldfrom]


def unwrap_coroutine(coroutine: CoroutineType[Any, Any, Any]) -> Any:
    """A coroutine: its frame, and what it awaits."""
    if coroutine.cr_running:
        return StackSlice(coroutine.cr_frame)
    return [coroutine.cr_frame, coroutine.cr_await]


def unwrap_async_generator(generator: AsyncGeneratorType[Any, Any]) -> Any:
    """An async generator: its frame, and what it awaits."""
    awaited = generator.ag_await
    # ag_running also tells that an asend() or the like is unfinished, since 3.8.
    if generator.ag_running and awaited is None:
        return StackSlice(generator.ag_frame)
    return [generator.ag_frame, awaited]


def unwrap_coroutine_wrapper(wrapper: object) -> object:
    """What ``coroutine.__await__()`` gives: the coroutine."""
    return _referent(wrapper, (CoroutineType, GeneratorType), "a cr_frame")


def unwrap_async_generator_method(awaitable: object) -> object:
    """What ``asend()``, ``athrow()`` and ``aclose()`` of an async generator give: the generator."""
    return _referent(awaitable, (AsyncGeneratorType,), "an ag_frame")


def unwrap_anext_with_default(awaitable: object) -> object:
    """What ``anext(iterator, default)`` gives: the awaitable of the iterator."""
    return gc.get_referents(awaitable)[:1]


def _referent(item: object, types: Tuple[type, ...], attribute: str) -> object:
    for referent in gc.get_referents(item):
        if type(referent) in types:
            return referent
    raise RuntimeError(f"{item!r} doesn't refer to anything with {attribute} attribute")


@yields_frames
def unwrap_slice(piece: StackSlice) -> Iterator[FrameType]:
    """A piece of a running stack."""
    extraction = current_extraction()
    # Without an extraction, somebody has called the hook.
    caller = sys._getframe(1) if extraction is None else extraction.caller
    return slice_frames(piece.outer, piece.inner, piece.limit, caller)


def _with_frame(unwrap: Callable[[Any], Any], attribute: str) -> Callable[[Any], Any]:
    """``unwrap`` for an interpreter on which even asking for ``attribute`` takes care."""
    if FREE_THREADED:
        return _while_others_run(unwrap)
    if not MAKES_FRAMES:
        return unwrap
    get_frame = attrgetter(attribute)

    def unwrap_with_frame(item: Any) -> Any:
        frame = uncollected(get_frame, item)
        try:
            return unwrap(item)
        finally:
            del frame

    return unwrap_with_frame


def _while_others_run(unwrap: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``unwrap`` for what another thread may resume meanwhile, since there is no GIL."""
    from stackscope.interpreter import resumable

    def unwrap_resumable(item: Any) -> Any:
        if resumable.is_alone():
            return unwrap(item)
        frame = resumable.frame_of(item)
        if frame is None:
            return []
        resumable.remember(item, frame)
        if not resumable.is_suspended(item):
            return StackSlice(frame)
        return [frame, resumable.awaited_by(item, frame)]

    return unwrap_resumable


def install() -> None:
    """Register what is known about the interpreter's own types."""
    unwrap_stackitem.register(GeneratorType, _with_frame(unwrap_generator, "gi_frame"))
    of_coroutine = _with_frame(unwrap_coroutine, "cr_frame")
    unwrap_stackitem.register(CoroutineType, of_coroutine)
    if IS_CPYTHON and not FREE_THREADED:
        set_usual_unwrapper(CoroutineType, of_coroutine)
    unwrap_stackitem.register(AsyncGeneratorType, _with_frame(unwrap_async_generator, "ag_frame"))
    unwrap_stackitem.register(StackSlice, unwrap_slice)
    set_usual_unwrapper(StackSlice, unwrap_slice)
    unwrap_stackitem.register(type_of_coroutine_wrapper(), unwrap_coroutine_wrapper)
    methods, anext_with_default = _types_of_async_generator_awaitables()
    for cls in methods:
        unwrap_stackitem.register(cls, unwrap_async_generator_method)
    if anext_with_default is not None:
        unwrap_stackitem.register(anext_with_default, unwrap_anext_with_default)


def type_of_coroutine_wrapper() -> type:
    """The type of what ``coroutine.__await__()`` gives."""

    async def sample() -> None:
        pass

    coroutine = sample()
    try:
        return type(coroutine.__await__())
    finally:
        coroutine.close()


def _types_of_async_generator_awaitables() -> Tuple[List[type], Optional[type]]:
    """The types that an async generator's methods and ``anext(generator, default)`` return."""

    async def sample() -> AsyncGenerator[None, None]:
        yield

    # An event loop must not learn of the samples.
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        generator: Any = sample()
        awaitables: List[Any] = [
            generator.asend(None),
            generator.athrow(GeneratorExit),
            generator.aclose(),
        ]
        methods = [type(awaitable) for awaitable in awaitables]
        anext_with_default = None
        if hasattr(builtins, "anext"):  # 3.10+
            generator = sample()
            awaitables.append(builtins.anext(generator, None))
            if type(awaitables[-1]) is not CoroutineType:  # as it is on PyPy
                anext_with_default = type(awaitables[-1])
        for awaitable in awaitables:
            awaitable.close()  # 3.13+ warns of one that is neither awaited nor closed
        return methods, anext_with_default
    finally:
        sys.set_asyncgen_hooks(*hooks)
