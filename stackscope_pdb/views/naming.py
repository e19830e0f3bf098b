"""What tasks are called where they are not the main thing."""

from __future__ import annotations

from stackscope.render.nodes import View
from stackscope.render.stream import width_of
from stackscope.render.tasks import STATE_KINDS
from stackscope.render.waits import state_parts, state_text
from stackscope.render.words import place_text, task_name
from stackscope.snapshot.user_code import innermost_user_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stackscope import TaskNode
    from stackscope.render.drawing import Line
    from stackscope_pdb.stop.snapshots import Snapshots


class NamingView(View):
    """A view in which a task is called by its number and name, and not by its long representation.

    Its stack is left to the command `task`.

    Args:
        snapshots: What the stop knows about tasks.
    """

    show_child_stacks = False

    def __init__(self, snapshots: Snapshots, *, show_contexts: bool = True) -> None:
        super().__init__(show_contexts=show_contexts)
        self._snapshots = snapshots

    def repr(self, obj: object) -> str:
        node = self._snapshots.find(obj)
        return super().repr(obj) if node is None else f"task {node.number} {task_name(node)}"


def brief_line(node: TaskNode, width: int = 0) -> Line:
    """A task on one line, where it is not the main thing.

    Args:
        node: The task.
        width: The columns of the line. If it is wider, ``waiting`` is left out before a call.
    """
    line = _line(node, state_text(node))
    if width and width_of("".join([text for _, text in line])) > width:
        return _line(node, str(state_parts([node]).without_word()))
    return line


def _line(node: TaskNode, state: str) -> Line:
    place = place_text(innermost_user_frame(node.stack))
    return [
        ("text", "task "),
        ("number", str(node.number)),
        ("taskname", f" {task_name(node)}"),
        (STATE_KINDS.get(node.state, "state"), f"  {state}"),
        ("place", f"  {place}" if place else ""),
    ]
