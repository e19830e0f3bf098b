"""The customization hooks: what glue code, here and in other libraries, registers.

This module only says what the hooks are and what they do by default. `stackscope.extraction.walk`
calls them, and `stackscope.glue` registers what this library knows about others.
"""

from __future__ import annotations

import functools

from stackscope.extraction.codes import function_dispatch, get_code
from stackscope.extraction.registrations import single_dispatch
from stackscope.safe.objects import MISSING, class_attribute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Callable, Iterator, Optional, Tuple, TypeVar, overload

    from stackscope.model.stacks import Context, Frame

    Elaborator = Callable[[Frame, Any], Any]
    T = TypeVar("T")
    YieldsItems = TypeVar("YieldsItems", bound=Callable[..., Iterator[Any]])

__all__ = [
    "PRUNE",
    "FrameIterator",
    "customize",
    "elaborate_context",
    "elaborate_frame",
    "unwrap_context",
    "unwrap_context_generator",
    "unwrap_stackitem",
    "yields_frames",
]

HIDING_VARIABLE = "__tracebackhide__"

PRUNE: Tuple[()] = ()
"""Returned by a hook to leave out what comes below a frame, or a context."""


@single_dispatch
def unwrap_stackitem(item: Any) -> Any:
    """Hook: take one step from a stack item towards the frames behind it.

    Dispatches on the type of ``item``.

    Args:
        item: What may have a stack.

    Returns:
        Another stack item, or a sequence of them, outermost first (``None`` among them is skipped);
        an iterator made with `yields_frames`; or ``None`` if the item has no stack. It is then a
        leaf.

    Example:
        >>> class Job:
        ...     def __init__(self, coroutine):
        ...         self.coroutine = coroutine
        >>> @unwrap_stackitem.register(Job)
        ... def unwrap_job(job):
        ...     return job.coroutine
    """
    return None


class FrameIterator:
    """What a function decorated with `yields_frames` returns: its items, found one by one.

    A bare generator would be a stack item of its own, with its own frame.
    """

    __slots__ = ("items",)

    def __init__(self, items: Iterator[Any]) -> None:
        self.items: Iterator[Any] = items

    def __iter__(self) -> Iterator[Any]:
        return self.items


def yields_frames(function: YieldsItems) -> YieldsItems:
    """Decorate a generator function so that it can be an implementation of `unwrap_stackitem`.

    What it yields, frames or other stack items, is taken one by one, and is kept if it raises
    later.

    Example:
        >>> @unwrap_stackitem.register(list)
        ... @yields_frames
        ... def unwrap_list(items):
        ...     for item in items:
        ...         yield item
    """

    @functools.wraps(function)
    def find_frames(*args: Any, **kwargs: Any) -> Any:
        return FrameIterator(function(*args, **kwargs))

    return find_frames  # type: ignore[return-value]


def _frame_code(frame: Frame) -> CodeType:
    return frame.pyframe.f_code


@function_dispatch(_frame_code)
def elaborate_frame(frame: Frame, next_inner: Any) -> Any:
    """Hook: change a frame, and what comes below it.

    Dispatches on the code object of the frame; see `customize` for a shorthand. By default, hides a
    frame that has a local variable ``__tracebackhide__`` with a true value.

    Args:
        frame: The frame, with its contexts filled in. May be changed.
        next_inner: The next `Frame`, not yet elaborated; else the leaf; else ``None``.

    Returns:
        ``None`` to go on; a stack item, or a sequence of them, to have instead of what comes below;
        a sequence ending in ``next_inner`` to insert the others before it; or `PRUNE`.
    """
    if may_hide_itself(frame.pyframe.f_code):
        from stackscope.interpreter.frames.variables import local_value

        found, value = local_value(frame.pyframe, HIDING_VARIABLE)
        if found and _is_true(value):
            frame.hide = True
    return None


def may_hide_itself(code: CodeType) -> bool:
    """Whether the code has a variable ``__tracebackhide__``, or uses a global one."""
    return (
        HIDING_VARIABLE in code.co_varnames
        or HIDING_VARIABLE in code.co_names
        or HIDING_VARIABLE in code.co_cellvars
    )


_SAFE_TRUTH = (bool, int, float, str, bytes, tuple, list, dict, set, frozenset, type(None))


def _is_true(value: object) -> bool:
    """``bool(value)``, but without running code of the inspected program: such a value is false."""
    cls = type(value)
    if any(cls is safe for safe in _SAFE_TRUTH):
        return bool(value)
    return all(class_attribute(cls, name, MISSING) is MISSING for name in ("__bool__", "__len__"))


@single_dispatch
def unwrap_context(manager: Any, context: Context) -> Any:
    """Hook: look through a context manager that does its work by another one.

    Dispatches on the type of ``manager``.

    Args:
        manager: The context manager.
        context: The context that it manages. May be changed.

    Returns:
        The manager inside, which becomes ``context.obj``; ``None`` if there is none; or `PRUNE` to
        hide the context.
    """
    return None


@function_dispatch(_frame_code)
def unwrap_context_generator(frame: Frame, context: Context) -> Any:
    """Hook: `unwrap_context` for the managers made by one ``@contextmanager`` function.

    Dispatches on the code object of that function.

    Args:
        frame: The frame of the generator that the function has made.
        context: The context that it manages. May be changed.

    Returns:
        As `unwrap_context`.
    """
    return None


@single_dispatch
def elaborate_context(manager: Any, context: Context) -> None:
    """Hook: fill in the details of a context, such as its description and children.

    Dispatches on the type of ``manager``. Called for the manager that was entered and for each one
    that `unwrap_context` finds inside.

    Args:
        manager: The context manager.
        context: The context that it manages, to be changed.
    """


if TYPE_CHECKING:

    @overload
    def customize(
        target: None = None,
        *,
        hide: bool = ...,
        hide_line: bool = ...,
        prune: bool = ...,
        elaborate: Optional[Elaborator] = ...,
    ) -> Callable[[T], T]: ...

    @overload
    def customize(
        target: T,
        *inner_names: str,
        hide: bool = ...,
        hide_line: bool = ...,
        prune: bool = ...,
        elaborate: Optional[Elaborator] = ...,
    ) -> T: ...


def customize(
    target: Any = None,
    *inner_names: str,
    hide: bool = False,
    hide_line: bool = False,
    prune: bool = False,
    elaborate: Optional[Elaborator] = None,
) -> Any:
    """Say how the frames of a function are shown: a shorthand for `elaborate_frame`.

    Args:
        target: The function, or anything that `get_code` takes. Without it, this is a decorator
            that returns its argument unchanged.
        inner_names: The path to a function defined inside ``target``, as for `get_code`.
        hide: Mark its frames with ``hide``.
        hide_line: Mark its frames with ``hide_line``.
        prune: Leave out what its frames call, unless ``elaborate`` says otherwise.
        elaborate: Called as `elaborate_frame` for its frames.

    Returns:
        ``target``, or a decorator.

    Raises:
        TypeError, ValueError: From `get_code`.

    Example:
        >>> @customize(hide=True)
        ... def internal_loop():
        ...     pass
    """
    if target is None:
        return functools.partial(
            customize, hide=hide, hide_line=hide_line, prune=prune, elaborate=elaborate
        )

    def elaborate_customized(frame: Frame, next_inner: Any) -> Any:
        if hide:
            frame.hide = True
        if hide_line:
            frame.hide_line = True
        result = None if elaborate is None else elaborate(frame, next_inner)
        return PRUNE if result is None and prune else result

    elaborate_frame.register(get_code(target, *inner_names), elaborate_customized)
    return target
