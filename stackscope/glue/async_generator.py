"""async_generator: its generators are their coroutines, and how they yield is hidden.

The managers of its ``@asynccontextmanager`` are shown like those of contextlib.
"""

from __future__ import annotations

from types import AsyncGeneratorType

import async_generator
import async_generator._impl
import async_generator._util

from stackscope.extraction.extraction import child_stack, current_extraction
from stackscope.extraction.hooks import (
    customize,
    elaborate_context,
    unwrap_context,
    unwrap_context_generator,
    unwrap_stackitem,
)
from stackscope.safe.objects import class_attribute, instance_attributes, is_instance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Optional

    from stackscope.model.stacks import Context

AsyncGenerator: Any = async_generator._impl.AsyncGenerator


def unwrap_generator(generator: object) -> object:
    """An async generator: the coroutine that it is made of."""
    return instance_attributes(generator).get("_coroutine")


def unwrap_anext(awaitable: object) -> object:
    """What ``__anext__()`` and ``asend()`` wait for: the generator's coroutine, as an awaitable."""
    return instance_attributes(awaitable).get("_it")


def elaborate_manager(manager: object, context: Context) -> None:
    """A manager made by ``@asynccontextmanager``: what its generator does, until it exits."""
    attributes = instance_attributes(manager)
    name = attributes.get("_func_name")
    if type(name) is str:
        context.description = f"{name}(...)"
    generator = attributes.get("_agen")
    if generator is not None:
        context.inner_stack = None if context.is_exiting else child_stack(generator, for_task=False)


def unwrap_manager(manager: object, context: Context) -> Any:
    """A manager made by ``@asynccontextmanager``: whatever a hook for that very function says."""
    generator = instance_attributes(manager).get("_agen")
    code = _code_of(generator)
    hook = None if code is None else unwrap_context_generator.for_code(code)
    extraction = current_extraction()
    if hook is None or extraction is None:
        return None
    if context.inner_stack is not None and context.inner_stack.frames:
        return hook(context.inner_stack.frames[0], context)
    return hook(extraction.first_frame(generator), context)


def _code_of(generator: Any) -> Optional[CodeType]:
    if type(generator) is AsyncGeneratorType:
        return generator.ag_code
    if not is_instance(generator, (AsyncGenerator,)):
        return None
    code: Optional[CodeType] = getattr(unwrap_generator(generator), "cr_code", None)
    return code


def install() -> None:
    """Register what is known about async_generator."""
    unwrap_stackitem.register(AsyncGenerator, unwrap_generator)
    unwrap_stackitem.register(async_generator._impl.ANextIter, unwrap_anext)
    do_it = class_attribute(AsyncGenerator, "_do_it")
    if do_it is not None:
        customize(do_it, "step", hide=True)
    customize(async_generator.yield_, hide=True, prune=True)
    manager_type = getattr(async_generator._util, "_AsyncGeneratorContextManager", None)
    if manager_type is not None:
        elaborate_context.register(manager_type, elaborate_manager)
        unwrap_context.register(manager_type, unwrap_manager)
