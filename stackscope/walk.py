"""From a stack item to its frames: unwrap, find contexts, elaborate, replace or prune.

`Walk.run` is the whole idea. It holds what is still to come as a list, next item last, takes the next
frame off it, looks one frame further ahead, and hands both to the hooks, which may change what is still
to come. Nothing here recurses per frame.

Code that belongs to others runs in hooks only, and whatever it raises ends up in ``Stack.error``.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import sys
from _thread import get_ident
from collections import deque
from collections.abc import Sequence
from types import (
    AsyncGeneratorType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
)

from stackscope import hooks
from stackscope.hooks import (
    FrameIterator,
    elaborate_context,
    elaborate_frame,
    may_hide_itself,
    unwrap_context,
    unwrap_stackitem,
)
from stackscope.model import Frame, Stack, StackSlice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, TypeVar

    from stackscope.model import Context

    R = TypeVar("R")

    Entry = Tuple[Any, object, int, int]
    """An item to come: the item, the origin of its frames, its group and its age.

    A frame may replace or prune items of its own group and of higher ones. What a hook inserts before the
    next frame is a group of its own, so that its frames leave that next frame alone.

    The age counts unwrappings. It is compared with `Walk.epoch`, which each frame found puts out of
    reach of the ages so far.
    """
    Chain = Optional[Tuple[object, Optional[Stack], Any]]
    Postponed = Tuple[Callable[..., None], Tuple[Any, ...], Chain]
    FrameHook = Callable[[Frame, Any], Any]
    ContextHooks = Tuple[Optional[Callable[..., None]], Optional[Callable[..., Any]]]

__all__ = ["Extraction", "Leaf", "Past", "child_stack", "current_extraction", "interrupts"]

UNWRAP_LIMIT = 100
"""How many times an item may be unwrapped before that must lead to a frame or a leaf."""

DEPTH_LIMIT = 25
"""How deep stacks inside of stacks are extracted recursively.

Below, they are filled in when the levels above are complete, so that the depth of a tree of tasks isn't
limited by the interpreter's recursion limit.
"""

_bases: Callable[[type], Tuple[type, ...]] = type.__dict__["__mro__"].__get__
_namespace: Callable[[type], Dict[str, object]] = type.__dict__["__dict__"].__get__
_traceback = BaseException.__dict__["__traceback__"].__get__

_SEQUENCES = (list, tuple, deque, Sequence)
_PUT_BACK = object()
"""In place of the origin of an item: it is a `Frame` that was looked at already."""

_current: Dict[int, Extraction] = {}
"""The extraction that is going on in each thread.

