"""From a stack item to its frames: unwrap, find contexts, elaborate, replace or prune.

`Walk.run` is the whole idea. It holds what is still to come as a list, next item last, takes the
next frame off it, looks one frame further ahead, and hands both to the hooks, which may change what
is still to come. Nothing here recurses per frame.

Code that belongs to others runs in hooks only, and whatever it raises ends up in ``Stack.error``.
"""

from __future__ import annotations

# The module that collections.abc takes it from, which is one more file to find up to 3.12.
from _collections_abc import Sequence
from collections import deque
from types import (
    AsyncGeneratorType,
    CoroutineType,
    FrameType,
    GeneratorType,
)

from stackscope.extraction.errors import (
    UNWRAP_LIMIT,
    as_one,
    too_many_unwrappings,
    without_our_frames,
)
from stackscope.extraction.hooks import (
    FrameIterator,
)
from stackscope.model.stacks import Frame, Stack, StackSlice
from stackscope.safe.interruptions import attempt, interrupts
from stackscope.safe.objects import mro_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

    from stackscope.extraction.extraction import Extraction, FrameHook
    from stackscope.model.stacks import Context

    Coroutine = CoroutineType[Any, Any, Any]
    Pending = Tuple[Any, object, int, int]
    """An item to come: the item, the origin of its frames, its group and its age.

    A frame may replace or prune items of its own group and of higher ones. What a hook inserts
    before the next frame is a group of its own, so that its frames leave that next frame alone.

    The age counts unwrappings. It is compared with `Walk.epoch`, which each frame found puts out of
    reach of the ages so far.
    """

__all__ = ["Leaf", "Past"]


_SEQUENCES = (list, tuple, deque, Sequence)
# In a walk, the contexts of a frame are a list, or `()` if nobody has looked for them yet.
_PUT_BACK = object()
"""In place of the origin of an item: it is a `Frame` that was looked at already."""


class Leaf:
    """A stack item that isn't unwrapped, though it could be. Hooks return it.

    Args:
        item: The item, which becomes the leaf of the stack.
        error: The exception that its unwrapping has raised; ``None`` if there is none.

    Example:
        >>> class Reply:
        ...     def __init__(self, source):
        ...         self.source = source
        >>> @unwrap_stackitem.register(Reply)
        ... def source_of(reply):
        ...     return Leaf(reply.source)
        >>> source = (n for n in range(3))
        >>> stack = extract(Reply(source))
        >>> stack.leaf is source, len(stack)
        (True, 0)
    """

    __slots__ = ("error", "item")

    def __init__(self, item: object, error: Optional[BaseException] = None) -> None:
        self.item: object = item
        self.error: Optional[BaseException] = error


class Past:
    """A frame as an exception has left it: the stack item for an entry of a traceback.

    Args:
        pyframe: The frame.
        lineno: The line.
        lasti: The offset of the instruction, in bytes.
        left: Whether the exception is known to have left the frame.

    Example:
        >>> def fail():
        ...     raise KeyError
        >>> try:
        ...     fail()
        ... except KeyError as exc:
        ...     entry = exc.__traceback__.tb_next
        >>> past = Past(entry.tb_frame, entry.tb_lineno, entry.tb_lasti, True)
        >>> [frame.is_past for frame in extract(past)]
        [True]
    """

    __slots__ = ("lasti", "left", "lineno", "pyframe")

    def __init__(self, pyframe: FrameType, lineno: int, lasti: int, left: bool) -> None:
        self.pyframe: FrameType = pyframe
        self.lineno: int = lineno
        self.lasti: int = lasti
        self.left: bool = left

    def frame(self, with_contexts: bool) -> Frame:
        """The frame, with the contexts that were active when the exception passed.

        Args:
            with_contexts: As for `extract`.

        Returns:
            The frame, marked with ``is_past``.
        """
        frame = Frame(self.pyframe, self.lineno, None, [])
        frame.is_past = True
        if with_contexts:
            from stackscope.extraction.unwound import contexts_open_at

            frame.contexts = contexts_open_at(self.pyframe, self.lasti, self.left)
        return frame


