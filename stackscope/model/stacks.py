"""What an extraction gives: `Stack`, `Frame` and `Context`, and the stack item `StackSlice`.

They are plain data. `stackscope.render` draws them; it is imported when it is first needed.
"""

from __future__ import annotations

from stackscope.model.records import late, record
from stackscope.safe.loading import TooEarly, load
from stackscope.safe.objects import module_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import traceback
    from types import FrameType
    from typing import Any, Dict, Iterator, List, Optional, Sequence, Union

    Children = Sequence[Union["Context", "Stack"]]

__all__ = ["Context", "Frame", "Stack", "StackItem", "StackSlice"]


def html_of(shown: object, **options: Any) -> str:
    """Draw a stack or a snapshot as HTML, with the options of `Snapshot.to_html`."""
    try:
        load("stackscope.render.html")
    except TooEarly as exc:
        return f"<p>{exc}</p>"
    from stackscope.render.html import html_of as draw

    return draw(shown, **options)  # type: ignore[arg-type]


def mimebundle(self: Any, include: Any = None, exclude: Any = None) -> Dict[str, str]:
    """For notebooks and IPython: the tree as text, and as HTML that can be folded."""
    try:
        load("stackscope.render.html")
    except TooEarly as exc:
        return {"text/plain": str(exc)}
    from stackscope.render.html import mimebundle as bundle_of

    return bundle_of(self, include, exclude)


def pretty(self: Any, printer: Any, cycle: bool) -> None:
    """For IPython's pretty printer: the tree as text, also where it stands in a list."""
    try:
        load("stackscope.render.html")
    except TooEarly as exc:
        printer.text(str(exc))
        return
    from stackscope.render.html import print_pretty

    print_pretty(self, printer)


StackItem = object
"""In annotations, anything that has a stack: a task, a coroutine, a thread …"""


@record
class Stack:
    """The frames of one stack.

    Iterating over a stack gives its frames, and ``len(stack)`` is their number. Both include hidden
    frames.

    Args:
        root: The object that was passed to `extract`; ``None`` for a part of a running stack.
        frames: The frames, outermost first.
        leaf: What remains below the last frame, such as the future that is awaited there. If
            several things remain, a list of them.
        error: The exception that ended the extraction early; ``None`` if there was none. What was
            found before it is in ``frames``.

    Example:
        >>> def count():
        ...     yield 1
        >>> stack = extract(count())
        >>> len(stack), stack.frames[0].funcname, stack.leaf, stack.error
        (1, 'count', None, None)
    """

    root: object
    frames: Sequence[Frame]
    leaf: object = None
    error: Optional[BaseException] = None

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.frames)

    def __str__(self) -> str:
        return "".join(self.format())

    def format(
        self,
        *,
        ascii_only: bool = False,
        show_contexts: bool = True,
        show_hidden_frames: bool = False,
        whole: bool = False,
    ) -> List[str]:
        """Draw the stack as a tree.

        Args:
            ascii_only: Draw with ASCII characters only.
            show_contexts: Show the context managers that are active in each frame.
            show_hidden_frames: Also show the frames and contexts marked with ``hide``.
            whole: Leave out nothing. Without it there are bounds: of the children of a context,
                such as what an exit stack holds and the tasks of a nursery, the first 100 are
                drawn; of a stack the first and the last 500 frames; of parts inside parts, such as
                the stack of a task below that of another one, 300 levels. After 10,000 lines no
                stack inside another one is begun. Wherever something is left out, a line says
                so.

        Returns:
            The lines, each ending in a newline.
        """
        try:
            load("stackscope.render.stack")
        except TooEarly as exc:
            return [f"{exc}\n"]
        from stackscope.render.stack import format_stack

        return format_stack(self, ascii_only, show_contexts, show_hidden_frames, whole)

    def to_html(
        self,
        *,
        full: bool = False,
        show_contexts: bool = True,
        show_hidden_frames: bool = False,
        max_alike: Optional[int] = 5,
        fold: bool = True,
        short_paths: bool = True,
        max_bytes: int = 1_900_000,
    ) -> str:
        """Draw the stack as HTML. Arguments and result are as in `Snapshot.to_html`.

        Example:
            >>> "<details" in stackscope.extract_since(None).to_html()
            True
        """
        return html_of(
            self,
            full=full,
            show_contexts=show_contexts,
            show_hidden_frames=show_hidden_frames,
            max_alike=max_alike,
            fold=fold,
            short_paths=short_paths,
            max_bytes=max_bytes,
        )

    _repr_mimebundle_ = mimebundle
    _repr_pretty_ = pretty

    def format_flat(self, *, show_contexts: bool = False) -> List[str]:
        """Write the stack in the style of `traceback`.

        Args:
            show_contexts: Also write an entry for each active context manager.

        Returns:
            Strings that end in a newline. As in `traceback`, some contain several lines.
        """
        from stackscope.render.stdlib import format_flat

        return format_flat(self, show_contexts)

    def as_stdlib_summary(
        self,
        *,
        show_contexts: bool = False,
        show_hidden_frames: bool = False,
        capture_locals: bool = False,
    ) -> traceback.StackSummary:
        """The stack as a `traceback.StackSummary`.

        Args:
            show_contexts: Also include an entry for each active context manager.
            show_hidden_frames: Also include what is marked with ``hide``.
            capture_locals: Store the representations of local variables. Before Python 3.13, this
                may discard what a debugger has assigned to variables of these frames.

        Returns:
            The summary.
        """
        from stackscope.render.stdlib import stack_summary

        return stack_summary(self, show_contexts, show_hidden_frames, capture_locals)

    def to_json(self, *, capture_locals: bool = False, indent: Optional[int] = None) -> str:
        """The stack as JSON, with everything that is needed to draw it.

        The schema is described on the page "json" of the documentation.

        Args:
            capture_locals: Include the representations of local variables and context managers.
            indent: How many spaces to indent by, as in `json.dumps`; ``None`` writes one line.

        Returns:
            The text, in ASCII only.

        Example:
            >>> stack = stackscope.extract(stackscope.StackSlice(limit=1))
            >>> str(stackscope.Stack.from_json(stack.to_json())) == str(stack)
            True
        """
        from stackscope.render.json_writing import write_stack

        return write_stack(self, capture_locals, indent)

    @classmethod
    def from_json(cls, text: Union[str, bytes]) -> Stack:
        """Read a stack that `to_json` has written, in this process or another one.

        It is drawn like the original. Frames, tasks and other objects are replaced by what is known
        of them.

        Args:
            text: What `to_json` has returned, as a string or in UTF-8.

        Returns:
            The stack.

        Raises:
            ValueError: The text is something else, or was written with another schema.
        """
        from stackscope.render.json_reading import read_stack

        return read_stack(text)