Not a `threading.local`, for that would import `threading`; a signal handler that interrupts us leaves it
as it was.
"""


class Leaf:
    """An item that isn't to be unwrapped further. Hooks return it to stop at something that could be.

    Args:
        item: The item.
        error: What its unwrapping has raised.
    """

    __slots__ = ("error", "item")

    def __init__(self, item: object, error: Optional[BaseException] = None) -> None:
        self.item = item
        self.error = error


class Past:
    """A frame as an exception has left it: the stack item for an entry of a traceback.

    Args:
        pyframe: The frame.
        lineno: The line.
        lasti: The offset of the instruction.
        left: Whether the exception is known to have left the frame.
    """

    __slots__ = ("lasti", "left", "lineno", "pyframe")

    def __init__(self, pyframe: FrameType, lineno: int, lasti: int, left: bool) -> None:
        self.pyframe = pyframe
        self.lineno = lineno
        self.lasti = lasti
        self.left = left

    def frame(self, with_contexts: bool) -> Frame:
        """The frame, with the contexts of then in a tuple."""
        frame = Frame(self.pyframe, self.lineno, None, [])
        frame.is_past = True
        if with_contexts:
            from stackscope.past import contexts_open_at

            frame.contexts = tuple(contexts_open_at(self.pyframe, self.lasti, self.left))
        return frame


# ---------------------------------------------------------------- errors


def interrupts(exc: BaseException) -> bool:
    """Whether ``exc`` is meant for the whole program rather than being about what we look at.

    Hooks look at broken objects, which may raise anything, be it ``SystemExit`` or a ``CancelledError``
    that would otherwise cancel the caller. But what a signal handler raised must get through.
    """
    if isinstance(exc, KeyboardInterrupt):
        return True
    handlers = _signal_handlers()
    traceback = _traceback(exc)
    while traceback is not None:
        if any(traceback.tb_frame.f_code is code for code in handlers):
            return True
        traceback = traceback.tb_next
    return False


def _signal_handlers() -> List[object]:
    # Not by `signal`, which makes members of enumerations of what is no function.
    handlers: Iterator[Any] = map(_signal.getsignal, range(1, _signal.NSIG))
    functions: List[Any] = [
        handler.__func__ if type(handler) is MethodType else handler  # pyright: ignore[reportFunctionMemberAccess]
        for handler in handlers
    ]
    return [function.__code__ for function in functions if type(function) is FunctionType]


def without_our_frames(exc: BaseException) -> BaseException:
    """``exc`` with a traceback that begins in the hook that raised it.

    The frames of this module lead to the stack under construction, and so back to ``exc``.
    """
    traceback = _traceback(exc)
    while traceback is not None and traceback.tb_frame.f_globals is globals():
        traceback = traceback.tb_next
    return BaseException.with_traceback(exc, traceback)


def as_one(errors: List[BaseException]) -> BaseException:
    """The only one of ``errors``, or a group of them all."""
    if len(errors) == 1:
        return errors[0]
    if sys.version_info >= (3, 11):
        group = BaseExceptionGroup
    else:
        import exceptiongroup

        group = exceptiongroup.BaseExceptionGroup
    found: BaseException = group("multiple errors encountered while extracting stack", list(errors))
    return found


# -------------------------------------------------- finding implementations


def implementation(hook: Any, cls: type) -> Any:
    """The implementation of a ``singledispatch`` hook for ``cls``; ``None`` for the default one.

    ``hook.dispatch`` hashes ``cls`` and asks for its bases, and so is avoided where that would run code
    of its metaclass.
    """
    found = hook.dispatch(cls) if _is_plain(type(cls)) else _by_identity(hook, cls)
    return None if found is hook.__wrapped__ else found


_ASKED_OF_CLASSES = frozenset(
    ("__bases__", "__dict__", "__eq__", "__getattr__", "__getattribute__", "__hash__", "__mro__")
    + ("__subclasses__",)
)
"""Methods and attributes of metaclasses that ``dispatch`` of `functools.singledispatch` may use."""


def _is_plain(metaclass: type) -> bool:
    if metaclass is type:
        return True
    for base in _bases(metaclass):
        if base is type:
            return True
        if not _ASKED_OF_CLASSES.isdisjoint(_namespace(base)):
            return False
    return False


def _by_identity(hook: Any, cls: type) -> Any:
    registered = {id(key): found for key, found in hook.registry.items()}
    return next(registered[id(base)] for base in _bases(cls) if id(base) in registered)


def _as_items(result: Any) -> Sequence[Any]:
    """What a hook returned, as a sequence of stack items."""
    kind = type(result)
    if kind is list or kind is tuple:
        return result  # type: ignore[no-any-return]
    # Not isinstance(), which may run code of an item or its metaclass.
    if any(base is sequence for base in _bases(kind) for sequence in _SEQUENCES):
        return list(result)
    return (result,)


# ------------------------------------------------------------- extractions

_find_contexts: Optional[Callable[..., List[Context]]] = None


def context_finder() -> Callable[..., List[Context]]:
    """`contexts_active_in_frame`, imported when it is first needed.

    What reads bytecode and frames takes longer to import than all the rest.
    """
    global _find_contexts  # noqa: PLW0603
    if _find_contexts is None:
        from stackscope.contexts import contexts_active_in_frame
        from stackscope.frames import local_value

        hooks.read_local = local_value
        _find_contexts = contexts_active_in_frame
    return _find_contexts


class Extraction:
    """What is common to all the stacks that one call of ``extract()`` leads to.

    Args:
        with_contexts: Find the context managers of each frame.
        recurse_child_tasks: Also extract the stacks of child tasks.
        caller: The frame that called ``extract()``, where the current thread's stack ends.
    """

    __slots__ = (
        "caller",
        "chain",
        "classes",
        "depth",
        "elaborators",
        "find_contexts",
        "later",
        "managers",
        "recurse_child_tasks",
        "suspended",
        "unwrappers",
        "with_contexts",
    )

    def __init__(
        self, with_contexts: bool, recurse_child_tasks: bool, caller: Optional[FrameType]
    ) -> None:
        self.find_contexts = context_finder()
        self.with_contexts = with_contexts
        self.recurse_child_tasks = recurse_child_tasks
        self.caller = caller
        self.depth = 0
        self.chain: Chain = None
        """What is under construction, innermost first: an item or manager, and the stack it belongs to."""
        self.later: List[Postponed] = []
        self.suspended: List[Iterator[None]] = []
        """What `fill_apart` made for stacks with errors. Closing them now would give them a caller."""
        # By id: looking a class or a code object up by itself hashes it, and that may be slow or run code
        # of the program.
        self.unwrappers: Dict[int, Optional[Callable[[Any], Any]]] = {}
        self.managers: Dict[int, Optional[ContextHooks]] = {}
        self.elaborators: Dict[int, Tuple[Optional[FrameHook], CodeType]] = {}
        self.classes: List[type] = []  # keeps these ids from being used again

    def complete(self, work: Callable[..., R], *args: Any) -> R:
        """Do ``work`` as the current extraction of this thread, with all that it puts off."""
        ident = get_ident()
        outer = _current.get(ident)
        _current[ident] = self
        result: Optional[R] = None
        try:
            result = work(*args)
            while self.later:
                self.resume(*self.later.pop())
            return result
        finally:
            if outer is None:
                del _current[ident]
            else:
                _current[ident] = outer
            del result  # see `without_our_frames`

    def postpone(self, work: Callable[..., None], *args: Any) -> None:
        """Put off ``work`` until the levels above are complete."""
        self.later.append((work, args, self.chain))

    def resume(self, work: Callable[..., None], args: Tuple[Any, ...], chain: Chain) -> None:
        """Do what `postpone` has put off."""
        self.chain = chain
        try:
            work(*args)
        except BaseException as exc:
            stack = None if chain is None else chain[1]
            if stack is None or interrupts(exc):
                raise
            add_error(stack, without_our_frames(exc))
        finally:
            self.chain = chain = stack = None
            del args

    # ------------------------------------------------------------- stacks

    def stack(self, item: Any) -> Stack:
        """The stack of ``item``."""
        stack = new_stack(item)
        try:
            self.fill_stack(stack, item)
            return stack
        finally:
            del stack

    def child(self, item: Any, for_task: bool) -> Stack:
        """The stack of ``item`` as a part of another stack."""
        if (for_task and not self.recurse_child_tasks) or self.is_under_construction(item):
            return new_stack(item)
        stack = new_stack(item)
        if self.depth < DEPTH_LIMIT:
            apart = self.fill_apart(stack, item)
            next(apart)
            if stack.error is not None:
                self.suspended.append(apart)
        else:
            self.postpone(self.fill_stack, stack, item)
        return stack

    def fill_apart(self, stack: Stack, item: Any) -> Iterator[None]:
        """Fill in a stack inside another one, in such a way that errors lead to no more than that one.

        The traceback of an error keeps its frames and all their callers. Without this, these would be
        the frames of hooks and walks that hold the stack around it, which holds the error. But a
        generator that is suspended has no caller.
        """
        self.fill_stack(stack, item)
        del stack, item
        yield

    def first_frame(self, item: Any) -> Frame:
        """The first frame of ``item``.

        Raises:
            Exception: From unwrapping; ``RuntimeError`` if that leads to no frame.
        """
        stack = new_stack(item)
        try:
            self.fill_stack(stack, item, True)
            if stack.frames:
                frame = stack.frames[0]
                stack.frames = []  # what was put off for the whole stack is not to change this frame
                return frame
            if stack.error is not None:
                raise stack.error
            raise no_frame(item, stack.leaf)
        finally:
            del stack

    def is_under_construction(self, item: object) -> bool:
        chain = self.chain
        while chain is not None:
            if chain[0] is item:
                return True
            chain = chain[2]
        return False

    def fill_stack(self, stack: Stack, item: Any, only_first: bool = False) -> None:
        chain = self.chain
        self.chain = (item, stack, chain)
        self.depth += 1
        try:
            Walk(self, stack, item).run(only_first)
        finally:
            self.depth -= 1
            self.chain = chain
            del stack, chain

    # ----------------------------------------------------------- contexts

    def fill(self, context: Context) -> None:
        """Run the context hooks on ``context``.

        Raises:
            Exception: Whatever a hook raises.
        """
        first = manager = context.obj
        for _ in range(UNWRAP_LIMIT + 1):
            implementations = self.context_hooks(type(manager))
            if implementations is None:
                return
            elaborate, unwrap = implementations
            if elaborate is not None:
                elaborate(manager, context)
            inner = None if unwrap is None else unwrap(manager, context)
            if inner is None:
                return
            if type(inner) is tuple and not inner:
                context.hide = True
                return
            context.obj = manager = inner
            context.inner_stack = None
            context.children = []
        raise too_many_unwrappings(first, manager)

    def fill_children(
        self, owner: object, children: Sequence[Context], finish: Callable[[Context], None]
    ) -> None:
        """Run the context hooks on the children of a context, and then ``finish`` on each.

        Args:
            owner: The manager that they belong to.
            children: The children.
            finish: Called for each child when its hooks have run, also if these have raised.

        Raises:
            Exception: What the hooks have raised, as one.
        """
        if self.depth < DEPTH_LIMIT:
            self.fill_all(owner, children, finish)
        else:
            self.postpone(self.fill_all, owner, children, finish)

    def fill_all(
        self, owner: object, children: Sequence[Context], finish: Callable[[Context], None]
    ) -> None:
        errors = []
        chain = self.chain
        self.chain = (owner, None if chain is None else chain[1], chain)
        self.depth += 1
        try:
            for child in children:
                try:
                    self.fill(child)
                except BaseException as exc:
                    if interrupts(exc):
                        raise
                    errors.append(without_our_frames(exc))
                finish(child)
            if errors:
                raise as_one(errors)
        finally:
            self.depth -= 1
            self.chain = chain
            del errors, chain

    def context_hooks(self, cls: type) -> Optional[ContextHooks]:
        """The implementations to call for managers of a class; ``None`` if there are only the default ones."""
        try:
            return self.managers[id(cls)]
        except KeyError:
            pass
        elaborate = implementation(elaborate_context, cls)
        unwrap = implementation(unwrap_context, cls)
        found = None if elaborate is None and unwrap is None else (elaborate, unwrap)
        if cls is type(None):
            found = None  # a manager that couldn't be found
        self.classes.append(cls)
        self.managers[id(cls)] = found
        return found

    # --------------------------------------------------- items and frames

    def unwrapper(self, cls: type) -> Optional[Callable[[Any], Any]]:
        """The implementation of `unwrap_stackitem` for a class; ``None`` for the default one."""
        try:
            return self.unwrappers[id(cls)]
        except KeyError:
            pass
        found = implementation(unwrap_stackitem, cls)
        self.classes.append(cls)
        self.unwrappers[id(cls)] = found
        return found  # type: ignore[no-any-return]

    def elaborator(self, code: CodeType) -> Tuple[Optional[FrameHook], CodeType]:
        """The implementation of `elaborate_frame` to call, if that would do anything, and ``code``."""
        hook = elaborate_frame.for_code(code)
        if hook is None and may_hide_itself(code):
            hook = elaborate_frame.default
        self.elaborators[id(code)] = found = (hook, code)
        return found


def current_extraction() -> Optional[Extraction]:
    """The extraction that is going on in this thread, if any."""
    return _current.get(get_ident())


def child_stack(item: Any, for_task: bool) -> Stack:
    """The stack of ``item`` as a part of the one that is being extracted.

    Raises:
        RuntimeError: None is being extracted.
    """
    extraction = current_extraction()
    if extraction is None:
        raise RuntimeError(
            "extract_child() may only be called from within a customization hook invoked by extract()"
        )
    return extraction.child(item, for_task)


def new_stack(item: object) -> Stack:
    """A stack without frames yet."""
    return Stack(None if type(item) is StackSlice else item, [])


def add_error(stack: Stack, error: BaseException) -> None:
    """Note an error in a stack that may have one already."""
    stack.error = error if stack.error is None else as_one([stack.error, error])


def no_frame(item: object, leaf: object) -> RuntimeError:
    """The error for an item that there is no frame behind."""
    from stackscope.render.safe import safe_repr

    return RuntimeError(
        f"Couldn't extract a frame from {safe_repr(item)}: "
        f"unwrapping only reached {safe_repr(leaf)}"
    )


def too_many_unwrappings(item: object, result: object) -> RuntimeError:
    """The error for an item that seems to unwrap to itself."""
    from stackscope.render.safe import safe_repr

    return RuntimeError(
        f"{safe_repr(item)} has been unwrapped more than {UNWRAP_LIMIT} times without reaching "
        f"something irreducible; probably an infinite loop? (next result is {safe_repr(result)})"
    )


# ------------------------------------------------------------------- walk


class Walk:
    """The extraction of one stack."""

    __slots__ = ("doubts", "epoch", "errors", "extraction", "group", "pending", "stack")

    def __init__(self, extraction: Extraction, stack: Stack, item: Any) -> None:
        self.extraction = extraction
        self.stack = stack
        self.pending: List[Entry] = [] if item is None else [(item, None, 0, 0)]
        self.epoch = 0
        self.group = 0
        """The group of what `advance` has found."""
        self.errors: List[BaseException] = []
        self.doubts: List[Tuple[int, BaseException]] = []
        """Errors met in looking ahead, with their groups. They count unless their place gets pruned."""

    def run(self, only_first: bool = False) -> None:
        """Fill in the stack."""
        frames: List[Frame] = self.stack.frames  # type: ignore[assignment]
        with_contexts = self.extraction.with_contexts
        elaborators = self.extraction.elaborators
        try:
            frame = self.advance()
            while frame is not None:
                group = self.group
                following = self.advance()
                if with_contexts:
                    self.add_contexts(frame, following)
                frames.append(frame)
                code = frame.pyframe.f_code
                hook, _ = elaborators.get(id(code)) or self.extraction.elaborator(code)
                if hook is not None:
                    following = self.elaborate(hook, frame, group, following)
                if self.doubts:
                    self.settle()
                if only_first:
                    self.pending.clear()
                    break
                frame = following
            self.stack.leaf = self.leftovers()
            if self.errors:
                self.stack.error = as_one(self.errors)
        finally:
            # An error's traceback leads to frames that hold this object.
            del self.stack, self.errors, self.doubts

    # ------------------------------------------------------------- unwrap

    def advance(self) -> Optional[Frame]:
        """Unwrap the next item until it is a frame, and take that. ``None`` at a leaf and at the end."""
        pending = self.pending
        unwrappers = self.extraction.unwrappers
        while pending:
            item, origin, group, age = pending.pop()
            cls = type(item)
            if cls is FrameType or cls is Frame:
                self.group = group
                self.epoch += UNWRAP_LIMIT + 2
                if cls is FrameType:
                    return Frame(item, -1, origin, [])
                return item if origin is _PUT_BACK else copy_of(item, origin)
            if cls is Leaf:
                pending.append((item, origin, group, age))
                self.group = group
                del item  # see `without_our_frames`
                return None
            if cls is Past:
                self.group = group
                self.epoch += UNWRAP_LIMIT + 2
                return item.frame(self.extraction.with_contexts)  # type: ignore[no-any-return]
            if cls is FrameIterator:
                self.take_one(item, origin, group, age)
                continue
            if cls is CoroutineType or cls is GeneratorType or cls is AsyncGeneratorType:
                origin = item
            if age < self.epoch:  # noqa: PLR1730 (max() takes longer)
                age = self.epoch
            try:
                if age > self.epoch + UNWRAP_LIMIT:
                    raise too_many_unwrappings(item, item)
                known = id(cls) in unwrappers
                unwrap = unwrappers[id(cls)] if known else self.extraction.unwrapper(cls)
                result = None if unwrap is None else unwrap(item)
                if result is None:
                    pending.append((Leaf(item), origin, group, age))
                    continue
                parts = result if type(result) is list else _as_items(result)
                if len(parts) == 2 and type(parts[0]) is FrameType:
                    # As below, but at once: a frame and what it awaits are by far the most usual.
                    if parts[1] is not None:
                        pending.append((parts[1], origin, group, age))
                    self.group = group
                    self.epoch += UNWRAP_LIMIT + 2
                    return Frame(parts[0], -1, origin, [])
                self.push(parts, origin, group, age + 1)
            except BaseException as exc:
                if interrupts(exc):
                    raise
                pending.append((Leaf(item, without_our_frames(exc)), origin, group, age))
        return None

    def push(self, items: Sequence[Any], origin: object, group: int, age: int) -> None:
        """Put ``items`` before what is still to come."""
        pending = self.pending
        for item in reversed(items):
            if item is not None:
                pending.append((item, origin, group, age))

    def take_one(self, items: FrameIterator, origin: object, group: int, age: int) -> None:
        """Take the next item from the iterator of a hook."""
        try:
            item = next(items.items)
        except StopIteration:
            return
        except BaseException as exc:
            if interrupts(exc):
                raise
            self.doubts.append((group, without_our_frames(exc)))
            return
        self.pending.append((items, origin, group, age))
        self.push((item,), origin, group, age)

    def leftovers(self) -> object:
        """What can't be unwrapped to frames: nothing, one thing, or a list of them."""
        rest: List[object] = []
        while self.pending:
            frame = self.advance()
            if frame is not None:
                rest.append(frame)
            elif self.pending:
                leaf = self.pending.pop()[0]
                rest.append(leaf.item)
                if leaf.error is not None:
                    self.errors.append(leaf.error)
        self.settle()
        return rest if len(rest) > 1 else rest[0] if rest else None

    def settle(self) -> None:
        """Let the errors met in looking ahead count."""
        self.errors += [error for group, error in self.doubts]
        self.doubts.clear()

    # ----------------------------------------------------------- contexts

    def add_contexts(self, frame: Frame, following: Optional[Frame]) -> None:
        """Find the contexts of ``frame``, and let the hooks fill them in."""
        extraction = self.extraction
        callee = None if following is None else following.pyframe
        contexts: Sequence[Context] = frame.contexts
        try:
            if type(contexts) is tuple:  # they are known: see `Past`
                contexts = list(contexts)
            else:
                contexts = extraction.find_contexts(frame.pyframe, frame.origin, callee)
            frame.contexts = contexts
        except BaseException as exc:
            self.record(exc)
            return
        managers = extraction.managers
        for context in contexts:
            # The next line is all that most managers cost.
            if managers.get(id(type(context.obj)), context) is not None:
                try:
                    extraction.fill(context)
                except BaseException as exc:
                    self.record(exc)

    def record(self, exc: BaseException) -> None:
        """Take note of what a hook has raised. To be called while handling it."""
        if interrupts(exc):
            raise  # noqa: PLE0704
        self.errors.append(without_our_frames(exc))

    # ---------------------------------------------------------- elaborate

    def elaborate(
        self,
        hook: FrameHook,
        frame: Frame,
        group: int,
        following: Optional[Frame],
    ) -> Optional[Frame]:
        """Call the hook for a frame, and change what is to come as it says. Gives the next frame."""
        next_inner: Any = following
        if following is None and self.pending:
            next_inner = self.pending[-1][0].item
        try:
            result = hook(frame, next_inner)
            if result is None or result is next_inner or frame.is_past:
                return following
            items = _as_items(result)
        except BaseException as exc:
            self.record(exc)
            frame.hide = False
            self.drop(0)
            return None
        if following is not None:
            self.pending.append((following, _PUT_BACK, self.group, 0))
        if items and items[-1] is next_inner and next_inner is not None:
            self.push(items[:-1], None, group + 1, 0)
        else:
            self.drop(group)
            self.push(items, None, group, 0)
        return self.advance()

    def drop(self, group: int) -> None:
        """Forget what is to come of ``group`` and higher ones."""
        pending = self.pending
        while pending and pending[-1][2] >= group:
            pending.pop()
        self.doubts = [doubt for doubt in self.doubts if doubt[0] < group]


def copy_of(frame: Frame, origin: object) -> Frame:
    """A frame that somebody passed in, which stays as it is."""
    return Frame(
        frame.pyframe,
        frame.lineno,
        origin if frame.origin is None else frame.origin,
        [],
        frame.hide,
        frame.hide_line,
    )
