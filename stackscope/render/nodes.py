"""From a `Stack` to a tree of nodes: what is to be shown, and in what order, but not how.

A node wraps one object of the model and gives what a renderer needs of it: words that are safe to
print, and the nodes below it.

=============  =================================================================================
`StackNode`    a stack: its `FrameNode` s, leaf and error
`FrameNode`    a frame: its `ContextNode` s
`ContextNode`  a context: the `StackNode` inside it, and its children, each a `ContextNode` or the
               `StackNode` of a child task
=============  =================================================================================

Nodes are made when they are asked for. So a tree of any size or depth costs what is drawn of it,
and a renderer can walk it without recursion.
"""

from __future__ import annotations

from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType, TracebackType
from typing import TYPE_CHECKING

from stackscope.model.saved import SavedObject, class_of_method, repr_of, type_name_of
from stackscope.model.stacks import Context, Frame, Stack
from stackscope.render.errors import error_lines
from stackscope.render.front_ends import file_of
from stackscope.render.source import Sources, is_whole_head
from stackscope.safe.objects import module_of
from stackscope.safe.text import (
    REPR_LIMIT,
    class_name,
    safe_line,
    safe_text,
)

if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Optional, Sequence, Tuple, Union

    from stackscope.render.drawing import Words

ERROR_TITLE = "Error while extracting stack:"
UNKNOWN_CHILD = "<unidentified child>"
UNKNOWN_CONTEXT = "with <???>:"
UNKNOWN_MODULE = "unknown module"

NAMED_BY_FRAMES = (
    AsyncGeneratorType,
    CoroutineType,
    Frame,
    FrameType,
    GeneratorType,
    TracebackType,
)
"""Types of roots of which the frames tell as much as their representation does."""

AWAITABLE_NAMES = ("coroutine_wrapper", "async_generator_asend", "async_generator_athrow")
"""The same for built-in types that have no other name."""


class View:
    """What a reader wants to see of a tree, and the sources that were read for it so far.

    Args:
        show_contexts: Show the contexts of frames.
        show_hidden: Also show the frames and contexts marked with ``hide``.
        repr_limit: How many characters to show of an object's representation at most.
    """

    show_child_stacks = True
    """Whether to show the frames of child tasks, where a stack has them."""

    def __init__(
        self,
        show_contexts: bool = True,
        show_hidden: bool = False,
        repr_limit: int = REPR_LIMIT,
    ) -> None:
        self.show_contexts = show_contexts
        self.show_hidden = show_hidden
        self.repr_limit = repr_limit
        self.sources: Sources = Sources()
        self._lines: Dict[Tuple[int, int], str] = {}
        self._heads: Dict[Tuple[int, int], Optional[str]] = {}
        self._items: Dict[Tuple[int, int, int, Optional[str]], str] = {}
        self.context_words: Dict[Tuple[int, Optional[int], int, Optional[str], int], Words] = {}
        """What is said of contexts, by the ids of the code and of the type of the manager, the line
        and the number of the ``with`` item, and its name."""
        self._places: Dict[Tuple[int, Optional[str]], Tuple[str, Optional[str], str]] = {}

    def line(self, frame: FrameType, lineno: int) -> str:
        """A source line of a frame."""
        key = id(frame.f_code), lineno
        text = self._lines.get(key)
        if text is None:
            text = self._lines[key] = safe_line(self.sources.line(frame, lineno))
        return text

    def with_line(self, frame: FrameType, lineno: int, index: int, varname: Optional[str]) -> str:
        """The part of a ``with`` statement that is about one item; see `Sources.with_line`."""
        head = id(frame.f_code), lineno
        try:
            text = self._heads[head]
        except KeyError:
            text = self._heads[head] = self._head(frame, lineno)
        if text is not None:
            return text
        item = (*head, index, varname)
        text = self._items.get(item)
        if text is None:
            text = safe_line(self.sources.with_line(frame, lineno, index, varname))
            self._items[item] = text
        return text

    def _head(self, frame: FrameType, lineno: int) -> Optional[str]:
        """The line of a ``with`` statement if its head surely ends there, else ``None``."""
        line = self.sources.line(frame, lineno)
        return safe_line(line) if not line or is_whole_head(line) else None

    def class_of(self, frame: Frame) -> Optional[str]:
        """The class that a frame's method belongs to."""
        name = class_of_method(frame.pyframe) if type(frame) is Frame else frame.clsname
        return None if name is None else safe_text(name)

    def place(self, frame: Frame) -> Tuple[str, Optional[str], str]:
        """The names of a frame's function, of its module and of its file."""
        # They are the same for all frames of a function.
        module = module_of(frame.pyframe) if type(frame) is Frame else frame.modname
        key = id(frame.pyframe.f_code), module
        try:
            return self._places[key]
        except KeyError:
            shown = safe_text(module) if module else None
            found = safe_text(frame.funcname), shown, safe_text(file_of(frame))
            self._places[key] = found
            return found

    def repr(self, obj: object) -> str:
        """The guarded representation of ``obj``."""
        return repr_of(obj, self.repr_limit)


