"""`threads`, `thread`: all threads of the process, and a way into the frames of one."""

from __future__ import annotations

from stackscope_pdb.commands.filtering import filtered, nothing_fits
from stackscope_pdb.commands.picking import listed, pick
from stackscope_pdb.commands.registry import CommandError, command
from stackscope_pdb.program import turns
from stackscope_pdb.program.patience import Patience
from stackscope_pdb.stop.snapshots import extract_now, thread_nodes, threads_with_waits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from stackscope import ThreadNode
    from stackscope_pdb.stop.host import Host


def _complete_filter(_debugger: Host, text: str) -> List[str]:
    from stackscope import Snapshot
    from stackscope.render.matching import filter_completions

    return filter_completions(Snapshot([], thread_nodes()), text)


def _complete_thread(_debugger: Host, _text: str) -> List[str]:
    nodes = thread_nodes()
    return [node.name for node in nodes] + [str(node.number) for node in nodes if node.number]


@command("all threads", complete=_complete_filter)
def threads(debugger: Host, argument: str) -> None:
    """threads [FILTER]

    Show all threads of the process. Each row has the thread's number,
    its name, what it does, and the innermost line of your code that it
    is at. If it waits for a lock, the row says who holds that, if known.

    Other threads continue while the prompt waits, until they stop, too.
    Those marked 'stopped, waiting' get the prompt next, in the order of
    their stops, once this thread continues.

    More than five threads with the same stack become one row. A '!'
    marks what is stuck, as far as the waits alone show it.

    With FILTER, show only the threads that match. 'help tasks' describes
    filters.
    """
    from stackscope import Snapshot
    from stackscope.render.stuck import stuck_by
    from stackscope.render.threads import thread_lines

    with Patience(debugger) as patience:
        nodes, circles, findings = threads_with_waits(patience.wants_more)
        found = Snapshot([], nodes, cycles=circles)
        if argument:
            found = filtered(found, argument)
            nodes, circles = found.threads, found.cycles
        focus = debugger.session.focus
        marked = focus.item if focus is not None and focus.kind == "thread" else None
        console = debugger.console
        stuck = stuck_by(findings)
        lines = patience.drawn(
            thread_lines(nodes, marked, turns.waiting(), console, circles=circles, stuck=stuck)
        )
    if not nodes:
        debugger.message(nothing_fits(found, "threads"))
        return
    patience.show(lines)
    if patience.has_ended:
        debugger.message(
            "Incomplete: Ctrl-C has ended the search for tasks. Holders of locks may be missing, "
            "and what is stuck isn't marked."
        )


@command("move into the frames of a thread", complete=_complete_thread)
def thread(debugger: Host, argument: str) -> None:
    """thread NUMBER | NAME

    Move into the frames of a thread, as they are at this moment. The
    thread itself continues, unless it is stopped, too. Repeat the
    command to see where it is by then. 'unfocus' goes back.

    'threads' shows the numbers. If a thread's name is itself a number,
    write '#3' for number 3. Part of a name is enough if it fits only one
    thread, and so is the name of a function that only one is in.
    """
    if not argument:
        raise CommandError("Which thread? Give the number or the name that 'threads' shows.")
    focus_thread(debugger, pick(thread_nodes(), argument, "thread"))


def focus_thread(debugger: Host, node: ThreadNode) -> None:
    """Move into the frames of a thread."""
    from stackscope.snapshot.user_code import index_of_user_frame
    from stackscope_pdb.stop.focus import Focus

    noun = f"thread {listed([node])}"
    if node.is_here:
        debugger.message(f"The program stopped in {noun} itself.")
        debugger.leave()
        return
    item = node.thread if node.thread is not None else node.ident
    stack = extract_now(item)
    if not stack.frames:
        raise CommandError(f"There are no frames of {noun} that can be looked at.")
    focus = Focus(item, stack, node.name, noun, kind="thread")
    focus.is_stopped = node.ident in turns.waiting()
    debugger.enter(focus, index_of_user_frame(stack))
