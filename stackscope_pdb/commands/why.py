"""`why`, `locks`: what is stuck and who is to blame, and who has what others wait for."""

from __future__ import annotations

from stackscope_pdb.commands.picking import pick
from stackscope_pdb.commands.registry import CommandError, command
from stackscope_pdb.program.patience import Patience, ShortPatience

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator, List, Tuple

    from stackscope import Diagnosis, Snapshot
    from stackscope.render.drawing import Line
    from stackscope_pdb.stop.host import Host
    from stackscope_pdb.stop.snapshots import Snapshots


def _complete_task(debugger: Host, text: str) -> List[str]:
    nodes = list(debugger.session.snapshots.offered(ShortPatience().wants_more).tasks())
    return [node.name for node in nodes] + [str(node.number) for node in nodes]


@command("what is stuck, and which lines to look at", complete=_complete_task)
def why(debugger: Host, argument: str) -> None:
    """why [NUMBER | NAME]

    Show what can never continue by itself: tasks, threads and greenlets
    that wait for each other (deadlock), or for something that nothing
    alive can end (abandoned); and event loops whose thread is in a
    blocking call. Each finding names the lines to look at, and says how
    many others only wait behind it. Unless it is called likely, it is
    proved: the wait can only be cancelled, or fail.

    If the waits alone don't decide it, all objects of the process are
    searched. That takes a few seconds per million objects. Ctrl-C skips
    the search.

    With a task's number or name, show the chain from that task to what
    could end its wait.
    """
    from stackscope.render.diagnosis import chain_lines, summary_lines

    snapshots = debugger.session.snapshots
    with Patience(debugger) as patience:
        snapshot = snapshots.tasks_and_threads(patience.wants_more)
        if patience.has_ended:
            raise CommandError(f"{patience.sentence(snapshot)} So what is stuck isn't known.")
        diagnosis, is_searched = _diagnosis(snapshots, snapshot, patience)
        if not argument:
            lines = patience.drawn(_fitting(debugger, summary_lines(diagnosis)))
        else:
            nodes = list(snapshot.tasks())
            if not nodes:
                raise CommandError("No task is alive in this process.")
            lines = patience.drawn(
                _fitting(debugger, chain_lines(diagnosis, pick(nodes, argument, "task")))
            )
    if not is_searched:
        debugger.message("Ctrl-C has ended the search of all objects, so more may be stuck.")
    patience.show(lines)


def _diagnosis(
    snapshots: Snapshots, snapshot: Snapshot, patience: Patience
) -> Tuple[Diagnosis, bool]:
    """The findings, and whether the heap was searched: not if the user has enough of that."""
    from stackscope import diagnose

    try:
        patience.begin("Searching all objects for what is stuck")
        diagnosis = snapshots.searched(lambda whole: diagnose(whole, progress=patience.goes_on))
    except KeyboardInterrupt:
        return diagnose(snapshot, deep=False), False
    return diagnosis, True


def _fitting(debugger: Host, lines: Iterable[Line]) -> Iterator[Line]:
    """Lines of which none but source text is cut."""
    from stackscope.render.diagnosis import fitting
    from stackscope.render.paths import with_short_paths

    width = debugger.console.width
    return (part for line in lines for part in fitting(with_short_paths(line), width))


@command("who holds what others wait for")
def locks(debugger: Host, argument: str) -> None:
    """locks

    Show each lock, semaphore, queue or event that a task, thread or
    greenlet waits for: who holds it, since which line, and who waits.
    """
    from stackscope.render.locks import lock_lines

    if argument:
        raise CommandError(f"'locks' takes no argument: {argument!r} is one.")
    with Patience(debugger) as patience:
        snapshot = debugger.session.snapshots.tasks_and_threads(patience.wants_more)
        lines = patience.drawn(_fitting(debugger, lock_lines(snapshot)))
    patience.show(lines)
    if patience.has_ended:
        debugger.message(patience.sentence(snapshot))
