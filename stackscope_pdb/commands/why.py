"""`why`, `locks`: what is stuck and who is to blame, and who has what others wait for."""

from __future__ import annotations

import time

from stackscope_pdb.commands.picking import pick
from stackscope_pdb.commands.registry import CommandError, command
from stackscope_pdb.program.patience import Patience, ShortPatience
from stackscope_pdb.stop.snapshots import whole_snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, List

    from stackscope import Diagnosis, Snapshot
    from stackscope.render.drawing import Line
    from stackscope_pdb.stop.host import Host

PATIENCE = 1.0
"""Seconds that a search may take before something is said of it."""


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

    with Patience(debugger) as patience:
        snapshot = whole_snapshot(patience.wants_more)
    if patience.has_ended:
        raise CommandError(f"{patience.sentence(snapshot)} So what is stuck isn't known.")
    diagnosis = _diagnose(debugger, snapshot)
    if not argument:
        _show(debugger, summary_lines(diagnosis))
        return
    nodes = list(snapshot.tasks())
    if not nodes:
        raise CommandError("No task is alive in this process.")
    _show(debugger, chain_lines(diagnosis, pick(nodes, argument, "task")))


def _show(debugger: Host, lines: Iterable[Line]) -> None:
    """Show lines, of which none but source text is cut."""
    from stackscope.render.diagnosis import fitting
    from stackscope.render.paths import with_short_paths

    console = debugger.console
    short = map(with_short_paths, lines)
    debugger.show([part for line in short for part in fitting(line, console.width)], console)


def _diagnose(debugger: Host, snapshot: Snapshot) -> Diagnosis:
    """The findings; those of the waits alone if the user has enough of the search."""
    from stackscope import diagnose

    begun = time.monotonic()
    told: List[float] = []

    def report(share: float) -> None:
        if not told and time.monotonic() - begun > PATIENCE:
            told.append(share)
            debugger.message("Searching all objects of the process; Ctrl-C skips this …")

    try:
        return diagnose(snapshot, progress=report)
    except KeyboardInterrupt:
        debugger.message("The search was skipped: more may be stuck.")
        return diagnose(snapshot, deep=False)


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
        snapshot = whole_snapshot(patience.wants_more)
    _show(debugger, lock_lines(snapshot))
    if patience.has_ended:
        debugger.message(patience.sentence(snapshot))
