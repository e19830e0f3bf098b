"""One call of ``extract()``: its options, what is under construction, and what is put off."""

from __future__ import annotations

import sys
from time import monotonic
from types import CoroutineType, FrameType

from stackscope.extraction.errors import (
    UNWRAP_LIMIT,
    add_error,
    as_one,
    no_frame,
    too_many_unwrappings,
    without_our_frames,
)
from stackscope.extraction.hooks import (
    elaborate_context,
    elaborate_frame,
    may_hide_itself,
    unwrap_context,
    unwrap_stackitem,
)
from stackscope.extraction.lookups import current_lookups
from stackscope.extraction.walk import Walk
from stackscope.interpreter.collector import without_collections
from stackscope.interpreter.running import callers, this_thread, thread_stack
from stackscope.model.stacks import Frame, Stack, StackSlice
from stackscope.safe.interruptions import interrupts
from stackscope.safe.loading import TooEarly, is_loading, load
from stackscope.safe.objects import MISSING, class_attribute, mro_of, namespace_of
from stackscope.safe.scoped import Scoped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, TypeVar

    from stackscope.extraction.lookups import Lookups
    from stackscope.model.stacks import Context

    R = TypeVar("R")
    Chain = Optional[Tuple[object, Optional[Stack], Any, int]]
    Postponed = Tuple[Callable[..., None], Tuple[Any, ...], Chain]
    FrameHook = Callable[[Frame, Any], Any]
    ChainReader = Callable[[Any, bool], Tuple[List[Frame], object]]
    OwnReader = Callable[[Optional[FrameType], bool], List[Frame]]
    Finders = Tuple[Callable[..., List[Context]], ChainReader, OwnReader]
    ContextHooks = Tuple[Optional[Callable[..., None]], Optional[Callable[..., Any]]]


DEPTH_LIMIT = 25
"""How deep stacks inside stacks are extracted recursively.

Below, they are filled in when the levels above are complete, so that the depth of a tree of tasks
isn't limited by the interpreter's recursion limit.
"""


_current: Scoped[Optional[Extraction]] = Scoped("extraction", None)
"""The extraction that is going on."""


def implementation(hook: Any, cls: type) -> Any:
    """The implementation of a ``singledispatch`` hook for ``cls``; ``None`` for the default one.

    ``hook.dispatch`` hashes ``cls`` and asks for its bases, and so is avoided where that would run
    code of its metaclass.
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
    for base in mro_of(metaclass):
        if base is type:
            return True
        if not _ASKED_OF_CLASSES.isdisjoint(namespace_of(base)):
            return False
    return False


def _by_identity(hook: Any, cls: type) -> Any:
    registered = {id(key): found for key, found in hook.registry.items()}
    return next(registered[id(base)] for base in mro_of(cls) if id(base) in registered)


_finders: Optional[Finders] = None


def context_finders() -> Finders:
    """`contexts_active_in_frame`, `read_chain` and `read_own`, imported when first needed.

    What reads bytecode and frames takes longer to import than all the rest.

    Raises:
        Exception: It can't be imported now, perhaps for the code that is interrupted is at it.
    """
    global _finders  # noqa: PLW0603
    finders = _finders
    if finders is None:
        load("stackscope.interpreter.frames.choosing").reader()
        find_contexts = load("stackscope.extraction.contexts").contexts_active_in_frame
        read_chain = load("stackscope.extraction.chains").read_chain
        finders = find_contexts, read_chain, load("stackscope.extraction.own").read_own
        # Only now: what was interrupted before is to be done again.
        _finders = finders
    return finders


def find_no_contexts(*args: object) -> List[Context]:
    """In the place of `contexts_active_in_frame` as long as that can't be imported."""
    return []


