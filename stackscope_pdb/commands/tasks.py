"""`tasks`, `task`, `unfocus`: all tasks of the process, and a way into the frames of one."""

from __future__ import annotations

from stackscope_pdb.commands.picking import listed, pick
from stackscope_pdb.commands.registry import CommandError, command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Sequence

    from stackscope import TaskNode
    from stackscope_pdb.stop.host import Host

NO_TASK = "No task is alive in this process."


def _complete_name(debugger: Host, text: str) -> List[str]:
    return [node.name for node in debugger.session.snapshots.tasks().tasks()]


def _complete_task(debugger: Host, text: str) -> List[str]:
    nodes = list(debugger.session.snapshots.tasks().tasks())
    return [node.name for node in nodes] + [str(node.number) for node in nodes]


@command("all tasks, under the groups that own them", complete=_complete_name)
def tasks(debugger: Host, argument: str) -> None:
    """tasks [TEXT]

    Show all tasks in the process, those of asyncio, trio and other known
    libraries, as one tree: each with its number, its name, the innermost
    line of your code that it is at, and what it waits for: for how long,
    and which tasks hold the lock, where that can be known. A task stands
    under the 'async with' of the task group or nursery that owns it.

    More than five tasks with the same stack become one row.

    The last line says who is stuck, as far as the waits alone show that:
    'why' tells more.

    Greenlets follow in a table of their own, but for those in which a
    task runs its code: they are parts of that task.

    With TEXT, show only tasks with that text in their name, state or
    place, and the tasks that own them.
    """
    from stackscope.render.diagnosis import stuck_line
    from stackscope.render.items import item_lines, item_matches
    from stackscope.render.tasks import task_lines
    from stackscope.snapshot.diagnosing import diagnose_snapshot

    session = debugger.session
    snapshot = session.snapshots.tasks_now()
    nodes = list(snapshot.tasks())
    items = [node for top in snapshot.items for node in top.walk()]
    if not nodes and not items:
        debugger.message(NO_TASK)
        return
    marked = session.focus.item if session.focus else session.snapshots.stopped_task()
    console = debugger.console
    wanted = (lambda node: _matches(node, argument)) if argument else None
    lines = list(task_lines(snapshot, wanted, marked, console))
    shown = [node for node in items if not argument or item_matches(node, argument)]
    lines += item_lines(shown, console)
    if not lines:
        count = _count(nodes, "task") if nodes else _count(items, items[0].kind)
        debugger.message(
            f"No task has {argument!r} in its name, state or place. 'tasks' shows all {count}."
        )
        return
    stuck = None if argument else stuck_line(diagnose_snapshot(snapshot, deep=False, at_once=True))
    if stuck is not None:
        lines.append([*stuck, ("note", " (see 'why')")])
    debugger.show(lines, console)


def _count(nodes: Sequence[object], noun: str) -> str:
    return f"{len(nodes)} {noun}{'s' * (len(nodes) != 1)}"


def _matches(node: TaskNode, text: str) -> bool:
    from stackscope.render.words import place_text, state_text

    frames = [frame for frame in node.stack.frames if not frame.hide]
    haystack = [node.name, node.subject or "", state_text(node), *map(place_text, frames)]
    return any(text.lower() in part.lower() for part in haystack)


@command("move into the frames of a task", complete=_complete_task)
def task(debugger: Host, argument: str) -> None:
    """task NUMBER | NAME

    Move into a task: 'where', 'up', 'down', 'ctx', 'list', 'll', 'p',
    'pp', 'args', 'display' and 'interact' then work in its suspended
    frames, and the prompt shows its name. 'unfocus' leads back.

    NUMBER is the one that 'tasks' shows. If a task's name is a number,
    '#3' is the number 3. A part of a name will do, if only one task has
    it, and so will the function that only one task stands in.
    """
    if not argument:
        raise CommandError("Which task? Give the number or the name that 'tasks' shows.")
    nodes = list(debugger.session.snapshots.tasks_now().tasks())
    if not nodes:
        raise CommandError(NO_TASK)
    _focus(debugger, pick(nodes, argument, "task"))


def focus_task(debugger: Host, wanted: object) -> None:
    """Move into a task that was found in another way than by its name."""
    node = debugger.session.snapshots.find(wanted)
    if node is None:
        raise CommandError("That task has ended.")
    _focus(debugger, node)


def _focus(debugger: Host, node: TaskNode) -> None:
    from stackscope.render.words import task_name
    from stackscope.snapshot.user_code import index_of_user_frame
    from stackscope_pdb.stop.focus import Focus
    from stackscope_pdb.stop.snapshots import goes_on
    from stackscope_pdb.views.naming import brief_line

    snapshots = debugger.session.snapshots
    noun = f"task {listed([node])}"
    if node.task is snapshots.stopped_task():
        debugger.message(f"The program stopped in {noun} itself.")
        debugger.leave()
        return
    if not node.stack.frames:
        raise CommandError(f"There are no frames of {noun} that can be looked at.")
    debugger.show([brief_line(node)])
    loop = snapshots.loop_of(node.task)
    started = snapshots.find(node.starts)
    doing = "running" if node.state == "running" else "suspended"
    if started is not None:
        doing = f"starting task {started.number}"
    if loop is not None and goes_on(loop):
        doing = f"was {doing} here at {snapshots.seen_at()}, and goes on"
    else:
        doing = f"is {doing}"
    focus = Focus(node.task, node.stack, task_name(node), noun, kind="task", doing=doing)
    debugger.enter(focus, index_of_user_frame(node.stack))


@command("back to where the program stopped")
def unfocus(debugger: Host, argument: str) -> None:
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