def _as_items(result: Any) -> Sequence[Any]:
    """What a hook returned, as a sequence of stack items."""
    kind = type(result)
    if kind is list or kind is tuple:
        return result  # type: ignore[no-any-return]
    # Not isinstance(), which may run code of an item or its metaclass.
    if any(base is sequence for base in mro_of(kind) for sequence in _SEQUENCES):
        return list(result)
    return (result,)


# ------------------------------------------------------------------- walk


class Walk:
    """The extraction of one stack."""

    __slots__ = (
        "doubts",
        "epoch",
        "errors",
        "extraction",
        "group",
        "pending",
        "read_chain",
        "ready",
        "stack",
    )

    def __init__(self, extraction: Extraction, stack: Stack, item: Any) -> None:
        self.extraction: Extraction = extraction
        self.stack: Stack = stack
        self.pending: List[Pending] = [] if item is None else [(item, None, 0, 0)]
        self.read_chain = extraction.read_chain
        self.ready: List[Frame] = []
        """Frames that were read at once, innermost first. They are to come before what is pending,
        and are of the group `group`."""
        self.epoch: int = 0
        self.group: int = 0
        """The group of what `advance` has found."""
        self.errors: List[BaseException] = []
        self.doubts: List[Tuple[int, BaseException]] = []
        """Errors met in looking ahead, with their groups. They count unless their place gets
        pruned."""

    def run(self, only_first: bool = False) -> None:
        """Fill in the stack."""
        append = self.stack.frames.append  # type: ignore[attr-defined]
        elaborators = self.extraction.lookups.elaborators
        managers = self.extraction.lookups.managers
        try:
            frame = self.advance()
            while frame is not None:
                group = self.group
                ready = self.ready
                following = ready.pop() if ready else self.advance()
                if type(frame.contexts) is tuple:
                    self.add_contexts(frame, following)
                for context in frame.contexts:
                    # The next line is all that most managers cost.
                    if managers.get(id(type(context.obj)), context) is not None:
                        self.fill(context)
                append(frame)
                code = frame.pyframe.f_code
                (hook,) = elaborators.get(id(code)) or self.extraction.elaborator(code)
                if hook is not None:
                    following = self.elaborate(hook, frame, group, following)
                if self.doubts:
                    self.settle()
                if only_first:
                    self.ready.clear()
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
        """Unwrap the next item until it is a frame, and take that.

        ``None`` at a leaf and at the end.
        """
        if self.ready:
            return self.ready.pop()
        pending = self.pending
        unwrappers = self.extraction.lookups.unwrappers
        while pending:
            item, origin, group, age = pending.pop()
            cls = type(item)
            if cls is FrameType or cls is Frame:
                self.group = group
                self.epoch += UNWRAP_LIMIT + 2
                if cls is FrameType:
                    return Frame(item, -1, origin, ())
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
                if cls is CoroutineType and self.take_chain(item, group):
                    return self.ready.pop()
            elif cls is StackSlice and self.take_own(item, group):
                return self.ready.pop()
            if age < self.epoch:  # noqa: PLR1730 (max() takes longer)
                age = self.epoch
            try:
                if age > self.epoch + UNWRAP_LIMIT:
                    raise too_many_unwrappings(item, item)
                unwrap = unwrappers.get(id(cls)) or self.extraction.unwrapper(cls)
                result = None if unwrap is None else unwrap(item)
                if result is None:
                    pending.append((Leaf(item), origin, group, age))
                    continue
                kind = type(result)
                if kind is CoroutineType or kind is Leaf:  # as below, but at once
                    pending.append((result, origin, group, age + 1))
                    continue
                parts = result if kind is list else _as_items(result)
                if len(parts) == 2 and type(parts[0]) is FrameType:
                    # As below, but at once: a frame and what it awaits are by far the most usual.
                    if parts[1] is not None:
                        pending.append((parts[1], origin, group, age))
                    self.group = group
                    self.epoch += UNWRAP_LIMIT + 2
                    return Frame(parts[0], -1, origin, ())
                self.push(parts, origin, group, age + 1)
            except BaseException as exc:
                if interrupts(exc):
                    raise
                pending.append((Leaf(item, without_our_frames(exc)), origin, group, age))
        return None

    def take_chain(self, coroutine: Coroutine, group: int) -> bool:
        """Have the frames of a coroutine and of what it awaits ready, if they are read at once."""
        read = self.read_chain
        if read is None:
            return False
        frames: List[Frame] = []
        rest: object = None
        try:  # as `attempt`, but faster
            frames, rest = read(coroutine, self.extraction.with_contexts)
        except BaseException as exc:
            if interrupts(exc):
                raise
        if not frames:
            self.read_chain = None  # or the same would be tried again for each part of the chain
            return False
        self.make_ready(frames, group)
        if rest is not None:
            self.pending.append((rest, frames[0].origin, group, self.epoch))
        return True

    def take_own(self, piece: StackSlice, group: int) -> bool:
        """The same, if ``piece`` is the stack of this thread."""
        extraction = self.extraction
        is_whole = piece.outer is None and piece.inner is None and piece.limit is None
        if not is_whole or extraction.read_own is None:
            return False
        nothing: List[Frame] = []
        frames = attempt(nothing, extraction.read_own, extraction.caller, extraction.with_contexts)
        if frames:
            self.make_ready(frames, group)
        return bool(frames)

    def make_ready(self, frames: List[Frame], group: int) -> None:
        """Have frames, innermost first, come next."""
        self.ready = frames
        self.group = group
        self.epoch += UNWRAP_LIMIT + 2

    def put_back(self) -> None:
        """Treat what is ready as any other thing to come."""
        self.pending += [(frame, _PUT_BACK, self.group, 0) for frame in self.ready]
        self.ready = []

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
            frame = None if type(self.pending[-1][0]) is Leaf else self.advance()
            if frame is not None:
                frame.contexts = []
                rest.append(frame)
            elif self.pending:
                leaf = self.pending.pop()[0]
                rest.append(leaf.item)
                if leaf.error is not None:
                    self.errors.append(leaf.error)
        if self.doubts:
            self.settle()
        return rest if len(rest) > 1 else rest[0] if rest else None

    def settle(self) -> None:
        """Let the errors met in looking ahead count."""
        self.errors += [error for group, error in self.doubts]
        self.doubts.clear()

    # ----------------------------------------------------------- contexts

    def add_contexts(self, frame: Frame, following: Optional[Frame]) -> None:
        """Find the contexts of ``frame``."""
        frame.contexts = []
        if not self.extraction.with_contexts:
            return
        callee = None if following is None else following.pyframe
        try:
            frame.contexts = self.extraction.find_contexts(frame.pyframe, frame.origin, callee)
        except BaseException as exc:
            self.record(exc)

    def fill(self, context: Context) -> None:
        """Let the hooks fill in a context."""
        try:
            self.extraction.fill(context)
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
        """Call the hook for a frame, and change what is to come as it says.

        Gives the next frame.
        """
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
        if not items and self.group >= group:  # `PRUNE`, and all that is ready belongs to it
            self.ready = []
            self.drop(group)
            return self.advance()
        self.put_back()
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
        if self.ready:
            self.put_back()
        pending = self.pending
        while pending and pending[-1][2] >= group:
            pending.pop()
        if self.doubts:
            self.doubts = [doubt for doubt in self.doubts if doubt[0] < group]


def copy_of(frame: Frame, origin: object) -> Frame:
    """A frame that somebody passed in, which stays as it is."""
    return Frame(
        frame.pyframe,
        frame.lineno,
        origin if frame.origin is None else frame.origin,
        (),
        frame.hide,
        frame.hide_line,
    )
