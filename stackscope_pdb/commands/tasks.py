"""`tasks`, `task`, `unfocus`: all tasks of the process, and a way into the frames of one."""

from __future__ import annotations

import sys

from stackscope_pdb.commands.picking import listed, pick
from stackscope_pdb.commands.table import CommandError, command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from stackscope import Stack
    from stackscope.snapshot import Snapshot, TaskNode
    from stackscope_pdb.commands.debugger import Commands

NO_TASK = "No task is alive in this process."


def take_snapshot(*, with_contexts: bool = False) -> Snapshot:
    """All tasks as they are now; with contexts, also who holds the locks that they wait for."""
    from stackscope.snapshot import extract_all

    snapshot = extract_all(with_contexts=with_contexts, threads=False)
    reader = sys.modules.get("stackscope_pdb.prompt.reader")
    if reader is not None and reader.loop_of_prompt is not None:  # while Tab is looked after
        snapshot.loops = [loop for loop in snapshot.loops if loop.loop is not reader.loop_of_prompt]
    for node in snapshot.tasks():
        if node.state == "running":
            leave_out_debugger(node.stack)
    return snapshot


def leave_out_debugger(stack: Stack) -> None:
    """Let a stack that is running end where the debugger's commands begin.

    These hold what they have found. A stack with them in it would be kept alive by itself.
    """
    from stackscope_pdb.commands.debugger import Commands

    code = Commands.interaction.__code__
    for index in range(len(stack.frames) - 1, -1, -1):
        if stack.frames[index].pyframe.f_code is code:
            stack.frames = stack.frames[:index]
            return


def _complete_name(_debugger: Commands, text: str) -> List[str]:
    return [node.name for node in take_snapshot().tasks()]


def _complete_task(_debugger: Commands, text: str) -> List[str]:
    nodes = list(take_snapshot().tasks())
    return [node.name for node in nodes] + [str(node.number) for node in nodes]


@command("all tasks, under the groups that own them", complete=_complete_name)
def tasks(debugger: Commands, argument: str) -> None:
    """tasks [TEXT]

    Show all tasks of all asyncio loops and trio runs in the process as
    one tree: each with its number, its name, the innermost line of your
    code that it is at, and what it waits for: for how long, and which
    tasks hold the lock, where that can be known. A task stands under the
    'async with' of the task group or nursery that owns it.

    More than five tasks with the same stack become one row.

    With TEXT, show only tasks with that text in their name, state or
    place, and the tasks that own them.
    """
    from stackscope_pdb.views.tasks import task_lines

    snapshot = take_snapshot(with_contexts=True)
    nodes = list(snapshot.tasks())
    if not nodes:
        debugger.message(NO_TASK)
        return
    marked = debugger.session.focus.item if debugger.session.focus else _stopped_task(snapshot)
    console = debugger.console
    wanted = (lambda node: _matches(node, argument)) if argument else None
    lines = list(task_lines(snapshot, wanted, marked, console))
    if not lines:
        count = f"{len(nodes)} task{'s' * (len(nodes) != 1)}"
        debugger.message(
            f"No task has {argument!r} in its name, state or place. 'tasks' shows all {count}."
        )
        return
    debugger.show(lines, console)


def _stopped_task(snapshot: Snapshot) -> object:
    """The task that the program stopped in, if it did in one."""
    for loop in snapshot.loops:
        if loop.is_here:
            return next((node.task for node in loop.walk() if node.state == "running"), None)
    return None


def _matches(node: TaskNode, text: str) -> bool:
    from stackscope_pdb.views.tasks import place_text, state_text

    frames = [frame for frame in node.stack.frames if not frame.hide]
    haystack = [node.name, state_text(node), *map(place_text, frames)]
    return any(text.lower() in part.lower() for part in haystack)


@command("move into the frames of a task", complete=_complete_task)
def task(debugger: Commands, argument: str) -> None:
    """task NUMBER | NAME

    Move into a task: 'where', 'up', 'down', 'ctx', 'list', 'll', 'p',
    'pp', 'args', 'display' and 'interact' then work in its suspended
    frames, and the prompt shows its name. 'unfocus' leads back.

    NUMBER is the one that 'tasks' shows. If a task's name is a number,
    '#3' is the number 3. A part of a name will do, if only one task has
    it.
    """
    if not argument:
        raise CommandError("Which task? Give the number or the name that 'tasks' shows.")
    snapshot = take_snapshot(with_contexts=True)
    nodes = list(snapshot.tasks())
    if not nodes:
        raise CommandError(NO_TASK)
    _focus(debugger, snapshot, pick(nodes, argument, "task"))


def focus_task(debugger: Commands, wanted: object) -> None:
    """Move into a task that was found in another way than by its name."""
    snapshot = take_snapshot(with_contexts=True)
    node = next((node for node in snapshot.tasks() if node.task is wanted), None)
    if node is None:
        raise CommandError("That task has ended.")
    _focus(debugger, snapshot, node)


def _focus(debugger: Commands, snapshot: Snapshot, node: TaskNode) -> None:
    from stackscope_pdb.session import Focus
    from stackscope_pdb.views.tasks import brief_line

    noun = f"task {listed([node])}"
    if node.task is _stopped_task(snapshot):
        debugger.message(f"The program stopped in {noun} itself.")
        debugger.leave()
        return
    if not node.stack.frames:
        raise CommandError(f"There are no frames of {noun} that can be looked at.")
    debugger.show([brief_line(node)])
    focus = Focus(node.task, node.stack, node.name, noun, kind="task")
    debugger.enter(focus, index_of_user_frame(node.stack))


def index_of_user_frame(stack: Stack) -> int:
    """The index of the frame to begin with: the innermost one that is the user's."""
    from stackscope.snapshot import innermost_user_frame

    frame = innermost_user_frame(stack)
    found = [index for index, entry in enumerate(stack.frames) if entry is frame]
    return found[0] if found else len(stack.frames) - 1


@command("back to where the program stopped")
def unfocus(debugger: Commands, argument: str) -> None:
    """unfocus

    Go back to the frame where the program stopped, from the task or the
    context that 'task' or 'ctx' moved into.
    """
    if argument:
        raise CommandError(f"'unfocus' takes no argument: {argument!r} is one.")
    if debugger.session.focus is None:
        debugger.message("Nothing is focused: this is where the program stopped.")
        return
    debugger.leave()