class StackNode:
    """A stack, which ``stack`` is."""

    def __init__(self, stack: Stack, view: View) -> None:
        self.stack = stack
        self.view = view

    @property
    def root(self) -> Optional[str]:
        """What the stack belongs to, if that says more than the frames do."""
        root = self.stack.root
        if root is None or (self.has_frames and is_named_by_frames(root)):
            return None
        return self.view.repr(root)

    @property
    def name(self) -> str:
        """What to call the stack where it is the child of a context."""
        root = self.stack.root
        return UNKNOWN_CHILD if root is None else self.view.repr(root)

    @property
    def has_frames(self) -> bool:
        """Whether the stack has frames, hidden ones included."""
        return bool(self.stack.frames)

    def shown(self) -> Sequence[Frame]:
        """The frames to show, outermost first."""
        frames = self.stack.frames
        return frames if self.view.show_hidden else [one for one in frames if not one.hide]

    def frames(self) -> Iterator[FrameNode]:
        """The same, as nodes."""
        for frame in self.shown():
            yield FrameNode(frame, self.view)

    @property
    def leaf(self) -> Optional[str]:
        """What remains below the last frame."""
        leaf = self.stack.leaf
        return None if leaf is None else self.view.repr(leaf)

    def error_lines(self) -> List[str]:
        """The lines that tell of the error, without line ends; none if there was no error."""
        error = self.stack.error
        return [] if error is None else [ERROR_TITLE, *error_lines(error)]


class FrameNode:
    """A frame, which ``frame`` is."""

    __slots__ = ("frame", "view")

    def __init__(self, frame: Frame, view: View) -> None:
        self.frame: Frame = frame
        self.view: View = view

    @property
    def clsname(self) -> Optional[str]:
        """The class that the method belongs to."""
        return self.view.class_of(self.frame)

    def place(self) -> Tuple[str, Optional[str], str]:
        """The names of the function, of its module and of its file."""
        return self.view.place(self.frame)

    @property
    def lineno(self) -> int:
        """The line that executes; 0 if there is none."""
        return self.frame.lineno

    @property
    def source(self) -> str:
        """The source line to show below the contexts.

        Empty if it is unknown or hidden, or if the line of an exiting context has just said the
        same.
        """
        frame = self.frame
        if frame.hide_line or (frame.contexts and frame.contexts[-1].is_exiting):
            return ""
        return self.view.line(frame.pyframe, frame.lineno)

    def contexts(self) -> Iterator[ContextNode]:
        """The contexts to show, outermost first."""
        if not self.view.show_contexts:
            return
        for context, index in contexts_to_show(self.frame, self.view.show_hidden):
            yield ContextNode(context, self.view, self.frame, index)


def contexts_to_show(frame: Frame, show_hidden: bool) -> List[Tuple[Context, int]]:
    """The contexts of a frame, each with its number among the items of its ``with`` statement.

    Args:
        frame: The frame.
        show_hidden: Whether to show those that are marked with ``hide``.
    """
    # Items of one statement enter in order and exit in reverse: those that are active are its
    # first.
    found = []
    entered: Dict[Optional[int], int] = {}
    for context in frame.contexts:
        line = context.start_line
        index = entered.get(line, 0)
        entered[line] = index + 1
        if show_hidden or not context.hide:
            found.append((context, index))
    return found


class ContextNode:
    """A context, which ``context`` is.

    Args:
        context: The context.
        view: What is to be shown.
        frame: The frame in which the context is active, if it is one of a frame's ``contexts``.
        index: Its number among the items of its ``with`` statement.
        is_child: Whether it is one of the ``children`` of another context.
    """

    __slots__ = ("context", "frame", "index", "is_child", "view")

    def __init__(
        self,
        context: Context,
        view: View,
        frame: Optional[Frame] = None,
        index: int = 0,
        is_child: bool = False,
    ) -> None:
        self.context: Context = context
        self.view: View = view
        self.frame: Optional[Frame] = frame
        self.index: int = index
        self.is_child: bool = is_child

    @property
    def source(self) -> str:
        """The part of the ``with`` statement that is about this context; empty if unknown."""
        context = self.context
        if self.frame is None or context.start_line is None:
            return ""
        return self.view.with_line(
            self.frame.pyframe, context.start_line, self.index, context.varname
        )

    @property
    def description(self) -> str:
        """What it is in words, where there is no source line."""
        context = self.context
        if context.description:
            return safe_text(context.description)
        return f"async {UNKNOWN_CONTEXT}" if context.is_async else UNKNOWN_CONTEXT

    @property
    def varname(self) -> Optional[str]:
        """The variable that it is assigned to: ``_`` if there is only an object."""
        name = self.context.varname
        if name is not None:
            return safe_text(name)
        return None if self.context.obj is None else "_"

    @property
    def typename(self) -> Optional[str]:
        """The name of the type of its object."""
        obj = self.context.obj
        return None if obj is None else type_name_of(obj)

    @property
    def lineno(self) -> Optional[int]:
        """The line of the ``with`` keyword, if it is a line of the frame that is shown."""
        return None if self.is_child else self.context.start_line

    @property
    def is_past(self) -> bool:
        """Whether it isn't active any more, but was when an exception passed."""
        return self.context.is_past

    @property
    def inner(self) -> Optional[StackNode]:
        """The stack inside the context manager."""
        stack = self.context.inner_stack
        return None if stack is None else StackNode(stack, self.view)

    def children(self) -> Iterator[Union[ContextNode, StackNode]]:
        """Its child contexts to show, and the stacks of its child tasks."""
        for child in self.context.children:
            if isinstance(child, Stack):
                shown = child if self.view.show_child_stacks else Stack(child.root, ())
                yield StackNode(shown, self.view)
            elif self.view.show_hidden or not child.hide:
                yield ContextNode(child, self.view, is_child=True)

    def count_children(self) -> int:
        """How many `children` there are."""
        children = self.context.children
        if self.view.show_hidden:
            return len(children)
        return sum(1 for child in children if isinstance(child, Stack) or not child.hide)


def is_named_by_frames(root: object) -> bool:
    """Whether the frames of a stack tell as much as the representation of its root does."""
    if type(root) is SavedObject:
        return root.is_named_by_frames
    # not isinstance(), which would ask the root for its __class__
    return issubclass(type(root), NAMED_BY_FRAMES) or class_name(root) in AWAITABLE_NAMES