class Extraction:
    """One call of `extract`, with all the stacks that it leads to.

    Args:
        with_contexts: Find the context managers of each frame.
        recurse_child_tasks: Also extract the stacks of child tasks.
        caller: The frame that has called `extract`. The stack of the current thread ends there.

    Example:
        >>> def count():
        ...     yield 1
        >>> extraction = Extraction(True, False, sys._getframe())
        >>> len(extraction.complete(extraction.stack, count()))
        1
    """

    __slots__ = (
        "begun",
        "caller",
        "chain",
        "depth",
        "find_contexts",
        "known",
        "lack",
        "later",
        "lookups",
        "on_path",
        "path",
        "read_chain",
        "read_own",
        "recurse_child_tasks",
        "suspended",
        "unsettled",
        "with_contexts",
    )

    def __init__(
        self, with_contexts: bool, recurse_child_tasks: bool, caller: Optional[FrameType]
    ) -> None:
        self.lack: Optional[BaseException] = TooEarly() if is_loading() else None
        """Why something may be missing in each stack."""
        self.find_contexts: Callable[..., List[Context]]
        read_chain: Optional[ChainReader] = None
        read_own: Optional[OwnReader] = None
        try:
            self.find_contexts, read_chain, read_own = context_finders()
        except BaseException as exc:
            if interrupts(exc):
                raise
            self.lack = without_our_frames(exc)
            self.find_contexts = find_no_contexts
        self.with_contexts: bool = with_contexts
        self.recurse_child_tasks: bool = recurse_child_tasks
        self.caller: Optional[FrameType] = caller
        self.depth: int = 0
        self.begun: float = monotonic()
        self.known: Dict[Callable[[], Any], Any] = {}
        """What hooks have looked up: see `looked_up_once`."""
        self.chain: Chain = None
        """What is under construction, innermost first: an item or manager, the stack it belongs to,
        what it is inside, and how many there are outside it."""
        self.path: List[Any] = []
        """The `chain` that `is_under_construction` was last asked about, outermost first."""
        self.on_path: Dict[int, int] = {}
        """How often each item stands on it, by id."""
        self.later: List[Postponed] = []
        self.suspended: List[Iterator[None]] = []
        """What `fill_apart` made for stacks with errors. Closing them now would give them a
        caller."""
        self.lookups: Lookups = current_lookups()
        self.unsettled: Dict[int, Tuple[Optional[Callable[[Any], Any]], type]] = {}
        """How items are unwrapped whose class may yet change that, by its id."""
        is_known = self.lookups.are_usual
        is_usual = is_known or self.unwraps_as_usual(CoroutineType)
        self.read_chain: Optional[ChainReader] = read_chain if is_usual else None
        """Reads a chain of coroutines at once, where hooks don't unwrap them otherwise."""
        are_usual = is_known or self.unwraps_as_usual(StackSlice)
        self.read_own: Optional[OwnReader] = read_own if are_usual else None
        """Does the same for the stack of this thread."""
        self.lookups.are_usual = is_usual and are_usual

    def complete(self, work: Callable[..., R], *args: Any) -> R:
        """Do some work as the current extraction of this thread, and then what it has postponed.

        Args:
            work: A function, such as `stack`.
            args: Its arguments.

        Returns:
            What ``work`` returns.
        """
        if self.recurse_child_tasks:  # these may be all tasks of the program
            return without_collections(_current.during, self, self._complete, work, args)  # type: ignore[no-any-return]
        return _current.during(self, self._complete, work, args)  # type: ignore[no-any-return]

    def _complete(self, work: Callable[..., R], args: Tuple[Any, ...]) -> R:
        result: Optional[R] = None
        try:
            result = work(*args)
            while self.later:
                self.resume(*self.later.pop())
            return result
        finally:
            self.path.clear()
            self.known.clear()
            del result  # see `without_our_frames`

    def postpone(self, work: Callable[..., None], *args: Any) -> None:
        """Do some work later, when the levels above are complete.

        Args:
            work: A function.
            args: Its arguments.
        """
        self.later.append((work, args, self.chain))

    def resume(self, work: Callable[..., None], args: Tuple[Any, ...], chain: Chain) -> None:
        """Do what was postponed. An exception goes to the stack that the work belongs to.

        Args:
            work: A function.
            args: Its arguments.
            chain: The `chain` at the time when it was postponed.
        """
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
        """Extract the stack of an item.

        Args:
            item: The stack item.

        Returns:
            The stack.
        """
        stack = new_stack(item)
        try:
            self.fill_stack(stack, item)
            return stack
        finally:
            del stack

    def child(self, item: Any, for_task: bool) -> Stack:
        """Extract a stack that is a part of another one: see `extract_child`.

        Args:
            item: The stack item.
            for_task: Whether it is the stack of a child task.

        Returns:
            The stack, which may be filled in later.
        """
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
        """Fill in a stack inside another one, so that an error doesn't keep the outer one alive.

        The traceback of an error keeps its frames and all their callers. Without this, these would
        be the frames of hooks and walks that hold the stack around it, which holds the error. But a
        generator that is suspended has no caller.

        Args:
            stack: The stack.
            item: Its stack item.

        Returns:
            A generator. Its first step fills in the stack.
        """
        self.fill_stack(stack, item)
        del stack, item
        yield

    def first_frame(self, item: Any) -> Frame:
        """Extract the first frame of an item.

        Args:
            item: The stack item.

        Returns:
            The frame.

        Raises:
            RuntimeError: The item has no frame.
            Exception: What was raised when the item was unwrapped.
        """
        stack = new_stack(item)
        try:
            self.fill_stack(stack, item, True)
            if stack.frames:
                frame = stack.frames[0]
                stack.frames = []  # what was put off for the whole stack mustn't change it
                return frame
            if stack.error is not None:
                raise stack.error
            raise no_frame(item, stack.leaf)
        finally:
            del stack

    def is_under_construction(self, item: object) -> bool:
        """Whether an item is the root of a stack around this one, or a context manager there.

        Args:
            item: The stack item, or the context manager.

        Returns:
            ``True`` if it is.
        """
        self._follow(self.chain)
        return id(item) in self.on_path

    def _follow(self, chain: Chain) -> None:
        """Make the path that of ``chain``, from where they part.

        So the work for all stacks is linear in their number, however deep they are nested.
        """
        path, counts = self.path, self.on_path
        missing = []
        while chain is not None and not (chain[3] < len(path) and path[chain[3]] is chain):
            missing.append(chain)
            chain = chain[2]
        common = 0 if chain is None else chain[3] + 1
        while len(path) > common:
            key = id(path.pop()[0])
            counts[key] -= 1
            if not counts[key]:
                del counts[key]
        for step in reversed(missing):
            path.append(step)
            counts[id(step[0])] = counts.get(id(step[0]), 0) + 1

    def fill_stack(self, stack: Stack, item: Any, only_first: bool = False) -> None:
        """Find the frames of a stack. An exception goes to its ``error``.

        Args:
            stack: The stack.
            item: Its stack item.
            only_first: Stop at the first frame.
        """
        chain = self.chain
        self.chain = (item, stack, chain, 0 if chain is None else chain[3] + 1)
        self.depth += 1
        try:
            Walk(self, stack, item).run(only_first)
            if self.lack is not None and self.depth == 1:
                add_error(stack, self.lack)
        finally:
            self.depth -= 1
            self.chain = chain
            del stack, chain

    # ----------------------------------------------------------- contexts

    def fill(self, context: Context) -> None:
        """Run the context hooks on a context.

        Args:
            context: The context. It is changed.

        Raises:
            Exception: What a hook has raised.
            RuntimeError: `unwrap_context` doesn't come to an end.
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
        """Run the context hooks on the children of a context, and call ``finish`` on each.

        Deeply nested ones are postponed.

        Args:
            owner: The manager that the children belong to.
            children: The children.
            finish: Called with each child after its hooks, even if these have raised an exception.

        Raises:
            Exception: What the hooks have raised; a group, if it is more than one exception.
        """
        if self.depth < DEPTH_LIMIT:
            self.fill_all(owner, children, finish)
        else:
            self.postpone(self.fill_all, owner, children, finish)

    def fill_all(
        self, owner: object, children: Sequence[Context], finish: Callable[[Context], None]
    ) -> None:
        """Do what `fill_children` does, at once.

        Args:
            owner: As for `fill_children`.
            children: As for `fill_children`.
            finish: As for `fill_children`.

        Raises:
            Exception: As for `fill_children`.
        """
        errors = []
        chain = self.chain
        stack, depth = (None, 0) if chain is None else (chain[1], chain[3] + 1)
        self.chain = (owner, stack, chain, depth)
        self.depth += 1
        managers = self.lookups.managers
        try:
            for child in children:
                try:
                    # The next line is all that most managers cost.
                    if managers.get(id(type(child.obj)), child) is not None:
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
            del errors, chain, stack

    def context_hooks(self, cls: type) -> Optional[ContextHooks]:
        """Find the context hooks for managers of a class.

        Args:
            cls: The class.

        Returns:
            The implementations of `elaborate_context` and `unwrap_context`, each of which may be
            ``None``; ``None`` if there is neither.
        """
        lookups = self.lookups
        known = lookups.managers.get(id(cls), MISSING)
        if known is not MISSING:
            return known  # type: ignore[return-value]
        elaborate = implementation(elaborate_context, cls)
        unwrap = implementation(unwrap_context, cls)
        found = None if elaborate is None and unwrap is None else (elaborate, unwrap)
        if cls is type(None):
            found = None  # a manager that couldn't be found
        lookups.keep(lookups.managers, cls, found)
        return found

    # --------------------------------------------------- items and frames

    def unwrapper(self, cls: type) -> Optional[Callable[[Any], Any]]:
        """Find the implementation of `unwrap_stackitem` for a class.

        Args:
            cls: The class.

        Returns:
            The implementation; ``None`` if it is the default one.
        """
        lookups = self.lookups
        known = lookups.unwrappers.get(id(cls), MISSING)
        if known is not MISSING:
            return known  # type: ignore[return-value]
        if id(cls) in self.unsettled:
            return self.unsettled[id(cls)][0]
        found: Optional[Callable[[Any], Any]] = implementation(unwrap_stackitem, cls)
        if found is not None:
            lookups.keep(lookups.unwrappers, cls, found)
            return found
        if class_attribute(cls, "__next__") is not None:
            found = _iterator_unwrapper
        self.unsettled[id(cls)] = found, cls
        return found

    def unwraps_as_usual(self, cls: type) -> bool:
        """Whether items of a class are unwrapped as usual: no hook was registered for them.

        Args:
            cls: The class.

        Returns:
            ``True`` if they are.
        """
        usual = _usual_unwrappers.get(cls)
        return usual is not None and self.unwrapper(cls) is usual

    def elaborator(self, code: CodeType) -> Tuple[Optional[FrameHook]]:
        """Find the implementation of `elaborate_frame` for a code object.

        Args:
            code: The code object.

        Returns:
            The implementation in a tuple; ``None`` in a tuple if it would do nothing.
        """
        hook = elaborate_frame.for_code(code)
        if hook is None and may_hide_itself(code):
            hook = elaborate_frame.default
        found = (hook,)
        self.lookups.keep(self.lookups.elaborators, code, found)
        return found


_usual_unwrappers: Dict[type, Callable[[Any], Any]] = {}


def set_usual_unwrapper(cls: type, unwrap: Callable[[Any], Any]) -> None:
    """Say how coroutines or slices are unwrapped where all their frames may be read at once.

    As long as that is what is registered for them.
    """
    _usual_unwrappers[cls] = unwrap


_iterator_unwrapper: Optional[Callable[[Any], Any]] = None


def set_iterator_unwrapper(unwrap: Callable[[Any], Any]) -> None:
    """Say how iterators are unwrapped of which `unwrap_stackitem` knows nothing."""
    global _iterator_unwrapper  # noqa: PLW0603
    _iterator_unwrapper = unwrap


def current_extraction() -> Optional[Extraction]:
    """For hooks: the extraction that is going on in this thread; ``None`` if there is none.

    Example:
        >>> current_extraction() is None
        True
    """
    return _current.get()


def seconds_spent() -> float:
    """For hooks: how long the extraction has taken so far that is going on in this thread."""
    extraction = current_extraction()
    return 0.0 if extraction is None else monotonic() - extraction.begun


def looked_up_once(look: Callable[[], R]) -> R:
    """For hooks: what ``look()`` gives, which takes long and is asked once in each extraction."""
    extraction = current_extraction()
    if extraction is None:
        return look()
    if look not in extraction.known:
        extraction.known[look] = look()
    found: R = extraction.known[look]
    return found


def threads_with_frames() -> Iterator[Tuple[int, List[FrameType]]]:
    """For hooks: the identifier of each thread with its frames, outermost first.

    The frames of this thread end at the caller of `extract`.

    Returns:
        An iterator of pairs.

    Example:
        >>> import threading
        >>> frames = dict(threads_with_frames())[threading.get_ident()]
        >>> frames[-1].f_code.co_name
        '<module>'
    """
    here = this_thread()
    for ident in list(sys._current_frames()):
        if ident != here:
            yield ident, thread_stack(ident)
        else:
            extraction = current_extraction()
            # In no variable: a frame that refers to itself has to be collected.
            yield (
                ident,
                callers(sys._getframe().f_back if extraction is None else extraction.caller),
            )


def child_stack(item: Any, for_task: bool) -> Stack:
    """The stack of ``item`` as a part of the one that is being extracted.

    Raises:
        RuntimeError: None is being extracted.
    """
    extraction = current_extraction()
    if extraction is None:
        raise RuntimeError(
            "extract_child() may only be called from within a customization hook "
            "invoked by extract()"
        )
    return extraction.child(item, for_task)


def new_stack(item: object) -> Stack:
    """A stack without frames yet."""
    return Stack(None if type(item) is StackSlice else item, [])
