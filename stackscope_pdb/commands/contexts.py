"""`ctx`: the context managers that are active in the current frame, and a way into them."""

from __future__ import annotations

from stackscope_pdb.commands.arguments import single
from stackscope_pdb.commands.registry import CommandError, command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import List, Optional

    from stackscope import Frame
    from stackscope_pdb.stop.host import Host
    from stackscope_pdb.views.contexts import NumberedContext


def _complete(debugger: Host, _text: str) -> List[str]:
    from stackscope_pdb.views.contexts import by_number

    return list(by_number(_numbered(debugger)))


@command("this frame's context managers; go into one", complete=_complete)
def ctx(debugger: Host, argument: str) -> None:
    """ctx [PATH]

    Show the active context managers of the current frame: its 'with' and
    'async with' blocks, what is inside each of them, and the tasks that
    each owns. Each has a number, such as 2 or 2.1.

    With such a number, move into that context manager: into the frames
    of its @contextmanager function, or to the child task. 'unfocus' goes
    back.

    In the frames of an exception, show the blocks that were open when it
    passed. Their context managers have been left since.
    """
    path = single(argument.split(), "number")
    nodes = _numbered(debugger)
    if path is not None:
        _move_into(debugger, _find(nodes, path))
        return
    if nodes:
        from stackscope_pdb.views.contexts import context_lines

        console = debugger.console
        lines = list(context_lines(nodes, debugger.session.snapshots, console))
        debugger.message(f"Active in {_name(debugger)}, outermost first:")
        debugger.show(lines, console)
    else:
        debugger.message(_why_none(debugger))
    _show_past(debugger)


def _show_past(debugger: Host) -> None:
    """The blocks that an exception has left on its way through the current frame."""
    from stackscope_pdb.views.contexts import past_lines

    frame, lineno = debugger.stack[debugger.curindex]
    step = _step_of(debugger.session.traceback, frame, lineno)
    if step is None:
        return
    is_live = debugger.session.is_running(frame)
    lines = list(past_lines(frame, lineno, step.tb_lasti, is_live=is_live))
    if lines:
        debugger.message(f"Open at line {lineno} when the exception passed, outermost first:")
        debugger.show(lines)


def _step_of(
    traceback: Optional[TracebackType], frame: FrameType, lineno: int
) -> Optional[TracebackType]:
    """The last entry of a traceback for a frame and line."""
    found = None
    while traceback is not None:
        if traceback.tb_frame is frame and traceback.tb_lineno == lineno:
            found = traceback
        traceback = traceback.tb_next
    return found


def _numbered(debugger: Host) -> List[NumberedContext]:
    from stackscope_pdb.views.contexts import number_contexts

    frame = _current(debugger)
    return number_contexts(frame) if frame is not None and not frame.is_past else []


def _current(debugger: Host) -> Optional[Frame]:
    """What the library says about the current frame."""
    frames = list(debugger.session.extract(with_contexts=True).frames)
    if debugger.session.focus is None:
        frames = [frame for frame in frames if not frame.is_past]  # see _show_past
    found = next((frame for frame in frames if frame.pyframe is debugger.current_frame), None)
    if found is None and debugger.session.is_live(debugger.current_frame):
        import stackscope

        # A hook has left it out. It still has contexts.
        found = next(iter(stackscope.extract_until(debugger.current_frame, limit=1)), None)
    return found


def _name(debugger: Host) -> str:
    from stackscope.safe.text import safe_text

    return safe_text(debugger.current_frame.f_code.co_name)


def _why_none(debugger: Host) -> str:
    if not debugger.session.is_live(debugger.current_frame):
        return f"{_name(debugger)} has ended: no context manager is active in it any more."
    return f"No context manager is active in {_name(debugger)}."


def _find(nodes: List[NumberedContext], path: str) -> NumberedContext:
    from stackscope_pdb.views.contexts import by_number

    numbers = by_number(nodes)
    found = numbers.get(path.rstrip("."))
    if found is not None:
        return found
    if not numbers:
        raise CommandError(f"There is no context {path}: none is active in this frame.")
    names = list(numbers)
    shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    raise CommandError(f"There is no context {path} in this frame. There are: {shown}.")


def _move_into(debugger: Host, node: NumberedContext) -> None:
    stack = node.inner_stack
    if stack is None:
        task = node.task
        if task is None:
            parts = ", ".join(child.number for child in node.below())
            inside = f" Inside it are {parts}." if parts else ""
            raise CommandError(
                f"There is nothing to move into: context {node.number}, '{node.title}', "
                f"is neither a @contextmanager nor a task.{inside}"
            )
        from stackscope_pdb.commands.tasks import focus_task

        focus_task(debugger, task)
        return
    from stackscope.snapshot.user_code import index_of_user_frame
    from stackscope_pdb.stop.focus import Focus

    item = stack.root if stack.root is not None else stack.frames[0].origin
    focus = Focus(
        stack.frames[0].pyframe if item is None else item,
        stack,
        name=f"ctx {node.number}",
        noun=f"context {node.number}, '{node.title}'",
        kind="context",
    )
    debugger.enter(focus, index_of_user_frame(stack))
