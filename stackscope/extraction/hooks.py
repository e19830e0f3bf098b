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
"""A hook returns this to leave out what comes below a frame, or to hide a context."""


@single_dispatch
def unwrap_stackitem(item: Any) -> Any:
    """Hook: take one step from a stack item towards its frames.

    Dispatches on the type of ``item``.

    Args:
        item: The stack item.

    Returns:
        Another stack item; a sequence of them, outermost first, in which ``None`` is skipped; or an
        iterator made with `yields_frames`. ``None`` if the item has no stack: it is then the leaf.

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
    """Decorator for generator functions that implement `unwrap_stackitem`.

    The function yields frames or other stack items. What it has yielded is kept if it raises an
    exception afterwards.

    Args:
        function: The generator function.

    Returns:
        A function that returns an iterator, which isn't taken for a stack item.

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
    """Hook: change a frame, or what comes below it.

    Dispatches on the code object of the frame; `customize` is a shorthand. By default, a frame is
    hidden if its local variable ``__tracebackhide__`` is true.

    Args:
        frame: The frame, with its contexts filled in. The hook may change it.
        next_inner: The next `Frame`, before its own hook has run. At the end of the stack, the leaf
            or ``None``.

    Returns:
        ``None`` to change nothing below; a stack item, or a sequence of them, to replace what comes
        below; a sequence that ends in ``next_inner`` to insert the others before it; or `PRUNE`.

    Example:
        >>> def retry():
        ...     yield
        >>> @elaborate_frame.register(retry)
        ... def hide_retry(frame, next_inner):
        ...     frame.hide = True
        >>> extract(retry()).frames[0].hide
        True
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
    """Hook: look through a context manager that wraps another one.

    Dispatches on the type of ``manager``.

    Args:
        manager: The context manager.
        context: Its context. The hook may change it.

    Returns:
        The manager inside, which becomes ``context.obj``; ``None`` if there is none; or `PRUNE` to
        hide the context.

    Example:
        >>> import threading
        >>> class Guard:
        ...     def __init__(self, lock):
        ...         self.lock = lock
        ...     def __enter__(self):
        ...         self.lock.acquire()
        ...     def __exit__(self, *exc):
        ...         self.lock.release()
        >>> @unwrap_context.register(Guard)
        ... def lock_in(guard, context):
        ...     return guard.lock
        >>> def work(lock):
        ...     with Guard(lock):
        ...         yield
        >>> lock = threading.Lock()
        >>> working = work(lock)
        >>> next(working)
        >>> extract(working).frames[0].contexts[0].obj is lock
        True
        >>> working.close()
    """
    return None


@function_dispatch(_frame_code)
def unwrap_context_generator(frame: Frame, context: Context) -> Any:
    """Hook: as `unwrap_context`, for the managers made by a ``@contextmanager`` function.

    Dispatches on the code object of the function.

    Args:
        frame: The frame of the function's generator.
        context: The context of the manager. The hook may change it.

    Returns:
        As for `unwrap_context`.

    Example:
        >>> import contextlib, threading
        >>> @contextlib.contextmanager
        ... def guard(lock):
        ...     with lock:
        ...         yield
        >>> @unwrap_context_generator.register(guard)
        ... def lock_in(frame, context):
        ...     return frame.contexts[0].obj
        >>> def work(lock):
        ...     with guard(lock):
        ...         yield
        >>> lock = threading.Lock()
        >>> working = work(lock)
        >>> next(working)
        >>> extract(working).frames[0].contexts[0].obj is lock
        True
        >>> working.close()
    """
    return None


@single_dispatch
def elaborate_context(manager: Any, context: Context) -> None:
    """Hook: fill in the details of a context, such as its description and children.

    Dispatches on the type of ``manager``. It is called for the manager that was entered, and for
    each one that `unwrap_context` finds inside.

    Args:
        manager: The context manager.
        context: Its context. The hook changes it.

    Example:
        >>> class Transaction:
        ...     number = 7
        ...     def __enter__(self):
        ...         return self
        ...     def __exit__(self, *exc):
        ...         pass
        >>> @elaborate_context.register(Transaction)
        ... def describe_transaction(transaction, context):
        ...     context.description = f"transaction {transaction.number}"
        >>> def work():
        ...     with Transaction():
        ...         yield
        >>> working = work()
        >>> next(working)
        >>> extract(working).frames[0].contexts[0].description
        'transaction 7'
        >>> working.close()
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
    """Choose how the frames of a function are shown: a shorthand for `elaborate_frame`.

    Args:
        target: The function, or anything that `lowlevel.get_code` takes. Without it, `customize` is
            a decorator that returns its argument unchanged.
        inner_names: The path to a function defined inside ``target``, as for `lowlevel.get_code`.
        hide: Mark its frames with ``hide``.
        hide_line: Mark its frames with ``hide_line``.
        prune: Leave out what its frames call, unless ``elaborate`` returns something else.
        elaborate: A hook for its frames, called as `elaborate_frame` is.

    Returns:
        ``target``, or a decorator.

    Raises:
        TypeError: There is no code object behind ``target``.
        ValueError: Nothing is defined by a name of ``inner_names``.

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