@record
class Frame:
    """One frame of a stack, with the context managers active in it.

    Args:
        pyframe: The interpreter's frame object.
        lineno: The line that is executing; 0 if it has none. -1 reads it from the frame.
        origin: The generator, coroutine or async generator that the frame was found in: the
            innermost one that can have a weak reference.
        contexts: The active context managers, outermost first.
        hide: Leave the frame out when the stack is drawn.
        hide_line: Draw the frame without its source line.

    Attributes:
        is_past: Whether it is an entry of a traceback rather than a frame as it is now. Hooks can
            hide such a frame, but can't change what comes below it. Ignored in comparisons.

    Example:
        >>> def count():
        ...     yield 1
        >>> counter = count()
        >>> next(counter)
        1
        >>> frame = extract(counter).frames[0]
        >>> frame.funcname, frame.lineno - frame.pyframe.f_code.co_firstlineno
        ('count', 1)
    """

    is_past = False
    # f_lineno is None for a moment at the start of some frames.
    _stored_as = {"lineno": "(pyframe.f_lineno or 0) if lineno == -1 else lineno"}
    pyframe: FrameType
    lineno: int = -1
    origin: object = None
    contexts: Sequence[Context] = ()
    hide: bool = False
    hide_line: bool = False

    @property
    def filename(self) -> str:
        """The file that the frame's code comes from."""
        return self.pyframe.f_code.co_filename

    @property
    def funcname(self) -> str:
        """The name of the function that the frame executes."""
        return self.pyframe.f_code.co_name

    @property
    def clsname(self) -> Optional[str]:
        """The qualified name of the class that the frame's method belongs to, if known.

        If the first parameter is named ``self`` or ``cls`` and still has a value, that is the type
        of ``self``, or ``cls`` itself. Otherwise it is ``None``.
        """
        code = self.pyframe.f_code
        if not code.co_argcount or code.co_varnames[0] not in ("self", "cls"):
            return None
        from stackscope.model.saved import class_of_method

        return class_of_method(self.pyframe)

    @property
    def modname(self) -> Optional[str]:
        """The name of the module that the frame's globals belong to, or ``None``."""
        return module_of(self.pyframe)

    @property
    def linetext(self) -> str:
        """The source line that is executing, without the space around it.

        Empty if it isn't known, or if the frame is marked with ``hide_line``.
        """
        if self.hide_line:
            return ""
        from stackscope.render.source import line_text

        return line_text(self.pyframe, self.lineno)

    def __str__(self) -> str:
        return "".join(self.format())

    def format(
        self,
        *,
        ascii_only: bool = False,
        show_contexts: bool = True,
        show_hidden_frames: bool = False,
        whole: bool = False,
    ) -> List[str]:
        """Draw the frame with its contexts. Arguments and result are as in `Stack.format`."""
        try:
            load("stackscope.render.stack")
        except TooEarly as exc:
            return [f"{exc}\n"]
        from stackscope.render.stack import format_frame

        return format_frame(self, ascii_only, show_contexts, show_hidden_frames, whole)

    _repr_mimebundle_ = mimebundle
    _repr_pretty_ = pretty

    def as_stdlib_summary(self, *, capture_locals: bool = False) -> traceback.FrameSummary:
        """The frame as a `traceback.FrameSummary`, without its contexts.

        Args:
            capture_locals: As for `Stack.as_stdlib_summary`.

        Returns:
            The summary.
        """
        from stackscope.render.stdlib import frame_summary

        return frame_summary(self, capture_locals)

    def as_stdlib_summary_with_contexts(
        self, *, show_hidden_frames: bool = False, capture_locals: bool = False
    ) -> Iterator[traceback.FrameSummary]:
        """The entries for the contexts of the frame, then the entry for the frame itself.

        Each context is followed by the frames inside it and by its child contexts. If the last
        context is exiting, the frame has no entry: it would repeat the same line.

        Args:
            show_hidden_frames: As for `Stack.as_stdlib_summary`.
            capture_locals: As for `Stack.as_stdlib_summary`.

        Returns:
            An iterator of summaries.
        """
        from stackscope.render.stdlib import frame_summaries

        return frame_summaries(self, show_hidden_frames, capture_locals)


