"""`tasks`, `task`, `unfocus`: all tasks of the process, and a way into the frames of one."""

from __future__ import annotations

from stackscope_pdb.commands.filtering import filtered, nothing_fits
from stackscope_pdb.commands.picking import listed, pick
from stackscope_pdb.commands.registry import CommandError, command
from stackscope_pdb.program.patience import Patience, ShortPatience

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Optional

    from stackscope import Diagnosis, Snapshot, TaskNode
    from stackscope.render.drawing import Line
    from stackscope_pdb.stop.host import Host
    from stackscope_pdb.stop.snapshots import Snapshots

NO_TASK = "No task is alive in this process."


def _complete_filter(debugger: Host, text: str) -> List[str]:
    from stackscope.render.matching import filter_completions

    offered = debugger.session.snapshots.offered(ShortPatience().wants_more)
    return filter_completions(offered, text)


def _complete_task(debugger: Host, text: str) -> List[str]:
    nodes = list(debugger.session.snapshots.offered(ShortPatience().wants_more).tasks())
    return [node.name for node in nodes] + [str(node.number) for node in nodes]


@command("all tasks, under the groups that own them", complete=_complete_filter)
def tasks(debugger: Host, argument: str) -> None:
    """tasks [FILTER]

    Show all tasks of asyncio, trio and other known libraries as a tree.
    Each row has the task's number, its name, what it waits for, and the
    innermost line of your code that it is at. If it is known, the row
    also says for how long it waits, and who holds the lock. A task is
    listed below the 'async with' of its task group or nursery.

    More than five tasks with the same stack become one row.

    If there are very many tasks, the terminal shows the progress.
    Ctrl-C shows those found so far; a second one ends the command.

    A '!' marks what is stuck, as far as the waits alone show it; the
    last line sums it up. 'why' looks deeper.

    Greenlets follow in a table of their own. A greenlet that runs the
    code of a task belongs to that task.

    With FILTER, show only the tasks and greenlets that match, and those
    above them, marked 'no match':

      WORD          is in the name, the state or the place; case is ignored
      name:WORD     is in the name, or in what the task is about
      state:WORD    is in what it does: running, ready, waiting …
      in:WORD       is in the name of a function that it is in
      file:WORD     is in the file of such a function
      with:WORD     is in the type of an active context manager
      waits:WORD    is in what it waits for
      held-by:N     task or thread N has the lock that it waits for
      library:WORD  is in the library of its loop, or of a function
      age>30        is older than 30 seconds; so do <, >=, <=, 5m, 1h
      stuck         is stuck, as far as that is known

    All words must match. Combine them with 'and', 'or', 'not' and
    parentheses. name:=WORD matches the whole name, * matches anything,
    and quotes keep "words with spaces" together. Ages are known once
    the program has called stackscope.clock.install().
    """
    session = debugger.session
    with Patience(debugger) as patience:
        snapshot = session.snapshots.tasks_now(patience.wants_more)
        is_whole = session.snapshots.is_whole
        diagnosis = _diagnosis(debugger, patience) if is_whole else None
        shown = snapshot
        if argument:
            shown = filtered(snapshot, argument, knows_stuck=diagnosis is not None)
        drawing = _task_lines(debugger, shown, argument, diagnosis)
        lines = patience.drawn(drawing if shown.loops or shown.items else ())
    if is_whole and not any(snapshot.tasks()) and not snapshot.items:
        debugger.message(NO_TASK)
        return
    if argument and not shown.loops and not shown.items:
        debugger.message(nothing_fits(shown, "tasks"))
    patience.show(lines)
    if not is_whole:
        debugger.message(patience.sentence(snapshot))
    elif diagnosis is None:
        debugger.message("Ctrl-C has ended it: what is stuck isn't marked.")


def _task_lines(
    debugger: Host, snapshot: Snapshot, argument: str, diagnosis: Optional[Diagnosis]
) -> Iterator[Line]:
    """The rows. Without a diagnosis nothing is said of what is stuck."""
    from stackscope.render.diagnosis import stuck_line
    from stackscope.render.items import item_lines
    from stackscope.render.stuck import stuck_by
    from stackscope.render.tasks import task_lines

    session = debugger.session
    marked = session.focus.item if session.focus else session.snapshots.stopped_task()
    stuck = stuck_by(() if diagnosis is None else diagnosis.findings)
    items = [node for top in snapshot.items for node in top.walk()]
    console = debugger.console
    yield from task_lines(snapshot, marked, console, stuck=stuck)
    yield from item_lines(items, console, stuck=stuck)
    last = None if argument or diagnosis is None else stuck_line(diagnosis)
    if last is not None:
        yield last


def _diagnosis(debugger: Host, patience: Patience) -> Optional[Diagnosis]:
    """What is stuck; ``None`` if the user won't wait for that."""
    if patience.is_enough:
        return None
    try:
        patience.begin("Looking for what is stuck")
        return debugger.session.snapshots.diagnosis()
    except KeyboardInterrupt:
        return None


@command("move into the frames of a task", complete=_complete_task)
def task(debugger: Host, argument: str) -> None:
    """task NUMBER | NAME

    Move into a task: 'where', 'up', 'down', 'ctx', 'list', 'll', 'p',
    'pp', 'args', 'display' and 'interact' then work in its suspended
    frames, and the prompt shows its name. 'unfocus' goes back.

    'tasks' shows the numbers. If a task's name is itself a number, write
    '#3' for number 3. Part of a name is enough if it fits only one task,
    and so is the name of a function that only one task is in.
    """
    if not argument:
        raise CommandError("Which task? Give the number or the name that 'tasks' shows.")
    _focus(debugger, _picked(debugger, argument))


def _picked(debugger: Host, text: str) -> TaskNode:
    """The task that is meant by a number or a name."""
    snapshots = debugger.session.snapshots
    with Patience(debugger) as patience:
        snapshot = snapshots.tasks_now(patience.wants_more)
    found = _numbered(snapshots, text)
    if found is not None:
        return found
    if not snapshots.is_whole:
        raise CommandError(f"{patience.sentence(snapshot)} None of them has the number {text!r}.")
    nodes = list(snapshot.tasks())
    if not nodes:
        raise CommandError(NO_TASK)
    return pick(nodes, text, "task")


def _numbered(snapshots: Snapshots, text: str) -> Optional[TaskNode]:
    """The task of a number, unless that may be meant as a name."""
    word = text[1:] if text.startswith("#") else text
    found = snapshots.numbered(int(word)) if word.isdecimal() and len(word) < 10 else None
    others = [node for node in snapshots.named(text) if node is not found]
    return None if others else found


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