@record
class Context:
    """One active item of a ``with`` or ``async with`` statement.

    A context is active from the return of its enter method to the return of its exit method.

    Args:
        obj: The context manager, or what a hook has put in its place. ``None`` if it can't be
            found.
        is_async: Whether it was entered by ``async with``.
        is_exiting: Whether its exit method is running.
        varname: The target of its ``as`` clause, or the name of a local variable that holds the
            manager; ``None`` if there is neither.
        start_line: The line of the ``with`` keyword; ``None`` if that isn't known.
        description: What it is, in the words of its library; ``None`` if no hook says that.
        inner_stack: The stack inside the manager, such as that of the generator of a
            ``@contextmanager``.
        children: The contexts of an ``ExitStack``, or the stacks of child tasks.
        hide: Leave the context out when the stack is drawn.

    Attributes:
        is_past: Whether it was active when an exception passed, rather than now. Ignored in
            comparisons.

    Example:
        >>> import os
        >>> def read(path):
        ...     with open(path) as file:
        ...         yield file
        >>> reading = read(os.devnull)
        >>> file = next(reading)
        >>> [context] = extract(reading).frames[0].contexts
        >>> context.varname, context.obj is file
        ('file', True)
        >>> reading.close()
    """

    is_past = False
    obj: object
    is_async: bool
    is_exiting: bool = False
    varname: Optional[str] = None
    start_line: Optional[int] = late()
    description: Optional[str] = late()
    inner_stack: Optional[Stack] = None
    children: Children = ()
    hide: bool = False

    def __str__(self) -> str:
        return "".join(self.format())

    def format(
        self,
        *,
        ascii_only: bool = False,
        show_contexts: bool = True,
        show_hidden_frames: bool = False,
        whole: bool = False,
    ) -> List[str]:
        """Draw the context and what is inside it. Arguments and result are as in `Stack.format`."""
        try:
            load("stackscope.render.stack")
        except TooEarly as exc:
            return [f"{exc}\n"]
        from stackscope.render.stack import format_context

        return format_context(self, ascii_only, show_contexts, show_hidden_frames, whole)

    _repr_mimebundle_ = mimebundle
    _repr_pretty_ = pretty


@record
class StackSlice:
    """A stack item: some frames of a running stack.

    With ``inner``: ``inner`` and its callers, out to ``outer``. With only ``outer``: ``outer`` and
    what it is calling now. With neither: the current thread, in to the caller of `extract`.

    Args:
        outer: The outermost frame.
        inner: The innermost frame.
        limit: The most frames to take, counted from ``outer`` if only that is given, otherwise from
            the innermost frame. ``None`` takes all.

    Example:
        >>> [frame.funcname for frame in extract(StackSlice(limit=1))]
        ['<module>']
    """

    outer: Optional[FrameType] = None
    inner: Optional[FrameType] = None
    limit: Optional[int] = None
